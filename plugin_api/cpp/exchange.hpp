// The things hooks are called with: an exchange, its heads, its body, its connection. All are handles of one word, passed by
// value, allocating nothing. [worker], inside a hook or a callback on the exchange's worker, unless a function says otherwise.
// Every string_view dies when the hook returns or the object it came from is changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

// A reply made here instead of by an upstream. Views: copied before `reply` returns.
//   const cleat_header headers[] = {cleat::header("www-authenticate", "Bearer")};
//   return x.reply({.status = 401, .headers = headers, .body = "no token\n", .reason = "jwt_missing"});
struct Reply {
  std::uint32_t status = 200;  // 200..599
  std::span<const cleat_header> headers{};
  std::string_view body{};
  std::string_view reason{};   // a short token for the access log
};

namespace detail {
inline cleat_reply to_reply(const Reply& reply) noexcept {
  return {sizeof(cleat_reply), reply.status, reply.headers.data(), reply.headers.size(), to_str(reply.body), to_str(reply.reason)};
}
}  // namespace detail

// One list of fields of an exchange: request, response or their trailers. Names compare without regard to case. The host's
// own (Host, Connection, Transfer-Encoding, Content-Length) are readable, and CLEAT_INVALID to change.
class Fields {
 public:
  constexpr Fields(cleat_exchange x, cleat_part part) noexcept : x_(x), part_(part) {}

  // The `index`-th field of that name. CLEAT_NOT_FOUND; CLEAT_WRONG_PHASE if there is no such head now.
  Result<std::string_view> get(std::string_view name, std::uint64_t index = 0) const noexcept {
    cleat_str value{};
    const cleat_status status = detail::host.core.header_get(x_, part_, to_str(name), index, &value);
    return {status, to_view(value)};
  }
  bool has(std::string_view name) const noexcept { return get(name).ok(); }
  // 0 also if there is no such head now.
  std::uint64_t size() const noexcept {
    std::uint64_t count = 0;
    return detail::host.core.header_count(x_, part_, &count) == CLEAT_OK ? count : 0;
  }
  // The field at `position` < size(), in order of arrival.
  Result<cleat_header> at(std::uint64_t position) const noexcept {
    cleat_header field{};
    const cleat_status status = detail::host.core.header_at(x_, part_, position, &field);
    return {status, field};
  }
  // Calls visit(name, value) for each field. `visit` must not change the list.
  template <class Visit>
  void each(Visit&& visit) const {
    const std::uint64_t count = size();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (const auto field = at(i)) visit(to_view(field->name), to_view(field->value));
    }
  }
  // Replaces every field of that name by one.
  Status set(std::string_view name, std::string_view value) const noexcept {
    return detail::host.core.header_set(x_, part_, to_str(name), to_str(value));
  }
  // One more field of that name.
  Status add(std::string_view name, std::string_view value) const noexcept {
    return detail::host.core.header_add(x_, part_, to_str(name), to_str(value));
  }
  // Removes every field of that name. CLEAT_NOT_FOUND if there was none.
  Status remove(std::string_view name) const noexcept { return detail::host.core.header_remove(x_, part_, to_str(name)); }

 private:
  cleat_exchange x_;
  cleat_part part_;
};

// A body, or in a body hook the piece at hand. Without cleat.body/1 everything answers CLEAT_UNSUPPORTED.
class Body {
 public:
  constexpr Body(cleat_exchange x, cleat_part part, std::uint32_t flags = 0) noexcept : x_(x), part_(part), flags_(flags) {}

  // Ask for the body: each piece as it passes, or whole, up to bytes_max (0 = the listener's bound). Request: until on_route
  // has returned; response: until on_response has.
  Status stream() const noexcept { return detail::call(detail::host.body.subscribe, x_, part_, CLEAT_BODY_STREAM, std::uint64_t{0}); }
  Status whole(std::uint64_t bytes_max = 0) const noexcept {
    return detail::call(detail::host.body.subscribe, x_, part_, CLEAT_BODY_WHOLE, bytes_max);
  }
  Status unsubscribe() const noexcept { return detail::call(detail::host.body.subscribe, x_, part_, CLEAT_BODY_NONE, std::uint64_t{0}); }

  // --- inside the body hook of this part ---
  bool last() const noexcept { return (flags_ & CLEAT_BODY_END) != 0; }  // no more data follows; trailers may
  // The piece. Dies with the hook or at the next change. Empty on failure.
  std::string_view view() const noexcept {
    cleat_str data{};
    return detail::call(detail::host.body.view, x_, part_, &data) == CLEAT_OK ? to_view(data) : std::string_view();
  }
  Status append(std::string_view data) const noexcept { return detail::call(detail::host.body.append, x_, part_, to_str(data)); }
  Status prepend(std::string_view data) const noexcept { return detail::call(detail::host.body.prepend, x_, part_, to_str(data)); }
  Status replace(std::string_view data) const noexcept { return detail::call(detail::host.body.replace, x_, part_, to_str(data)); }
  // Takes `bytes` off the front. CLEAT_INVALID if there are fewer.
  Status drain(std::uint64_t bytes) const noexcept { return detail::call(detail::host.body.drain, x_, part_, bytes); }

 private:
  cleat_exchange x_;
  cleat_part part_;
  std::uint32_t flags_;
};

// The answer of a handler, streamed; from on_handle on, in any hook or callback on the exchange's worker.
class Answer {
 public:
  constexpr explicit Answer(cleat_exchange x) noexcept : x_(x) {}
  // Status and headers; head.body must be empty. With a Content-Length the body is held to it, without one it is chunked.
  Status start(const Reply& head) const noexcept {
    const cleat_reply reply = detail::to_reply(head);
    return detail::call(detail::host.handler.start, x_, &reply);
  }
  // How many bytes were taken: fewer than given when downstream is slow; go on at on_writable.
  Result<std::uint64_t> write(std::string_view data) const noexcept {
    std::uint64_t accepted = 0;
    const cleat_status status = detail::call(detail::host.handler.write, x_, to_str(data), &accepted);
    return {status, accepted};
  }
  Status finish(std::span<const cleat_header> trailers = {}) const noexcept {
    return detail::call(detail::host.handler.finish, x_, trailers.data(), std::uint64_t{trailers.size()});
  }
  // Cuts the answer off: downstream sees a broken message.
  Status abort() const noexcept { return detail::call(detail::host.handler.abort, x_); }

 private:
  cleat_exchange x_;
};

// What exchanges and connections have in common: attributes, and the right to wait.
class Subject {
 public:
  constexpr explicit Subject(std::uint64_t handle) noexcept : handle_(handle) {}
  constexpr std::uint64_t handle() const noexcept { return handle_; }

  // A CLEAT_ATTR_* text, such as CLEAT_ATTR_SOURCE_ADDRESS. CLEAT_NOT_FOUND: not known (yet).
  Result<std::string_view> text(std::uint32_t attribute) const noexcept {
    cleat_str value{};
    const cleat_status status = detail::call(detail::host.attributes.text, handle_, attribute, &value);
    return {status, to_view(value)};
  }
  // A CLEAT_ATTR_* integer, such as CLEAT_ATTR_DURATION_US.
  Result<std::int64_t> integer(std::uint32_t attribute) const noexcept {
    std::int64_t value = 0;
    const cleat_status status = detail::call(detail::host.attributes.integer, handle_, attribute, &value);
    return {status, value};
  }
  // The ticket of a hook that then returns kSuspend.
  Result<Ticket> suspend() const noexcept {
    cleat_ticket ticket = 0;
    const cleat_status status = detail::host.core.suspend(handle_, &ticket);
    return {status, Ticket(ticket)};
  }
  friend constexpr bool operator==(Subject, Subject) noexcept = default;

 protected:
  std::uint64_t handle_;
};

// One downstream connection.
class Connection : public Subject {
 public:
  using Subject::Subject;

  // --- TLS (cleat.tls/1). Of the ClientHello, in on_client_hello and while it is suspended ---
  Result<std::string_view> client_hello(std::uint32_t part) const noexcept { return view(detail::host.tls.client_hello, part); }  // CLEAT_TLS_*
  Result<std::string_view> extension(std::uint32_t type) const noexcept { return view(detail::host.tls.extension, type); }
  Status use_certificate(std::string_view secret) const noexcept { return detail::call(detail::host.tls.certificate_use, handle_, to_str(secret)); }
  // From on_tls on: DER, the client's own first.
  Result<std::string_view> peer_certificate(std::uint32_t index) const noexcept { return view(detail::host.tls.peer_certificate, index); }

 private:
  Result<std::string_view> view(cleat_status (*function)(cleat_conn, std::uint32_t, cleat_str*), std::uint32_t number) const noexcept {
    cleat_str value{};
    const cleat_status status = detail::call(function, handle_, number, &value);
    return {status, to_view(value)};
  }
};

// Base of a per-exchange state whose destructor matters. The plugin must then say `using State = <that type>;`, and the wrapper
// destroys it after on_end, or when a hook returns kUnsubscribe.
struct DestroyedOnEnd {};

namespace detail {
template <class T>
struct StateSlot {
  alignas(T) std::byte bytes[sizeof(T)];
  bool made;  // the host's memory comes zeroed
  T* get() noexcept { return std::launder(reinterpret_cast<T*>(bytes)); }
};
}  // namespace detail

// One request and its response.
class Exchange : public Subject {
 public:
  using Subject::Subject;

  // --- heads ---
  Fields request() const noexcept { return {handle_, CLEAT_REQUEST}; }
  Fields response() const noexcept { return {handle_, CLEAT_RESPONSE}; }
  Fields request_trailers() const noexcept { return {handle_, CLEAT_REQUEST_TRAILERS}; }
  Fields response_trailers() const noexcept { return {handle_, CLEAT_RESPONSE_TRAILERS}; }
  // The parts of the request head that are not fields; empty if not known.
  std::string_view method() const noexcept { return field(CLEAT_METHOD); }
  std::string_view scheme() const noexcept { return field(CLEAT_SCHEME); }        // http, https
  std::string_view authority() const noexcept { return field(CLEAT_AUTHORITY); }  // host[:port]
  std::string_view target() const noexcept { return field(CLEAT_TARGET); }        // path[?query]
  std::string_view path() const noexcept { return field(CLEAT_PATH); }
  std::string_view query() const noexcept { return field(CLEAT_QUERY); }
  // After on_route a change does not choose another route; see reroute.
  Status set_method(std::string_view value) const noexcept { return set_field(CLEAT_METHOD, value); }
  Status set_authority(std::string_view value) const noexcept { return set_field(CLEAT_AUTHORITY, value); }
  Status set_target(std::string_view value) const noexcept { return set_field(CLEAT_TARGET, value); }
  // The response's status, 0 while there is none. To be set in on_response and on_reply.
  std::uint32_t status() const noexcept {
    std::uint32_t value = 0;
    return detail::host.core.status_get(handle_, &value) == CLEAT_OK ? value : 0;
  }
  Status set_status(std::uint32_t value) const noexcept { return detail::host.core.status_set(handle_, value); }

  Body request_body() const noexcept { return {handle_, CLEAT_REQUEST}; }
  Body response_body() const noexcept { return {handle_, CLEAT_RESPONSE}; }

  // --- decisions ---
  // Stages the reply: `return x.reply({...});`. kFail, with the reason set, where a reply is not possible any more.
  Verdict reply(const Reply& reply) const noexcept {
    const cleat_reply staged = detail::to_reply(reply);
    return detail::host.core.reply(handle_, &staged) == CLEAT_OK ? kReplied : failed_call();
  }
  // Cuts the exchange off without a reply once the hook has returned.
  Status reset() const noexcept { return detail::host.core.reset(handle_); }
  // on_route: choose the route again from the head as it is now, when the chain has run. At most 4 times.
  Status reroute() const noexcept { return detail::host.core.reroute(handle_); }
  // on_route: another cluster than the route's.
  Status set_cluster(std::string_view cluster) const noexcept { return detail::host.core.cluster_set(handle_, to_str(cluster)); }
  // on_attempt: a timeout of this attempt, to the end of its response head; 0 = none but the route's.
  Status set_attempt_timeout(std::chrono::milliseconds timeout) const noexcept {
    return detail::host.core.attempt_timeout(handle_, static_cast<std::uint64_t>(timeout.count()));
  }
  // on_request, on_route: the exchange ends this long after its first byte, if it is not to end sooner. At least 1 ms.
  Status shorten(std::chrono::milliseconds timeout) const noexcept {
    return detail::call(detail::host.core.exchange_timeout, handle_, static_cast<std::uint64_t>(timeout.count()));
  }
  // on_request, on_route: keep the request body, up to bytes_max, so that it can be sent again.
  Status keep_for_replay(std::uint64_t bytes_max) const noexcept {
    return detail::call(detail::host.body.keep_for_replay, handle_, bytes_max);
  }
  // on_attempt_end: drop this attempt's outcome and make another after `delay`.
  Status retry(std::chrono::milliseconds delay, bool other_endpoint = true) const noexcept {
    const cleat_retry retry{sizeof(cleat_retry), other_endpoint ? CLEAT_RETRY_OTHER_ENDPOINT : 0, static_cast<std::uint64_t>(delay.count())};
    return detail::host.core.retry(handle_, &retry);
  }
  Answer answer() const noexcept { return Answer(handle_); }

  // --- the plugin's own ---
  // What the plugin's `Route` made of the chosen route's entry, or nullptr. From on_route on.
  template <class Route>
  const Route* route() const noexcept {
    void* route = nullptr;
    return detail::host.core.route_config(handle_, &route) == CLEAT_OK ? static_cast<const Route*>(route) : nullptr;
  }
  // This instance's T of this exchange, value-initialised at the first call; the same at later ones. One T for each plugin. nullptr
  // if the exchange's memory is used up. T: at most 4000 bytes, no throwing default constructor, trivially destructible or DestroyedOnEnd.
  template <class T>
  T* state() const noexcept {
    using Slot = detail::StateSlot<T>;
    static_assert(sizeof(Slot) <= 4096 && alignof(T) <= 16, "the host gives 4096 bytes, aligned to 16");
    static_assert(std::is_nothrow_default_constructible_v<T>);
    static_assert(std::is_trivially_destructible_v<T> || std::is_base_of_v<DestroyedOnEnd, T>, "derive from cleat::DestroyedOnEnd");
    void* memory = nullptr;
    if (detail::host.core.exchange_state(handle_, sizeof(Slot), &memory) != CLEAT_OK) return nullptr;
    Slot* slot = static_cast<Slot*>(memory);
    if (!slot->made) {
      ::new (static_cast<void*>(slot->bytes)) T();
      slot->made = true;
    }
    return slot->get();
  }
  // The same, but nullptr where state() was not called before.
  template <class T>
  T* find_state() const noexcept {
    void* memory = nullptr;
    if (detail::host.core.exchange_state(handle_, 0, &memory) != CLEAT_OK) return nullptr;
    auto* slot = static_cast<detail::StateSlot<T>*>(memory);
    return slot->made ? slot->get() : nullptr;
  }

 private:
  static Verdict failed_call() noexcept {
    std::array<char, 256> buffer;
    std::uint64_t needed = 0;
    detail::call(detail::host.core.error_text, buffer.data(), std::uint64_t{buffer.size()}, &needed);
    return fail({buffer.data(), static_cast<std::size_t>(needed < buffer.size() ? needed : buffer.size())});
  }
  std::string_view field(cleat_field field) const noexcept {
    cleat_str value{};
    return detail::host.core.field_get(handle_, field, &value) == CLEAT_OK ? to_view(value) : std::string_view();
  }
  Status set_field(cleat_field field, std::string_view value) const noexcept {
    return detail::host.core.field_set(handle_, field, to_str(value));
  }
};

// How an attempt ended; what on_attempt_end is called with. Dies with the hook.
class AttemptEnd {
 public:
  explicit AttemptEnd(const cleat_attempt_end& end) noexcept : end_(&end) {}
  std::uint32_t attempt() const noexcept { return end_->attempt; }  // 1 for the first
  std::uint32_t how() const noexcept { return end_->how; }          // CLEAT_END_*
  std::uint32_t status() const noexcept { return end_->status; }    // 0 unless a response head arrived
  bool can_retry() const noexcept { return (end_->flags & CLEAT_ATTEMPT_CAN_RETRY) != 0; }
  bool unsent() const noexcept { return (end_->flags & CLEAT_ATTEMPT_UNSENT) != 0; }  // nothing of it reached an endpoint
  std::chrono::microseconds elapsed() const noexcept { return std::chrono::microseconds(end_->elapsed_us); }

 private:
  const cleat_attempt_end* end_;
};

// A metadata key, made into a number once. Make it in the constructor [control]; use it on workers.
class MetadataKey {
 public:
  constexpr MetadataKey() noexcept = default;
  // "api_key.owner": the plugin's name first, [a-z0-9_.]{1,64}. Without cleat.metadata/1, or over its bound, every use fails.
  explicit MetadataKey(std::string_view name) noexcept { status_ = detail::call(detail::host.metadata.key, to_str(name), &key_); }
  Status status() const noexcept { return status_; }  // of making it

  // The last set wins. Texts are copied, within 64 KiB an exchange: CLEAT_LIMIT.
  Status set(Exchange x, std::string_view value) const noexcept {
    return status_ ? Status(detail::call(detail::host.metadata.set_text, x.handle(), key_, to_str(value))) : status_;
  }
  Status set_integer(Exchange x, std::int64_t value) const noexcept {
    return status_ ? Status(detail::call(detail::host.metadata.set_integer, x.handle(), key_, value)) : status_;
  }
  Status set_number(Exchange x, double value) const noexcept {
    return status_ ? Status(detail::call(detail::host.metadata.set_number, x.handle(), key_, value)) : status_;
  }
  // CLEAT_NOT_FOUND if unset, CLEAT_INVALID if of another type.
  Result<std::string_view> text(Exchange x) const noexcept {
    cleat_str value{};
    const Status status = status_ ? Status(detail::call(detail::host.metadata.get_text, x.handle(), key_, &value)) : status_;
    return {status, to_view(value)};
  }
  Result<std::int64_t> integer(Exchange x) const noexcept {
    std::int64_t value = 0;
    const Status status = status_ ? Status(detail::call(detail::host.metadata.get_integer, x.handle(), key_, &value)) : status_;
    return {status, value};
  }
  Result<double> number(Exchange x) const noexcept {
    double value = 0;
    const Status status = status_ ? Status(detail::call(detail::host.metadata.get_number, x.handle(), key_, &value)) : status_;
    return {status, value};
  }
  // CLEAT_METADATA_TEXT, _INTEGER or _NUMBER.
  Result<std::uint32_t> type(Exchange x) const noexcept {
    std::uint32_t type = 0;
    const Status status = status_ ? Status(detail::call(detail::host.metadata.type, x.handle(), key_, &type)) : status_;
    return {status, type};
  }

 private:
  Status status_ = CLEAT_NOT_FOUND;
  std::uint32_t key_ = 0;
};

CLEAT_CPP_NAMESPACE_END
