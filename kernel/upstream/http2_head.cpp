#include "kernel/upstream/http2_head.hpp"

#include <charconv>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/http2/header_block.hpp"
#include "kernel/http2/nv.hpp"
#include "kernel/http2/websocket.hpp"

namespace cleat::upstream {
namespace {

using http::Name;

constexpr std::string_view kKey = "sec-websocket-key";

const char* add(std::string_view name, std::string_view value, Name known, Arena& arena, http::Fields& out) {
  return out.add_copy(arena, name, value, known) ? nullptr : "head exceeds its memory";
}

}  // namespace

// What this hop frames, routes by or negotiates is said anew or not at all, whoever added it, as http::write_request_head does.
void list_request_fields(const http::RequestHead& head, const http::RequestWrite& how, char (&length)[20], std::vector<nghttp2_nv>& to) {
  to.clear();
  const bool websocket = is_websocket(head, how);
  to.push_back(http2::name_value(":method", websocket ? "CONNECT" : head.method));
  if (websocket) to.push_back(http2::name_value(":protocol", "websocket"));
  to.push_back(http2::name_value(":scheme", head.scheme));
  if (!head.authority.empty()) to.push_back(http2::name_value(":authority", head.authority));
  to.push_back(http2::name_value(":path", head.target));
  for (const http::Field& field : head.fields) {
    if (field.hop || http::is_hop_by_hop(field.known) || field.known == Name::kHost || field.known == Name::kExpect ||
        field.known == Name::kContentLength) {
      continue;
    }
    if (websocket && http::equal_names(field.name, kKey)) continue;
    to.push_back(http2::name_value(field.name, field.value));
  }
  if (how.expect_continue) to.push_back(http2::name_value("expect", "100-continue"));
  if (how.te_trailers) to.push_back(http2::name_value("te", "trailers"));
  if (websocket) return;
  if (how.framing.body == http::Body::kLength) {
    const char* const end = std::to_chars(length, length + sizeof length, how.framing.content_length).ptr;
    to.push_back(http2::name_value("content-length", {length, static_cast<std::size_t>(end - length)}));
  } else if (how.framing.body == http::Body::kNone && how.framing.write_zero_length) {
    to.push_back(http2::name_value("content-length", "0"));
  }
}

bool is_websocket(const http::RequestHead& head, const http::RequestWrite& how) {
  return how.upgrade && http::equal_names(head.upgrade, "websocket");
}

bool make_switching(const http::RequestHead& request, Arena& arena, http::ResponseHead& out) {
  out.status = 101;
  out.reason = {};
  out.upgrade = "websocket";
  out.body = http::Body::kNone;
  const http::Field* const key = request.fields.find(kKey);
  if (key == nullptr) return true;  // then it is the client that will not be content
  const std::string_view accept = http2::websocket_accept(arena, key->value);
  return !accept.empty() && out.fields.add(arena, {"sec-websocket-accept", accept, Name::kOther, false});
}

void list_trailers(const http::Fields& trailers, std::vector<nghttp2_nv>& to) {
  to.clear();
  for (const http::Field& field : trailers) {
    if (!field.hop && !http::is_hop_by_hop(field.known)) to.push_back(http2::name_value(field.name, field.value));
  }
}

void ResponseFields::begin(bool trailers) {
  trailers_ = trailers;
  regular_ = false;
  bytes_ = 0;
  fields_ = 0;
}

const char* ResponseFields::count(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kOverheadBytes;
  if (bytes_ > kListBytesMax) return "head too large";
  return ++fields_ > kFieldsMax ? "too many fields" : nullptr;
}

const char* ResponseFields::head_field(std::string_view name, std::string_view value, Arena& arena, http::ResponseHead& out) {
  if (const char* wrong = count(name, value)) return wrong;
  if (!name.empty() && name.front() == ':') {
    if (name != ":status") return "pseudo-header of no response";
    if (regular_ || out.status != 0) return "misplaced :status";
    out.status = http::detail::read_status(value);
    if (out.status == 0) return "malformed status";
    return out.status == 101 ? "101, which HTTP/2 does not have" : nullptr;  // RFC 9113 8.6
  }
  regular_ = true;
  if (const char* wrong = http2::check_text(name, value)) return wrong;
  const Name known = http::name_of(name);
  if (http::is_hop_by_hop(known)) return "connection-specific field";
  return add(name, value, known, arena, out.fields);
}

const char* ResponseFields::trailer(std::string_view name, std::string_view value, Arena& arena, http::Fields& out) {
  if (const char* wrong = count(name, value)) return wrong;
  if (const char* wrong = http2::check_text(name, value)) return wrong;  // a pseudo-header's name is none
  const Name known = http::name_of(name);
  if (http::is_hop_by_hop(known)) return "connection-specific field in trailers";
  return http::forbidden_trailer(name) ? nullptr : add(name, value, known, arena, out);
}

const char* ResponseFields::end_head(std::string_view request_method, bool last, http::ResponseHead& out) {
  if (out.status == 0) return "no :status";
  out.keep_alive = true;
  if (out.status < 200) return last ? "informational response that ends the stream" : nullptr;
  http::detail::BodyLength length;
  if (const http::ParseError error = http::detail::read_body_length(out.fields, 1, length)) return error.reason;
  out.body = http::Body::kNone;
  counted_ = true;
  content_length_ = 0;
  if (request_method == "HEAD" || out.status == 304) return nullptr;
  if (out.status == 204) return length.content_length == 0 ? nullptr : "204 with a content-length";
  if (last) return length.content_length == 0 ? nullptr : "content-length without content";
  counted_ = length.body == http::Body::kLength;
  content_length_ = out.content_length = length.content_length;
  // Framed by the stream's end; so is what announces trailers, since HTTP/1.1 has none behind a length.
  out.body = counted_ && out.fields.find(Name::kTrailer) == nullptr ? http::Body::kLength : http::Body::kChunked;
  return nullptr;
}

}  // namespace cleat::upstream
