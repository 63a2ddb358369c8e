// IP addresses and networks ("10.0.0.0/8", "fd00::/8", "127.0.0.1"), as text that others wrote.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace admin {

// IPv4 is kept as it is mapped into IPv6 (RFC 4291 2.5.5.2), so that one comparison does for both.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;
};
std::optional<Address> parse_address(std::string_view text);  // without a port, IPv6 without brackets
std::optional<Address> parse_peer(std::string_view text);     // ip:port, [ip]:port

class Network {
 public:
  static std::optional<Network> parse(std::string_view text);  // no bits set beyond the prefix
  bool holds(const Address& address) const;

 private:
  Address base_;
  unsigned bits_ = 128;  // of the 128
};

}  // namespace admin
