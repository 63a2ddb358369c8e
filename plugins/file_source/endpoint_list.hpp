// The list of endpoints in a file: a line each, "ip:port", then perhaps "weight=N" and "unhealthy"; "#" begins a comment. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace file_source {

struct ListedEndpoint {
  std::string address;
  std::uint32_t weight = 1;
  bool healthy = true;
  bool operator==(const ListedEndpoint&) const = default;
};

inline constexpr std::size_t kEndpointsMax = 65'536;  // the host takes no more

// `error`: "3: what is wrong"; empty if all was well. Whether an address is one is the host's to say.
std::vector<ListedEndpoint> parse_endpoints(std::string_view text, std::string& error);

}  // namespace file_source
