// The wrapper's ground: views, status, results, and this file's copy of the host's tables. Filled in once, by
// cleat_plugin_v1, before any other call; read-only after. Copies have every entry this header knows: one beyond the
// host's own `size` is NULL here, and calls through it answer CLEAT_UNSUPPORTED.
//
// What has one address is hidden, whatever the flags: a plugin shares none of it with another plugin, and can be unmapped (no
// STB_GNU_UNIQUE symbol, no thread_local). The inline namespace keeps it apart from a host linked into the same program.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/plugin.h"

#define CLEAT_CPP_NAMESPACE_BEGIN \
  namespace cleat {               \
  inline namespace sdk {
#define CLEAT_CPP_NAMESPACE_END \
  }                             \
  }
#define CLEAT_CPP_HIDDEN __attribute__((visibility("hidden")))

CLEAT_CPP_NAMESPACE_BEGIN

// The ABI's view of text and back. Neither copies: the bytes stay their owner's.
constexpr cleat_str to_str(std::string_view text) noexcept { return {text.data(), text.size()}; }
constexpr std::string_view to_view(cleat_str text) noexcept { return {text.data, static_cast<std::size_t>(text.size)}; }

// One header field for a reply. Views: both texts must live until the call that takes it returns.
constexpr cleat_header header(std::string_view name, std::string_view value) noexcept { return {to_str(name), to_str(value)}; }

namespace detail {

// What the host offers, found once. An absent extension is a table of NULLs with size 0.
struct Host {
  cleat_host core;
  cleat_host_attributes attributes;
  cleat_host_balancer balancer;
  cleat_host_body body;
  cleat_host_config config;
  cleat_host_config_source config_source;
  cleat_host_control control;
  cleat_host_events events;
  cleat_host_handler handler;
  cleat_host_handover handover;
  cleat_host_http_call http_call;
  cleat_host_kv kv;
  cleat_host_metadata metadata;
  cleat_host_metrics metrics;
  cleat_host_post post;
  cleat_host_timer timer;
  cleat_host_tls tls;
};

CLEAT_CPP_HIDDEN inline constinit Host host{};

// Calls a table's entry, or answers CLEAT_UNSUPPORTED where the host has none.
template <class... Parameters, class... Arguments>
inline cleat_status call(cleat_status (*function)(Parameters...), Arguments... arguments) noexcept {
  if (function == nullptr) [[unlikely]] return CLEAT_UNSUPPORTED;
  return function(arguments...);
}

// Copies as much of a table as both sides know. The rest stays NULL.
template <class Table>
inline void copy_table(const void* from, Table& to) noexcept {
  to = Table{};
  if (from == nullptr) return;
  std::uint32_t size = 0;
  std::memcpy(&size, from, sizeof size);
  std::memcpy(static_cast<void*>(&to), from, size < sizeof(Table) ? size : sizeof(Table));
}

}  // namespace detail

// What a host call answered: CLEAT_OK or one of the CLEAT_* failures. True when it is CLEAT_OK.
class Status {
 public:
  constexpr Status() noexcept = default;
  constexpr Status(cleat_status code) noexcept : code_(code) {}  // implicit: it is how the ABI speaks
  constexpr bool ok() const noexcept { return code_ == CLEAT_OK; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  constexpr cleat_status code() const noexcept { return code_; }
  friend constexpr bool operator==(Status, Status) noexcept = default;

 private:
  cleat_status code_ = CLEAT_OK;
};

// A value, or the status that says why there is none. `*` REQUIRES: it is true.
template <class T>
class Result {
 public:
  constexpr Result(Status failure) noexcept : status_(failure) {}
  constexpr Result(Status status, T value) noexcept : status_(status), value_(std::move(value)) {}
  constexpr explicit operator bool() const noexcept { return status_.ok(); }
  constexpr bool ok() const noexcept { return status_.ok(); }
  constexpr Status status() const noexcept { return status_; }
  constexpr const T& operator*() const noexcept { return value_; }
  constexpr T& operator*() noexcept { return value_; }
  constexpr const T* operator->() const noexcept { return &value_; }
  constexpr T value_or(T otherwise) const { return status_.ok() ? value_ : std::move(otherwise); }

 private:
  Status status_;
  T value_{};
};

// [any] The host's words on this thread's last failed call, cut at 512 bytes. Allocates.
inline std::string error_text() {
  std::array<char, 512> buffer;
  std::uint64_t needed = 0;
  if (detail::call(detail::host.core.error_text, buffer.data(), std::uint64_t{buffer.size()}, &needed) == CLEAT_UNSUPPORTED) return {};
  return {buffer.data(), static_cast<std::size_t>(needed < buffer.size() ? needed : buffer.size())};
}

// [any] Says why the hook, or constructor, that is running is about to fail.
inline Status set_error(std::string_view text) noexcept { return detail::call(detail::host.core.set_error, to_str(text)); }

// What a hook answers; plugin.h and types.h say what each does.
enum class Verdict : cleat_verdict {
  kContinue = CLEAT_CONTINUE,
  kReplied = CLEAT_REPLIED,
  kSuspend = CLEAT_SUSPEND,
  kFail = CLEAT_FAIL,
  kUnsubscribe = CLEAT_UNSUBSCRIBE,
};
using enum Verdict;

// A failed verdict with its reason: `return cleat::fail("no such key");`
inline Verdict fail(std::string_view reason) noexcept {
  set_error(reason);
  return kFail;
}

// The right to resume one suspended hook, once, from any thread. A value: copies are the same ticket.
class Ticket {
 public:
  constexpr Ticket() noexcept = default;
  constexpr explicit Ticket(cleat_ticket handle) noexcept : handle_(handle) {}
  // [any] Moves the exchange on with `verdict` (not kSuspend). CLEAT_STALE, harmless: used, timed out, or its exchange is gone.
  Status resume(Verdict verdict = kContinue) const noexcept {
    return detail::call(detail::host.core.resume, handle_, static_cast<cleat_verdict>(verdict));
  }
  constexpr cleat_ticket handle() const noexcept { return handle_; }

 private:
  cleat_ticket handle_ = 0;
};

CLEAT_CPP_NAMESPACE_END
