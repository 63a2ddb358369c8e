// What request and response heads have in common, as parsed by http/: lines into fields, fields into framing. Private to http/
// and to what reads the heads of other versions.
// Errors carry the status a request gets; the response parser makes all of them 502.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http::detail {

// Fills `fields` with the names and trimmed values of a whole head whose first line was understood before: the short way, or llhttp's.
ParseError tokenise(std::string_view head, bool request, const HeadLimits& limits, Arena& arena, Fields& fields);

// The short way, for heads of which there is no doubt. False decides nothing: then llhttp judges the head. What this takes, llhttp takes
// too, and cuts alike. Both REQUIRE: the head ends in CRLF CRLF, and its first CRLF is at `first_line`.
bool read_plain(std::string_view head, std::size_t first_line, bool request, const HeadLimits& limits, Arena& arena, Fields& fields);

// llhttp's pass. Proves line by line that the fields cover the head: what llhttp and we would cut differently is refused.
ParseError judge(std::string_view head, std::size_t first_line, bool request, const HeadLimits& limits, Arena& arena, Fields& fields);

// Methods that llhttp knows, and only those: others are refused on every wire.
bool known_method(std::string_view method);

// What the Connection fields say (RFC 9110 7.6.1). Marks the fields they list as `hop`.
struct Connection {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};
ParseError read_connection(Fields& fields, Connection& out);

// The value of Upgrade where Connection lists it. Ignored in HTTP/1.0 (RFC 9110 7.8).
std::string_view read_upgrade(const Fields& fields, const Connection& connection, std::uint8_t minor);

// Content-Length and Transfer-Encoding (RFC 9112 6): kNone where there is neither.
struct BodyLength {
  Body body = Body::kNone;
  std::uint64_t content_length = 0;
};
ParseError read_body_length(const Fields& fields, std::uint8_t minor, BodyLength& out);

// "HTTP/" DIGIT "." DIGIT, and nothing else. `minor` above 1 counts as 1 (RFC 9110 2.5).
bool read_version(std::string_view text, unsigned& major, std::uint8_t& minor);

// 1*DIGIT of at most 63 bits (RFC 9110 8.6).
bool read_length(std::string_view text, std::uint64_t& length);

// Three digits, 100 to 599; else 0.
std::uint16_t read_status(std::string_view text);

// uri-host [ ":" port ], without userinfo.
struct Authority {
  std::string_view host;
  std::string_view port;  // empty where there is none
};
bool read_authority(std::string_view text, Authority& out);

}  // namespace cleat::http::detail
