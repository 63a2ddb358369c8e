// The constants of the PROXY protocol's version 2. Private to proxy_protocol/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cleat::proxy_protocol::detail {

inline constexpr std::string_view kV1Signature = "PROXY ";
inline constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};
inline constexpr std::size_t kV2FixedBytes = 16;  // signature, version and command, family and protocol, length of what follows

inline constexpr std::uint8_t kLocal = 0x20, kProxy = 0x21;  // version 2 in the high half, the command in the low one
inline constexpr std::uint8_t kUnspecified = 0x00, kStreamV4 = 0x11, kDatagramV4 = 0x12, kStreamV6 = 0x21, kDatagramV6 = 0x22, kStreamUnix = 0x31,
                              kDatagramUnix = 0x32;
inline constexpr std::size_t kAddressesV4 = 12, kAddressesV6 = 36, kAddressesUnix = 216;

inline constexpr std::uint8_t kTypeCrc32c = 0x03;

}  // namespace cleat::proxy_protocol::detail
