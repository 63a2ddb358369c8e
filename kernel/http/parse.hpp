// The strict parsers of HTTP/1.1 heads, and the incremental decoder of chunked bodies. llhttp (strict mode) tokenises; what
// it lets pass and RFC 9112 does not is refused here, before and after. Pure functions of their input: no I/O, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"

namespace cleat::http {

struct HeadLimits {
  std::size_t head_bytes_max = 64 * 1024;  // request line or status line, fields, final empty line
  std::size_t target_bytes_max = 8 * 1024;
  std::uint32_t fields_max = 100;
};

// What to answer (a request) or to count as malformed (a response), and why in a few words for the log.
struct ParseError {
  std::uint16_t status = 0;  // 400, 414, 417, 431, 501, 505; 502 for responses; 0 = no error
  const char* reason = "";   // static, such as "content-length with transfer-encoding"
  explicit operator bool() const { return status != 0; }
};

// Looks for the end of a head at the start of `data`, of which the first `scanned` bytes were searched before without
// success. Also refuses early what can never become a valid head: NUL, bare CR, bare LF, obs-fold, over the limits.
struct HeadScan {
  std::size_t skip = 0;  // of one empty line (CRLF) before a request line (RFC 9112 2.2); set together with `size`
  std::size_t size = 0;  // of the head from `skip`, with its final empty line; 0 = incomplete
  ParseError error;
};
HeadScan scan_request_head(std::string_view data, std::size_t scanned, const HeadLimits& limits);
HeadScan scan_response_head(std::string_view data, std::size_t scanned, const HeadLimits& limits);

// Parses one whole head as found by a scan. `head` must live in the arena (or as long): the views point into it.
// Fills the whole of `out`, framing included. On an error `out` holds what was understood so far, for the log.
ParseError parse_request_head(std::string_view head, const HeadLimits& limits, Arena& arena, RequestHead& out);

// Judges and completes a head that did not come as text: method, target and fields are in `out` as received, and the authority where
// the wire has one besides Host. `body_follows`: without a Content-Length, its length is not known.
ParseError complete_request_head(const HeadLimits& limits, Arena& arena, bool body_follows, RequestHead& out);

// `request_method` decides the framing (HEAD, CONNECT). 1xx heads have Body::kNone. Status 502 in the error always.
ParseError parse_response_head(std::string_view head, std::string_view request_method, const HeadLimits& limits, Arena& arena,
                               ResponseHead& out);

// Decodes "Transfer-Encoding: chunked" (RFC 9112 7.1) piece by piece, without copying the data. Chunk extensions are
// bounded and dropped; sizes are 1*HEXDIG up to 16 digits without overflow; every line ends in CRLF.
class ChunkedDecoder {
 public:
  static constexpr std::size_t kLineBytesMax = 4096;       // a chunk-size line with its extensions
  static constexpr std::size_t kTrailerBytesMax = 8192;    // the whole trailer section
  // Lines may be this much longer, over the whole body, than sizes and data account for: one-byte chunks with long extensions
  // would make the peer's cheap bytes our expensive ones.
  static constexpr std::int64_t kExcessBytesMax = 16 * 1024;

  enum class Event : std::uint8_t { kNeedMore, kData, kEnd, kError };
  struct Step {
    Event event;
    std::size_t consumed;   // bytes of the input used; call again with the rest until kNeedMore, kEnd or kError
    std::string_view data;  // kData: a view into the input
  };
  Step decode(std::string_view input);

  // After kEnd: the trailer section (field lines with the final CRLF), possibly empty; parse with parse_trailers.
  std::string_view trailer_section() const;
  const char* reason() const { return reason_; }  // after kError
  void reset() { *this = ChunkedDecoder(); }

 private:
  enum class State : std::uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kEnd, kError };
  Step fail(const char* reason, std::size_t consumed);
  const char* size_byte(char c);     // these say what is wrong, or nullptr
  const char* size_line_end();
  const char* trailer_byte(char c);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0;
  std::uint32_t line_bytes_ = 0;
  std::int64_t excess_ = 0;
  const char* reason_ = "";
  std::string trailer_;  // the section so far; empty, and so without allocation, for the usual "0 CRLF CRLF"
};

// Names that frame, route, authenticate or describe, and are dropped from trailers.
bool forbidden_trailer(std::string_view name);

// Fields of a trailer section. Names that frame, route or authenticate (RFC 9110 6.5.1: Content-Length, Transfer-Encoding, Host,
// ...) are dropped. The views live in the arena.
ParseError parse_trailers(std::string_view section, const HeadLimits& limits, Arena& arena, Fields& out);

}  // namespace cleat::http
