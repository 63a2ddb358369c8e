// Heads of HTTP/1.1 messages as views into an exchange's arena: fields in order of arrival, framing as RFC 9112 6 has it.
// Nothing here owns bytes; the arena must outlive the head. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/base/arena.hpp"

namespace cleat::http {

// The names the kernel itself looks at; all others are kOther. Found once, when a field is parsed or added.
enum class Name : std::uint8_t {
  kOther, kHost, kConnection, kContentLength, kTransferEncoding, kTe, kTrailer, kUpgrade, kKeepAlive, kProxyConnection,
  kExpect, kVia, kXForwardedFor, kXForwardedProto, kXRequestId, kDate, kServer, kProxyAuthenticate, kProxyAuthorization,
};

// Fields of one connection, which no proxy sends on as they came (RFC 9110 7.6.1), and which a message of HTTP/2 must not have (RFC 9113 8.2.2; of
// TE it may have `trailers`). Proxy-Authenticate and Proxy-Authorization are not among them: they concern the next proxy that asked, which
// RFC 9110 11.7.1 and 11.7.2 let others relay to.
constexpr bool is_hop_by_hop(Name name) {
  switch (name) {
    case Name::kConnection:
    case Name::kProxyConnection:
    case Name::kKeepAlive:
    case Name::kTe:
    case Name::kTransferEncoding:
    case Name::kUpgrade: return true;
    default: return false;
  }
}

Name name_of(std::string_view field_name);                       // without regard to case
bool equal_names(std::string_view a, std::string_view b);        // without regard to case (RFC 9110 5.1)
std::string to_lower(std::string_view text);                     // of ASCII
bool valid_name(std::string_view name);                          // token (RFC 9110 5.6.2)
std::string_view host_of(std::string_view authority);           // without the port; [ ] stay
bool valid_value(std::string_view value);                        // field-content, no leading or trailing space (RFC 9110 5.5)
bool has_token(std::string_view list, std::string_view token);   // in a comma-separated list, without regard to case

struct Field {
  std::string_view name;
  std::string_view value;
  Name known = Name::kOther;
  bool hop = false;  // hop-by-hop (RFC 9110 7.6.1): readable here, never forwarded
};

// An ordered list of fields. Its array lives in the arena and grows by copying.
class Fields {
 public:
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Field& operator[](std::uint32_t i) { return data_[i]; }
  const Field& operator[](std::uint32_t i) const { return data_[i]; }
  Field* begin() { return data_; }
  Field* end() { return data_ + size_; }
  const Field* begin() const { return data_; }
  const Field* end() const { return data_ + size_; }

  // The views must already live in (or longer than) the arena. False past the arena's bound.
  bool add(Arena& arena, Field field);
  bool add_copy(Arena& arena, std::string_view name, std::string_view value, Name known, bool hop = false);  // of views that live less long
  bool may_have(Name known) const { return (names_ >> static_cast<unsigned>(known) & 1) != 0; }  // false: none was ever added
  const Field* find(Name known, std::uint64_t index = 0) const;
  const Field* find(std::string_view name, std::uint64_t index = 0) const;  // one that the kernel knows is found by its number
  // Removes every field of that name, keeping the order of the others; how many there were.
  std::uint32_t remove(std::string_view name);
  void clear() { size_ = names_ = 0; }

 private:
  Field* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t names_ = 0;  // a bit for each Name: most of those looked for are not there
};

enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string_view method;
  std::string_view target;     // origin-form after parsing ("/path?query"); "*" for OPTIONS *; authority for CONNECT
  std::string_view authority;  // from Host or an absolute-form target, validated; empty only for HTTP/1.0 without Host
  std::string_view scheme = "http";
  Fields fields;               // as received, Host included; those with `hop` are not forwarded
  std::uint8_t major = 1;      // 2: HTTP/2; then `minor` is 1, for what holds in HTTP/1.1 holds there
  std::uint8_t minor = 1;      // HTTP/1.<minor>
  Body body = Body::kNone;     // kChunked: of a length that is not known
  std::uint64_t content_length = 0;  // for kLength
  bool keep_alive = true;
  bool expect_continue = false;
  std::string_view upgrade;    // value of Upgrade where Connection lists it, else empty
  bool te_trailers = false;    // TE: trailers was received
  bool is_head() const { return method == "HEAD"; }
  bool is_connect() const { return method == "CONNECT"; }
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::uint8_t minor = 1;
  std::string_view reason;     // as received; may be empty
  Fields fields;
  Body body = Body::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;      // may this connection carry another exchange
  std::string_view upgrade;    // for 101
};

}  // namespace cleat::http
