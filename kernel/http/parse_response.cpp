#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http {
namespace {

ParseError read_status_line(std::string_view line, ResponseHead& out) {
  unsigned major = 0;
  if (!detail::read_version(line.substr(0, 8), major, out.minor)) return {502, "malformed version"};
  if (major != 1) return {502, "version not supported"};
  if (line.size() < 12 || line[8] != ' ') return {502, "malformed status line"};
  out.status = detail::read_status(line.substr(9, 3));
  if (out.status == 0) return {502, "malformed status"};
  // RFC 9112 4 wants the space even before an empty reason; some servers leave both away, and nothing hangs on it.
  if (line.size() == 12) return {};
  if (line[12] != ' ') return {502, "malformed status"};
  out.reason = line.substr(13);
  if (!detail::all(out.reason, detail::kValueChar)) return {502, "malformed reason phrase"};
  return {};
}

// RFC 9112 6.3, in its order.
ParseError read_body(std::string_view request_method, ResponseHead& out) {
  detail::BodyLength length;
  if (const ParseError error = detail::read_body_length(out.fields, out.minor, length)) return error;
  const bool tunnel = out.status == 101 || (request_method == "CONNECT" && out.status / 100 == 2);
  if (tunnel) {
    out.keep_alive = false;
    return {};
  }
  if (request_method == "HEAD" || out.status == 304) return {};
  if (out.status / 100 == 1 || out.status == 204) {
    // Neither may announce a body (RFC 9110 8.6, RFC 9112 6.1). Where one is announced nevertheless, its bytes may follow and
    // would be taken for the next response.
    if (length.body == Body::kChunked || length.content_length != 0) out.keep_alive = false;
    return {};
  }
  out.body = length.body == Body::kNone ? Body::kUntilClose : length.body;
  out.content_length = length.content_length;
  if (out.body == Body::kUntilClose) out.keep_alive = false;
  return {};
}

ParseError parse(std::string_view head, std::string_view request_method, const HeadLimits& limits, Arena& arena,
                 ResponseHead& out) {
  if (head.size() > limits.head_bytes_max) return {502, "head too large"};
  if (const ParseError error = read_status_line(head.substr(0, head.find('\r')), out)) return error;
  if (const ParseError error = detail::tokenise(head, false, limits, arena, out.fields)) {
    detail::BodyLength length;
    const ParseError framing = detail::read_body_length(out.fields, out.minor, length);
    return error.status == 400 && framing ? framing : error;
  }
  detail::Connection connection;
  if (const ParseError error = detail::read_connection(out.fields, connection)) return error;
  out.keep_alive = !connection.close && (out.minor >= 1 || connection.keep_alive);
  out.upgrade = detail::read_upgrade(out.fields, connection, out.minor);
  // RFC 9110 15.2.2 and 7.8: a switch that does not say to what cannot be relayed.
  if (out.status == 101 && out.upgrade.empty()) return {502, "101 without upgrade"};
  return read_body(request_method, out);
}

}  // namespace

ParseError parse_response_head(std::string_view head, std::string_view request_method, const HeadLimits& limits, Arena& arena,
                               ResponseHead& out) {
  out = ResponseHead{};
  ParseError error = parse(head, request_method, limits, arena, out);
  if (error) error.status = 502;
  return error;
}

}  // namespace cleat::http
