// What a stranger may send to the admin plugin: lines of method, authority, path, query, peer, Origin, Sec-Fetch-Site and Accept. What changes
// something may only be decided for a POST of an allowed peer, from no other site's page.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/admin/query.hpp"
#include "plugins/admin/request.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool changes(admin::Action action) {
  using admin::Action;
  return action == Action::kReload || action == Action::kDrain || action == Action::kSetLogLevel || action == Action::kRestore;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 8> lines;
  for (std::string_view& line : lines) {
    line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  admin::Guard guard;
  guard.allow.push_back(*admin::Network::parse("127.0.0.0/8"));
  guard.hosts.push_back("admin.example");
  admin::Request request;
  request.method = lines[0];
  request.scheme = "http";
  request.authority = lines[1];
  request.path = lines[2];
  request.query = lines[3];
  request.peer = lines[4];
  request.origin = lines[5];
  request.fetch_site = lines[6];
  request.accept = lines[7];
  const admin::Decision decision = admin::decide(request, guard);
  if (decision.action == admin::Action::kRefuse) {
    require(decision.status >= 400 && decision.status < 600 && !decision.reason.empty());
    return 0;
  }
  require(guard.peer_allowed(request.peer) && guard.host_allowed(request.authority));
  if (!changes(decision.action)) return 0;
  require(request.method == "POST" && admin::same_origin(request.origin, request.fetch_site, request.scheme, request.authority));
  return 0;
}
