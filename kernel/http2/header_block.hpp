// HTTP/2 header blocks into the heads that all of the kernel knows, field by field as they are decoded. What RFC 9113 8.2 and 8.3 call
// malformed is found here, and is never turned into something that could be sent on. Pure: no session, no I/O.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http2 {

// What became of a block. `malformed`: the stream is reset (RFC 9113 8.1.1), and nobody learns of the request. `error`: what a request
// gets for an answer, as over any other wire.
struct Verdict {
  const char* malformed = nullptr;
  http::ParseError error = {};
  bool good() const { return malformed == nullptr && !error; }
};

// Name and value as RFC 9113 8.2.1 allows them in a message: lower case, no control characters. What is wrong, or nullptr. Not for pseudo-header fields.
const char* check_text(std::string_view name, std::string_view value);
// The same, and no fields of a connection (RFC 9113 8.2.2).
const char* check_field(std::string_view name, std::string_view value, http::Name known);

// One request's head. The session's inflater gives its fields, one by one; all views are copied into the arena.
class RequestBlock {
 public:
  void begin(Arena& arena, http::RequestHead& head, const http::HeadLimits& limits);
  void add(std::string_view name, std::string_view value);
  Verdict end(bool end_stream);
  std::size_t bytes() const { return bytes_; }  // as RFC 9113 6.5.2 counts them
  bool extended_connect() const { return has_protocol_; }  // RFC 8441; its head is that of a GET

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  bool join_cookies();
  void malformed(const char* why) {
    if (malformed_ == nullptr) malformed_ = why;
  }
  const char* check_pseudo() const;
  bool put(std::string_view name, std::string_view value, http::Name known);

  Arena* arena_ = nullptr;
  http::RequestHead* head_ = nullptr;
  http::HeadLimits limits_;
  std::size_t bytes_ = 0;
  std::uint32_t cookies_ = 0;
  const char* malformed_ = nullptr;
  bool too_large_ = false;
  bool regular_ = false;                   // a field that is none of the pseudo-header fields was seen
  bool has_method_ = false, has_scheme_ = false, has_path_ = false, has_authority_ = false, has_protocol_ = false;
  std::string_view scheme_, protocol_, authority_;
};

// The fields of a trailer section, of either direction. Those that may not be there are dropped, as from chunked bodies.
class TrailerBlock {
 public:
  void begin(Arena& arena, http::Fields& fields, const http::HeadLimits& limits);
  void add(std::string_view name, std::string_view value);
  Verdict end() const { return {malformed_, error_}; }
  std::size_t bytes() const { return bytes_; }

 private:
  Arena* arena_ = nullptr;
  http::Fields* fields_ = nullptr;
  http::HeadLimits limits_;
  std::size_t bytes_ = 0;
  std::uint32_t seen_ = 0;
  const char* malformed_ = nullptr;
  http::ParseError error_;
};

}  // namespace cleat::http2
