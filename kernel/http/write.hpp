// Serialises heads for the wire, into a caller's buffer that grows (respond/ and upstream/ decide what goes in).
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/http/message.hpp"

namespace cleat::http {

// How the body that follows is framed on this hop.
struct Framing {
  Body body = Body::kNone;
  std::uint64_t content_length = 0;
  bool write_zero_length = false;  // kNone: say "Content-Length: 0" (a request with a body method, most responses)
};

// Request line, Host, then the fields that are not `hop`, then Expect, framing, TE, Connection and Upgrade as asked for. The
// names of those, of Host, Keep-Alive and Proxy-Connection are never taken from the fields, so that nothing added to them can
// frame the message twice. Target and authority as they stand in the head; an empty authority gives an empty Host.
struct RequestWrite {
  Framing framing;
  bool te_trailers = false;
  bool upgrade = false;          // send Connection: upgrade and Upgrade as received
  bool expect_continue = false;
};
void write_request_head(Buffer& out, const RequestHead& head, const RequestWrite& how);

// Status line (reason phrase from a table where the head has none), the fields that are not `hop`, then framing and Connection,
// which are never taken from the fields. Body::kUntilClose says Connection: close by itself; 1xx and 204 get no Content-Length
// and 304 none of ours (RFC 9110 8.6).
struct ResponseWrite {
  Framing framing;
  bool keep_content_length = false;  // HEAD and 304: send Content-Length as received though no body follows
  bool close = false;                // Connection: close
  bool keep_alive = false;           // Connection: keep-alive (to HTTP/1.0 clients)
  bool upgrade = false;              // 101: Connection: upgrade and Upgrade as received
};
void write_response_head(Buffer& out, const ResponseHead& head, const ResponseWrite& how);

void write_fields(Buffer& out, const Fields& fields);                    // "name: value CRLF" of each that is not `hop`
void write_chunk_head(Buffer& out, std::uint64_t size);                  // "<hex> CRLF"
std::string_view reason_phrase(std::uint16_t status);                    // "" if unknown

}  // namespace cleat::http
