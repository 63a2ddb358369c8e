// Exchanges for tools: one request with what an upstream answers to it, driven to its end whatever the plugin makes of it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "plugin_api/harness/src/host.hpp"

namespace cleat::kit {

using Texts = std::vector<std::pair<std::string, std::string>>;

struct Scenario {
  std::string name;
  std::string method = "GET", target = "/", authority = "example.org";
  bool has_host = true;
  Texts headers = {};
  std::string body = {};
  std::size_t piece = 0;              // bytes of the body at once, chunked; 0: all with the head, with Content-Length
  Texts trailers = {};
  std::uint32_t status = 200;
  Texts response_headers = {{"Content-Type", "text/plain"}};
  std::string response_body = "hello\n";
  std::size_t response_piece = 0;
  Texts response_trailers = {};
  std::uint32_t informational = 0;    // 1xx heads before
  std::uint32_t fails = 0;            // CLEAT_END_* in place of each answer; 0: it answers
  std::uint32_t call_status = 200;    // what the plugin's own calls get; 0: they fail
  bool leaves = false;                // the client goes away once the attempt is out, or the hook is suspended
};

// What becomes of it. `stuck`: its bound of turns is over, and cutting it did not end it either.
enum class Driven : std::uint8_t { kOver, kNotBegun, kStuck };
Driven drive(Host& host, const Scenario& scenario, std::uint64_t connection = 0);

std::vector<Scenario> odd_scenarios();
Scenario random_scenario(std::uint64_t& seed);  // the same for the same seed; moves it on
std::uint64_t next_random(std::uint64_t& seed);  // likewise

}  // namespace cleat::kit
