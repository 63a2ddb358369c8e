#include "guard.hpp"

#include <algorithm>

namespace admin {
namespace {

std::string lower(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return copy;
}

// Without the scheme's own port.
std::string canonical(std::string_view scheme, std::string_view authority) {
  std::string text = lower(authority);
  const std::string_view usual = scheme == "https" ? ":443" : ":80";
  if (text.ends_with(usual)) text.erase(text.size() - usual.size());
  return text;
}

}  // namespace

bool Guard::peer_allowed(std::string_view peer) const {
  const std::optional<Address> address = parse_peer(peer);
  return address && std::any_of(allow.begin(), allow.end(), [&](const Network& network) { return network.holds(*address); });
}

bool Guard::host_allowed(std::string_view authority) const {
  if (authority.empty()) return true;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end != std::string_view::npos && parse_address(authority.substr(1, end - 1)).has_value();
  }
  std::string host = lower(authority.substr(0, authority.rfind(':')));
  if (host.ends_with('.')) host.pop_back();
  if (host == "localhost" || host.ends_with(".localhost") || parse_address(host)) return true;
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

bool same_origin(std::string_view origin, std::string_view fetch_site, std::string_view scheme, std::string_view authority) {
  if (!fetch_site.empty() && fetch_site != "same-origin" && fetch_site != "none") return false;
  if (origin.empty()) return true;
  const std::size_t end = origin.find("://");
  if (end == std::string_view::npos) return false;  // "null": a page without an origin
  return lower(origin.substr(0, end)) == scheme && canonical(scheme, origin.substr(end + 3)) == canonical(scheme, authority);
}

}  // namespace admin
