// What the operator asks for: of the instance, and of each cluster that names it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"

namespace dns {

using std::chrono::milliseconds;

enum class Family : std::uint8_t { kPreferV4, kPreferV6, kV4, kV6, kAll };

struct Settings {
  explicit Settings(cleat::Config config);
  std::vector<std::string> servers;   // ip:port or ip; none: the system's
  milliseconds timeout{2'000};        // of one try in the first round, doubled in each that follows
  std::uint32_t tries = 3;            // rounds over all servers
  milliseconds ttl_min{1'000};        // a shorter TTL counts as this
  milliseconds ttl_max{300'000};      // a longer one as this
  milliseconds ttl_none{30'000};      // how long an answer without records holds, within these bounds
  milliseconds retry_min{500};        // after a failure, doubled with each that follows, up to
  milliseconds retry_max{30'000};
  std::uint32_t records_max = 256;    // of one answer
};

struct Wanted {
  Wanted() = default;
  explicit Wanted(cleat::Config config);
  std::string name;                   // canonical; or
  std::string address;                // it is one already; neither: the configuration is refused
  std::uint16_t port = 0;             // 0: SRV says it
  bool srv = false;
  Family family = Family::kPreferV4;
  bool operator==(const Wanted&) const = default;
};

}  // namespace dns
