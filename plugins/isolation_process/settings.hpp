// The options of `isolation: {kind: process, ...}`, and what the loader says of the plugin that is to be hosted. Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "host.hpp"

namespace isolation_process {

using Milliseconds = std::chrono::milliseconds;

struct Settings {
  std::uint64_t ring = 1024 * 1024;   // bytes of each ring, of two for each worker; a power of two
  Milliseconds start_timeout{10'000};  // of each call on the control thread
  Milliseconds hang{10'000};
  std::uint64_t memory_max = 0;       // bytes of address space; 0 = no bound
};

struct Hosting {
  std::string file, plugin, program, config_file;
  std::string config;                 // JSON; empty: none
  cleat_config config_node = 0;
  Settings settings;
};

// False: errors were recorded at their places.
bool read_hosting(cleat_config node, Hosting& hosting);

// Records an error at the part of the configuration that a path from the process means ("routes[2].name"), or at the nearest above it that is there.
void record_error(cleat_config root, std::string_view path, std::string_view words);

}  // namespace isolation_process
