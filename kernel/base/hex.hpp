// Bytes as hexadecimal digits, in lower case.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace cleat {

// Both digits of each byte.
inline constexpr auto kHexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) pairs[byte] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return pairs;
}();

inline std::string to_hex(std::span<const unsigned char> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) text.append(kHexPairs[byte].data(), 2);
  return text;
}

}  // namespace cleat
