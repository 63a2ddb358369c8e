#include "network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace admin {

std::optional<Address> parse_address(std::string_view text) {
  if (text.empty() || text.size() > 45 || text.find('\0') != std::string_view::npos) return {};
  const std::string copy(text);
  Address address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
  } else if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) {
    return {};
  }
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  address.v4 = std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
  return address;
}

std::optional<Address> parse_peer(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  text = text.substr(0, colon);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return parse_address(text);
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::optional<Address> base = parse_address(text.substr(0, slash));
  if (!base) return {};
  Network network;
  network.base_ = *base;
  if (slash != text.size()) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() || bits > (base->v4 ? 32U : 128U)) return {};
    network.bits_ = base->v4 ? 96 + bits : bits;
  }
  for (unsigned bit = network.bits_; bit < 128; ++bit) {
    if ((network.base_.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return {};
  }
  return network;
}

bool Network::holds(const Address& address) const {
  for (unsigned bit = 0; bit < bits_; bit += 8) {
    const unsigned here = std::min(8U, bits_ - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - here));
    if ((address.bytes[bit / 8] & mask) != (base_.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace admin
