#include "kernel/http/chars.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http {

// RFC 9110 6.5.1: what frames, routes, authenticates, modifies the request, controls the response or describes the content
// would, merged into the head by a careless recipient, undo what was decided from the head.
bool forbidden_trailer(std::string_view name) {
  switch (name_of(name)) {
    case Name::kOther:
    case Name::kXRequestId:
    case Name::kServer: break;
    default: return true;
  }
  static constexpr std::string_view kForbidden[] = {
      "authorization", "www-authenticate", "authentication-info", "proxy-authentication-info", "cookie", "set-cookie",
      "cache-control", "pragma", "max-forwards", "range", "if-match", "if-none-match", "if-modified-since",
      "if-unmodified-since", "if-range", "age", "expires", "location", "retry-after", "vary", "warning", "content-encoding",
      "content-type", "content-range", "content-location", "forwarded", "x-forwarded-host", "x-real-ip", "http2-settings"};
  for (const std::string_view forbidden : kForbidden) {
    if (equal_names(name, forbidden)) return true;
  }
  return false;
}

ParseError parse_trailers(std::string_view section, const HeadLimits& limits, Arena& arena, Fields& out) {
  out = Fields{};
  std::uint32_t seen = 0;
  while (!section.empty()) {
    const std::size_t end = section.find("\r\n");
    if (end == std::string_view::npos) return {400, "malformed trailers"};
    const std::string_view line = section.substr(0, end);
    section.remove_prefix(end + 2);
    if (line.empty()) return section.empty() ? ParseError{} : ParseError{400, "malformed trailers"};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return {400, "malformed trailer"};
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = detail::trim(line.substr(colon + 1));
    if (!valid_name(name) || !valid_value(value)) return {400, "malformed trailer"};
    if (++seen > limits.fields_max) return {431, "too many trailers"};
    if (forbidden_trailer(name)) continue;
    if (!out.add_copy(arena, name, value, name_of(name))) return {431, "trailers exceed their memory"};
  }
  return {};
}

}  // namespace cleat::http
