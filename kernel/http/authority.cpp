// The authority of a request: uri-host [ ":" port ] (RFC 3986 3.2), as Host, absolute-form and CONNECT carry it.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"

namespace cleat::http::detail {
namespace {

constexpr std::size_t kHostBytesMax = 255;

// 1 to 65535. RFC 3986 allows an empty port; RFC 9110 9.3.6 has it refused for CONNECT, and nothing sends it elsewhere.
bool valid_port(std::string_view port) {
  std::uint16_t value = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), value);
  return port.size() <= 5 && code == std::errc() && end == port.data() + port.size() && value != 0;
}

bool valid_ipv6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof copy) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr address;
  return inet_pton(AF_INET6, copy, &address) == 1;
}

}  // namespace

bool read_authority(std::string_view text, Authority& out) {
  std::size_t host_size;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !valid_ipv6(text.substr(1, close - 1))) return false;
    host_size = close + 1;
  } else {
    host_size = std::min(text.find(':'), text.size());
    if (host_size == 0 || host_size > kHostBytesMax || !all(text.substr(0, host_size), kHostChar)) return false;
  }
  out = {text.substr(0, host_size), {}};
  if (host_size == text.size()) return true;
  out.port = text.substr(host_size + 1);
  return text[host_size] == ':' && valid_port(out.port);
}

}  // namespace cleat::http::detail

namespace cleat::http {

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, std::min(authority.find(']'), authority.size() - 1) + 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace cleat::http
