#include <algorithm>
#include <cstring>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http {
namespace {

using detail::Authority;

// Characters and percent-triplets of "/path?query". A query that holds "%zz" is refused as a path is: what the origin makes of
// it is anyone's guess.
bool valid_origin_form(std::string_view target) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  if (!detail::all(target.substr(0, mark), detail::kPathChar)) return false;
  if (mark < target.size() && !detail::all(target.substr(mark), detail::kQueryChar)) return false;
  for (std::size_t at = target.find('%'); at != std::string_view::npos; at = target.find('%', at + 3)) {
    if (at + 2 >= target.size() || !detail::is(target[at + 1], detail::kHexChar) ||
        !detail::is(target[at + 2], detail::kHexChar)) {
      return false;
    }
  }
  return true;
}

ParseError read_request_line(std::string_view line, const HeadLimits& limits, RequestHead& out) {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return {400, "malformed request line"};
  out.method = line.substr(0, first);
  if (!valid_name(out.method)) return {400, "malformed method"};
  const std::size_t last = line.rfind(' ');
  if (last == first) return {400, "no version"};  // a "simple request" of HTTP/0.9, or a lost target
  out.target = line.substr(first + 1, last - first - 1);
  if (out.target.size() > limits.target_bytes_max) return {414, "target too long"};
  unsigned major = 0;
  if (!detail::read_version(line.substr(last + 1), major, out.minor)) return {400, "malformed version"};
  if (major != 1 || out.method == "PRI") return {505, "version not supported"};  // also HTTP/2's preface (RFC 9113 3.4)
  if (out.target.empty()) return {400, "malformed target"};
  return {};
}

// "http://authority/path?query" becomes "/path?query" (RFC 9112 3.2.2).
ParseError read_absolute_form(RequestHead& out, Arena& arena, Authority& authority) {
  const std::size_t colon = out.target.find("://");
  if (colon == std::string_view::npos) return {400, "malformed target"};
  const std::string_view scheme = out.target.substr(0, colon);
  if (equal_names(scheme, "https")) {
    out.scheme = "https";
  } else if (!equal_names(scheme, "http")) {
    return {400, "scheme not supported"};
  }
  const std::string_view rest = out.target.substr(colon + 3);
  const std::size_t size = std::min(rest.find_first_of("/?#"), rest.size());
  out.authority = rest.substr(0, size);
  if (!detail::read_authority(out.authority, authority)) return {400, "malformed authority"};
  std::string_view target = rest.substr(size);
  if (target.empty()) {
    target = out.method == "OPTIONS" ? "*" : "/";  // RFC 9112 3.2.4
  } else if (target.front() != '/') {
    char* joined = static_cast<char*>(arena.allocate(target.size() + 1, 1));
    if (joined == nullptr) return {431, "head exceeds its memory"};
    joined[0] = '/';
    std::memcpy(joined + 1, target.data(), target.size());
    target = {joined, target.size() + 1};
  }
  out.target = target;
  if (target != "*" && !valid_origin_form(target)) return {400, "malformed target"};
  return {};
}

// The four forms of RFC 9112 3.2, each only with its methods. `authority` is filled where the target has one.
ParseError read_target(RequestHead& out, Arena& arena, Authority& authority) {
  if (out.is_connect()) {
    if (!detail::read_authority(out.target, authority) || authority.port.empty()) return {400, "malformed authority"};
    out.authority = out.target;
    return {};
  }
  if (out.target.front() == '/') return valid_origin_form(out.target) ? ParseError{} : ParseError{400, "malformed target"};
  if (out.target == "*") return out.method == "OPTIONS" ? ParseError{} : ParseError{400, "malformed target"};
  return read_absolute_form(out, arena, authority);
}

// Do Host and the target name the same? The default port may be written or not. RFC 9112 3.2.2 has a proxy prefer the target;
// a request that says two different things is refused instead, because what is behind may prefer the other.
bool agree(const Authority& host, const Authority& target, const RequestHead& head) {
  if (!equal_names(host.host, target.host)) return false;
  if (head.is_connect()) return host.port.empty() || host.port == target.port;
  const std::string_view standard = head.scheme == "https" ? "443" : "80";
  return (host.port.empty() ? standard : host.port) == (target.port.empty() ? standard : target.port);
}

// Host (RFC 9112 3.2): exactly one in HTTP/1.1, at most one before; not empty, since http has no empty host (RFC 9110 4.2.1).
ParseError read_host(RequestHead& out, const Authority& target) {
  const Field* host = out.fields.find(Name::kHost);
  if (host == nullptr) return out.minor == 0 ? ParseError{} : ParseError{400, "no host"};
  if (out.fields.find(Name::kHost, 1) != nullptr) return {400, "repeated host"};
  Authority named;
  if (!detail::read_authority(host->value, named)) return {400, "malformed host"};
  if (out.authority.empty()) {
    out.authority = host->value;
  } else if (!agree(named, target, out)) {
    return {400, "host disagrees with target"};
  }
  return {};
}

ParseError read_body(RequestHead& out, bool body_follows) {
  detail::BodyLength length;
  if (const ParseError error = detail::read_body_length(out.fields, out.minor, length)) return error;
  // CONNECT has no content (RFC 9110 9.3.6) and neither may TRACE (9.3.8): bytes that one side takes for a body and the other
  // for a tunnel or a request.
  if (out.is_connect() || out.method == "TRACE") {
    const bool has_one = length.body == Body::kChunked || length.content_length != 0 || (body_follows && !out.is_connect());
    return has_one ? ParseError{400, "method without body has one"} : ParseError{};
  }
  out.body = length.body == Body::kNone && body_follows ? Body::kChunked : length.body;
  out.content_length = length.content_length;
  return {};
}

// RFC 9110 10.1.1: HTTP/1.0 clients' expectations and those without a body are ignored.
ParseError read_expect(RequestHead& out) {
  for (std::uint32_t i = 0; const Field* expect = out.fields.find(Name::kExpect, i); ++i) {
    if (!equal_names(expect->value, "100-continue")) return {417, "unknown expectation"};
    out.expect_continue = out.minor >= 1 && out.body != Body::kNone;
  }
  return {};
}

ParseError read_fields(RequestHead& out, const Authority& authority, bool body_follows = false) {
  detail::Connection connection;
  if (const ParseError error = detail::read_connection(out.fields, connection)) return error;
  out.keep_alive = !connection.close && (out.minor >= 1 || connection.keep_alive);
  out.upgrade = detail::read_upgrade(out.fields, connection, out.minor);
  if (const ParseError error = read_host(out, authority)) return error;
  if (const ParseError error = read_body(out, body_follows)) return error;
  for (std::uint32_t i = 0; const Field* te = out.fields.find(Name::kTe, i); ++i) {
    if (has_token(te->value, "trailers")) out.te_trailers = true;
  }
  return read_expect(out);
}

}  // namespace

ParseError parse_request_head(std::string_view head, const HeadLimits& limits, Arena& arena, RequestHead& out) {
  out = RequestHead{};
  if (head.size() > limits.head_bytes_max) return {431, "head too large"};
  Authority authority;
  const std::string_view line = head.substr(0, head.find('\r'));
  if (const ParseError error = read_request_line(line, limits, out)) return error;
  if (const ParseError error = read_target(out, arena, authority)) return error;
  if (const ParseError error = detail::tokenise(head, true, limits, arena, out.fields)) {
    // llhttp stops at the first framing it dislikes; say what we would, where what it read so far is enough to tell.
    detail::BodyLength length;
    const ParseError framing = detail::read_body_length(out.fields, out.minor, length);
    return error.status == 400 && framing ? framing : error;
  }
  return read_fields(out, authority);
}

ParseError complete_request_head(const HeadLimits& limits, Arena& arena, bool body_follows, RequestHead& out) {
  if (!detail::known_method(out.method)) return {501, "unknown method"};
  if (out.target.size() > limits.target_bytes_max) return {414, "target too long"};
  if (out.target.empty()) return {400, "malformed target"};
  if (out.fields.size() > limits.fields_max) return {431, "too many fields"};
  Authority authority;
  if (!out.authority.empty() && !detail::read_authority(out.authority, authority)) return {400, "malformed authority"};
  if (const ParseError error = read_target(out, arena, authority)) return error;
  return read_fields(out, authority, body_follows);
}

}  // namespace cleat::http
