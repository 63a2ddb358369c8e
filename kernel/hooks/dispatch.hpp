// The dispatch site: every call of a worker into a plugin goes through here, but those of a chain's hooks of heads, whose loop
// (exchange_hooks.cpp) is made of the same pieces. It stamps the worker with instance, hook and
// exchange before the call and clears the stamp after (call_stamp.hpp: at no cost for those who look at it from outside), counts the call and its failures, takes the time of one call in 128, and
// turns exceptions and numbers that are no verdicts into CLEAT_FAIL. Worker threads; nothing here allocates unless a call fails.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"

namespace cleat::hooks {

inline constexpr std::uint64_t kSampleEvery = 128;  // a power of two

// The slow half: counts the failure, and says it in the log, blamed on the plugin (bounded there). The answer is CLEAT_FAIL.
std::uint32_t report_caught(Worker& worker, Instance& instance, Hook hook);  // in a handler: what has been thrown
std::uint32_t report_failure(Worker& worker, Instance& instance, Hook hook, std::uint32_t verdict);
// A failure found after the return, such as REPLIED without a reply.
void count_failure(Worker& worker, Instance& instance, Hook hook, const char* what);
std::uint64_t sample_begin();
void sample_end(HookCounters& counters, std::uint64_t begin);

namespace detail {

// Is the next call's time to be taken? The shard has one writer: no read-modify-write.
inline bool is_sampled(HookCounters& counters) {
  return (std::atomic_ref<std::uint64_t>(counters.calls).load(std::memory_order_relaxed) & (kSampleEvery - 1)) == 0;
}
// Counts the call that begins, and stamps it; the exchange is stamped before. word: StampedHook::word.
inline void begin_call(CallStamp& stamp, HookCounters& counters, Instance* instance, std::uint32_t word) {
  std::atomic_ref<std::uint64_t> calls(counters.calls);
  calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  stamp.instance = instance;
  stamp.hook.store(word);
}

inline std::uint32_t checked(Worker& worker, Instance& instance, Hook hook, std::uint32_t verdict) {
  if (verdict <= CLEAT_UNSUBSCRIBE && verdict != CLEAT_FAIL) [[likely]] return verdict;
  return report_failure(worker, instance, hook, verdict);
}

// Cleared, not restored: a plugin is never entered from within a plugin. Field by field: copying the struct out and back, in pieces
// of another size than it was written in, doubled the cost of the call.
[[gnu::always_inline]] inline void clear(CallStamp& stamp) {
  stamp.hook = Hook::kNone;
  stamp.instance = nullptr;
  stamp.exchange = nullptr;
}

}  // namespace detail

// Calls a hook that returns a verdict. The answer is one of the five verdicts.
template <class Call>
inline std::uint32_t call_hook(Worker& worker, Instance& instance, Hook hook, Exchange* exchange, std::uint8_t position, Call&& call) {
  HookCounters& counters = instance.counters(worker.index, hook);
  const bool sampled = detail::is_sampled(counters);
  worker.stamp.exchange = exchange;
  detail::begin_call(worker.stamp, counters, &instance, StampedHook::word(hook, position));
  const std::uint64_t begin = sampled ? sample_begin() : 0;
  std::uint32_t verdict;
  try {
    verdict = detail::checked(worker, instance, hook, call());
  } catch (...) {
    verdict = report_caught(worker, instance, hook);
  }
  if (sampled) sample_end(counters, begin);
  detail::clear(worker.stamp);
  return verdict;
}

// Calls what returns nothing: on_end, timers, posted callbacks.
template <class Call>
inline void call_callback(Worker& worker, Instance& instance, Hook hook, Exchange* exchange, std::uint8_t position, Call&& call) {
  call_hook(worker, instance, hook, exchange, position, [&]() -> std::uint32_t {
    call();
    return CLEAT_CONTINUE;
  });
}

// The same outside the chain's hooks: the position is found in the exchange's chain.
template <class Call>
inline void call_callback(Worker& worker, Instance& instance, Hook hook, Exchange* exchange, Call&& call) {
  call_callback(worker, instance, hook, exchange, std::uint8_t{255}, static_cast<Call&&>(call));
}

}  // namespace cleat::hooks
