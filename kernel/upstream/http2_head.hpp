// Heads of HTTP/2 (RFC 9113 8) on the upstream side: a request's fields as libnghttp2 takes them, and the strict reading of a response's
// heads and trailers, field by field. Names come decoded from HPACK; what is wrong is said in a few words that live for ever.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"
#include "kernel/http/write.hpp"

namespace cleat::upstream {

// Views into the head: libnghttp2 copies them, and makes the names lowercase. `length` holds the digits of a Content-Length.
void list_request_fields(const http::RequestHead& head, const http::RequestWrite& how, char (&length)[20], std::vector<nghttp2_nv>& to);
// An Upgrade to websocket becomes an extended CONNECT (RFC 8441), the 2xx that accepts it the 101 that the requester waits for, with the field
// that answers its key (RFC 6455 4.2.2). False: the arena is full.
bool is_websocket(const http::RequestHead& head, const http::RequestWrite& how);
bool make_switching(const http::RequestHead& request, Arena& arena, http::ResponseHead& out);
void list_trailers(const http::Fields& trailers, std::vector<nghttp2_nv>& to);

// One block of fields after another: informational heads, the final head, trailers.
class ResponseFields {
 public:
  static constexpr std::size_t kListBytesMax = 64 * 1024;  // as RFC 9113 6.5.2 counts them; the bound of an HTTP/1.1 head
  static constexpr std::uint32_t kFieldsMax = 100;
  static constexpr std::size_t kOverheadBytes = 32;        // of a field

  void begin(bool trailers);
  // These say what is wrong, or nullptr.
  const char* head_field(std::string_view name, std::string_view value, Arena& arena, http::ResponseHead& out);
  const char* trailer(std::string_view name, std::string_view value, Arena& arena, http::Fields& out);
  // The head is complete: its framing. `last`: nothing follows it.
  const char* end_head(std::string_view request_method, bool last, http::ResponseHead& out);
  bool counted() const { return counted_; }                // its content has a length that is known:
  std::uint64_t content_length() const { return content_length_; }
  bool trailers() const { return trailers_; }

 private:
  const char* count(std::string_view name, std::string_view value);
  bool trailers_ = false, regular_ = false, counted_ = false;
  std::uint64_t content_length_ = 0;
  std::size_t bytes_ = 0;
  std::uint32_t fields_ = 0;
};

}  // namespace cleat::upstream
