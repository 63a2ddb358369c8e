// How a message is framed and what its connection becomes, from its fields alone (RFC 9112 6 and 9, RFC 9110 7.6.1).
#include <charconv>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"

namespace cleat::http::detail {
namespace {

// Real messages name two or three; each option is compared with every field.
constexpr unsigned kConnectionOptionsMax = 32;

// A Connection that lists one of these would strip what the next hop frames, routes, authenticates or trusts by: the way to
// make a proxy remove its own X-Forwarded-For. RFC 9110 7.6.1 forbids to list fields meant for all recipients; such an option
// is ignored and the field is forwarded, as Envoy and HAProxy also will not let a client remove them.
bool is_protected(std::string_view name) {
  switch (name_of(name)) {
    case Name::kHost:
    case Name::kContentLength:
    case Name::kVia:
    case Name::kExpect:
    case Name::kXForwardedFor:
    case Name::kXForwardedProto:
    case Name::kXRequestId: return true;
    case Name::kOther: break;
    default: return false;
  }
  for (const std::string_view other : {"authorization", "cookie", "set-cookie", "cache-control", "content-type",
                                       "content-encoding", "forwarded", "x-forwarded-host", "x-real-ip"}) {
    if (equal_names(name, other)) return true;
  }
  return false;
}

void mark_hop(Fields& fields, std::string_view name) {
  if (is_protected(name)) return;
  for (Field& field : fields) {
    if (equal_names(field.name, name)) field.hop = true;
  }
}

ParseError read_content_length(const Fields& fields, std::uint64_t& out) {
  // RFC 9112 6.3 lets a list of equal values pass; nothing honest sends one, so "5, 5" is refused with the repeated field.
  const Field* field = fields.find(Name::kContentLength);
  if (fields.find(Name::kContentLength, 1) != nullptr) return {400, "repeated content-length"};
  return read_length(field->value, out) ? ParseError{} : ParseError{400, "malformed content-length"};
}

// Exactly one "chunked". RFC 9112 6.1: codings we do not know get 501; 6.3: chunked that is not last, or twice, gets 400.
ParseError read_coding(const Fields& fields) {
  unsigned codings = 0;
  unsigned chunked = 0;
  bool last_chunked = false;
  for (const Field& field : fields) {
    if (field.known != Name::kTransferEncoding) continue;
    std::string_view rest = field.value;
    do {
      const std::string_view coding = next_element(rest);
      if (!valid_name(coding)) return {400, "malformed transfer-encoding"};  // also parameters: chunked has none
      ++codings;
      last_chunked = equal_names(coding, "chunked");
      if (last_chunked) ++chunked;
    } while (!rest.empty());
    if (field.value.back() == ',') return {400, "malformed transfer-encoding"};
  }
  if (chunked > 1) return {400, "chunked applied twice"};
  if (chunked == 1 && !last_chunked) return {400, "chunked is not the final coding"};
  if (codings != 1 || chunked != 1) return {501, "unknown transfer-coding"};
  return {};
}

}  // namespace

ParseError read_connection(Fields& fields, Connection& out) {
  if (!fields.may_have(Name::kConnection)) return {};
  unsigned options = 0;
  for (std::uint32_t i = 0; i < fields.size(); ++i) {
    if (fields[i].known != Name::kConnection) continue;
    std::string_view rest = fields[i].value;
    while (!rest.empty()) {
      const std::string_view option = next_element(rest);
      if (option.empty()) continue;  // RFC 9110 5.6.1.2
      if (++options > kConnectionOptionsMax) return {400, "too many connection options"};
      if (!valid_name(option)) return {400, "malformed connection"};
      if (equal_names(option, "close")) {
        out.close = true;
      } else if (equal_names(option, "keep-alive")) {
        out.keep_alive = true;
      } else if (equal_names(option, "upgrade")) {
        out.upgrade = true;
      } else {
        mark_hop(fields, option);
      }
    }
  }
  return {};
}

std::string_view read_upgrade(const Fields& fields, const Connection& connection, std::uint8_t minor) {
  if (!connection.upgrade || minor == 0) return {};
  const Field* field = fields.find(Name::kUpgrade);
  return field == nullptr ? std::string_view{} : field->value;
}

ParseError read_body_length(const Fields& fields, std::uint8_t minor, BodyLength& out) {
  const bool length = fields.find(Name::kContentLength) != nullptr;
  const bool coding = fields.find(Name::kTransferEncoding) != nullptr;
  // RFC 9112 6.1 lets a server refuse both together, and 6.3 says why it should: it is how requests are smuggled.
  if (length && coding) return {400, "content-length with transfer-encoding"};
  if (length) {
    const ParseError error = read_content_length(fields, out.content_length);
    if (!error) out.body = Body::kLength;
    return error;
  }
  if (coding) {
    if (minor == 0) return {400, "transfer-encoding in HTTP/1.0"};
    const ParseError error = read_coding(fields);
    if (!error) out.body = Body::kChunked;
    return error;
  }
  return {};
}

bool read_length(std::string_view text, std::uint64_t& length) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), length);
  return code == std::errc() && end == text.data() + text.size() && text.size() <= 19 && length <= static_cast<std::uint64_t>(INT64_MAX);
}

std::uint16_t read_status(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5' || !is_digit(text[1]) || !is_digit(text[2])) return 0;
  return static_cast<std::uint16_t>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
}

bool read_version(std::string_view text, unsigned& major, std::uint8_t& minor) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || text[6] != '.' || !is_digit(text[5]) || !is_digit(text[7])) {
    return false;
  }
  major = static_cast<unsigned>(text[5] - '0');
  minor = text[7] == '0' ? 0 : 1;
  return true;
}

}  // namespace cleat::http::detail
