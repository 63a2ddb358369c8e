// What the host's functions begin with: from a handle to the exchange, from the running call to the instance that made it, from
// pointers of a plugin to something safe. Worker threads, several times for each request: inline, and nothing here allocates.
#pragma once

#include <cstdint>
#include <new>

#include "kernel/exchange.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"

namespace cleat::hooks {

Exchange* exchange_elsewhere(Worker* worker, cleat_exchange handle, cleat_status& status);

// The exchange, or nullptr and the status to answer (its text is set): no worker or another's handle CLEAT_WRONG_THREAD, a late
// one CLEAT_STALE, something else than an exchange CLEAT_INVALID. Nearly always it is the one that is being called for.
inline Exchange* exchange_of(cleat_exchange handle, cleat_status& status) {
  Worker* const worker = Worker::current();
  if (worker != nullptr) [[likely]] {
    Exchange* const called = worker->stamp.exchange;
    if (called != nullptr && called->handle() == handle) [[likely]] return called;
  }
  return exchange_elsewhere(worker, handle, status);
}

// The same for connections.
Connection* connection_of(cleat_conn handle, cleat_status& status);

namespace detail {
template <auto kFind, auto kFunction>
struct With;
template <class T, class U, class... Arguments, T* (*kFind)(std::uint64_t, cleat_status&), cleat_status (*kFunction)(U&, Arguments...)>
struct With<kFind, kFunction> {
  static cleat_status call(std::uint64_t handle, Arguments... arguments) {
    cleat_status status;
    T* const found = kFind(handle, status);
    return found == nullptr ? status : kFunction(*found, arguments...);
  }
};
}  // namespace detail

// A function of a table, which is called with a handle, from one that is called with what the handle names: where there is none, it answers as
// exchange_of, connection_of or another such kFind says.
template <auto kFind, auto kFunction>
inline constexpr auto with = detail::With<kFind, kFunction>::call;

// The answer to a handle that names another worker: CLEAT_STALE if there is no such worker, so that nobody ever gave it.
cleat_status of_another_worker(std::uint64_t handle);

namespace detail {
template <class... H>
constexpr std::uint64_t hook_set(H... hooks) {
  return ((std::uint64_t{1} << static_cast<unsigned>(hooks)) | ...);
}
static_assert(kHooks <= 64);
inline constexpr std::uint64_t kVerdictHooks = hook_set(
    Hook::kConnection, Hook::kClientHello, Hook::kTls, Hook::kRequest, Hook::kRoute, Hook::kRequestBody, Hook::kRequestTrailers, Hook::kAttempt,
    Hook::kAttemptEnd, Hook::kResponse, Hook::kResponseBody, Hook::kResponseTrailers, Hook::kReply, Hook::kHandle, Hook::kHandleBody);
inline constexpr std::uint64_t kExchangeHooks =
    (kVerdictHooks & ~hook_set(Hook::kConnection, Hook::kClientHello, Hook::kTls)) | hook_set(Hook::kEnd, Hook::kWritable, Hook::kHandleEnd);
inline bool in(std::uint64_t set, Hook hook) { return (set >> static_cast<unsigned>(hook) & 1) != 0; }
}  // namespace detail

inline bool returns_verdict(Hook hook) { return detail::in(detail::kVerdictHooks, hook); }

// Is a hook of this exchange running? After it the exchange looks at what was staged by itself.
inline bool in_hook(const Exchange& x) {
  const CallStamp& stamp = x.worker.stamp;
  return stamp.exchange == &x && detail::in(detail::kExchangeHooks, stamp.hook);
}
inline bool in_hook(const Exchange& x, Hook hook) { return x.worker.stamp.exchange == &x && x.worker.stamp.hook == hook; }

inline bool is_suspended(const Exchange& x, Lane lane) { return x.suspended[static_cast<std::size_t>(lane)] != 0; }

// In that hook of the exchange, or in a callback while the hook is suspended.
inline bool in_stage(const Exchange& x, Hook hook, Stage stage) {
  return in_hook(x, hook) || (x.stage == stage && is_suspended(x, Lane::kHead));
}

// Where the calling instance stands in the exchange's chain; the chain's size for a handler outside it; kNoPosition for a stranger.
inline constexpr std::uint32_t kNoPosition = UINT32_MAX;
std::uint32_t position_in_chain(const Exchange& x);
inline std::uint32_t position_of_caller(const Exchange& x) { return in_hook(x) ? std::uint32_t{x.worker.stamp.hook.position()} : position_in_chain(x); }

// Runs what may allocate: a plugin sees no exception of the host's.
template <class F>
cleat_status guarded(F&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail_call(CLEAT_LIMIT, "the host is out of memory");
  }
}

}  // namespace cleat::hooks
