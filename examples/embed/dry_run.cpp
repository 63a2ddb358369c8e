// dry_run CONFIG [LISTENER] < requests: what this configuration, with its routes and its plugins, would do with each of these requests: to
// which cluster it would send it and as what, or what it would answer. The kernel itself decides, in this process: no socket is opened, no
// port is taken, nothing is sent to anyone. Requests are lines "METHOD TARGET [name=value ...]", fields after the target.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>

#include "plugin_api/harness/harness.hpp"

namespace {

cleat::harness::Request read(const std::string& line) {
  std::istringstream words(line);
  cleat::harness::Request request;
  words >> request.method >> request.target;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name == "host") {
      request.authority = value;
    } else {
      request.headers.emplace_back(name, value);
    }
  }
  return request;
}

// Plugins may ask services before they decide: nobody is there who would answer.
std::string become_of(cleat::harness::Host& host, const cleat::harness::Exchange& x) {
  while (const auto out = host.outgoing()) {
    const auto seen = out.seen();
    if (!seen.is_call) {
      const std::string text = "-> cluster " + seen.cluster + ": " + seen.method + " " + seen.authority + seen.target;
      out.answer({.status = 204});
      return text;
    }
    out.fail(CLEAT_END_CONNECT_FAILED);
  }
  host.step(60'000);
  const auto response = x.response();
  if (response.status == 0) return "-> waits for what does not come";
  return "<- " + std::to_string(response.status) + " " + response.flag + (response.by.empty() ? "" : " by " + response.by) +
         (response.reason.empty() ? "" : ": " + response.reason);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: dry_run CONFIG [LISTENER] < requests\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  cleat::harness::Host host({.document = text, .folder = std::filesystem::absolute(argv[1]).parent_path().string()});
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    const std::uint64_t connection = argc > 2 ? host.connect_to(argv[2]) : host.connect("127.0.0.1:40000");
    if (connection == 0) throw std::runtime_error(host.error());
    const auto x = host.begin(read(line), connection);
    std::printf("%s\n    %s\n", line.c_str(), become_of(host, x).c_str());
  }
  return host.finish().empty() ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "dry_run: %s\n", error.what());
  return 2;
}
