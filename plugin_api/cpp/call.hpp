// A plugin's own requests to a cluster (cleat.http_call/1). Started on a worker through Plugin::call; what becomes of them comes to a method.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plugin_api/cpp/exchange.hpp"
#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

// What is asked. Views: all of it is copied when the call is started.
struct CallRequest {
  std::string_view cluster;
  std::string_view method = "GET";
  std::string_view target = "/";
  std::string_view authority{};                // empty: the endpoint's address
  std::span<const cleat_header> headers{};
  std::string_view body{};
  std::chrono::milliseconds timeout{5'000};
  std::uint64_t body_max = 0;                  // of the response; 0: 64 KiB
  // CLEAT_CALL_STREAM_BODY; CLEAT_CALL_STREAM only with a callback of the C table: a method hears of the end alone, and misses the pieces.
  std::uint32_t flags = 0;
};

// What became of it, or, of a streamed one, what comes of it. Dies when the method it is given to returns.
class CallEvent {
 public:
  explicit CallEvent(const cleat_call_event& event) noexcept : event_(&event) {}
  std::uint32_t kind() const noexcept { return event_->kind; }      // CLEAT_CALL_*
  bool ok() const noexcept { return event_->kind == CLEAT_CALL_DONE; }
  bool last() const noexcept { return event_->kind == CLEAT_CALL_DONE || event_->kind == CLEAT_CALL_FAILED; }
  std::uint32_t how() const noexcept { return event_->how; }        // of a failure: CLEAT_END_*, CLEAT_CALL_CANCELLED, CLEAT_CALL_TOO_LARGE
  std::uint32_t status() const noexcept { return event_->status; }
  std::string_view body() const noexcept { return to_view(event_->body); }
  std::string_view reason() const noexcept { return to_view(event_->reason); }
  std::span<const cleat_header> headers() const noexcept { return {event_->headers, static_cast<std::size_t>(event_->header_count)}; }
  std::span<const cleat_header> trailers() const noexcept { return {event_->trailers, static_cast<std::size_t>(event_->trailer_count)}; }
  // The first field of that name, in any case.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (const cleat_header& one : headers()) {
      if (same(to_view(one.name), name)) return to_view(one.value);
    }
    return std::nullopt;
  }

 private:
  static bool same(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
      if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
  }
  const cleat_call_event* event_;
};

// A call that is under way; a late one answers CLEAT_STALE. On its worker.
class CallHandle {
 public:
  constexpr CallHandle() noexcept = default;
  constexpr explicit CallHandle(cleat_call handle) noexcept : handle_(handle) {}
  constexpr cleat_call handle() const noexcept { return handle_; }
  Result<std::uint64_t> write(std::string_view data) const noexcept {
    std::uint64_t accepted = 0;
    const cleat_status status = detail::call(detail::host.http_call.write, handle_, to_str(data), &accepted);
    return {status, accepted};
  }
  Status finish(std::span<const cleat_header> trailers = {}) const noexcept {
    return detail::call(detail::host.http_call.finish, handle_, trailers.data(), std::uint64_t{trailers.size()});
  }
  Status pause(bool on) const noexcept { return detail::call(detail::host.http_call.pause, handle_, std::uint32_t{on}); }
  Status cancel() const noexcept { return detail::call(detail::host.http_call.cancel, handle_); }

 private:
  cleat_call handle_ = 0;
};

namespace detail {
template <auto Method, class User, bool kOwned>
void on_call(void* instance, cleat_call call, std::uint64_t owner, const cleat_call_event* event, void* user) noexcept;

inline cleat_call_request to_request(const CallRequest& from) noexcept {
  cleat_call_request made{};
  made.size = sizeof made;
  made.flags = from.flags;
  made.cluster = to_str(from.cluster);
  made.method = to_str(from.method);
  made.target = to_str(from.target);
  made.authority = to_str(from.authority);
  made.headers = from.headers.data();
  made.header_count = from.headers.size();
  made.body = to_str(from.body);
  made.timeout_ms = from.timeout.count() <= 0 ? 0 : static_cast<std::uint64_t>(from.timeout.count());
  made.body_max = from.body_max;
  return made;
}
}  // namespace detail

CLEAT_CPP_NAMESPACE_END
