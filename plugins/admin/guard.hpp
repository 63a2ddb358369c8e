// Who may ask. Three questions, each against another attacker: where the connection comes from (strangers), what name the request asked
// for (a web page whose name was pointed at this machine: DNS rebinding), and, where something would change, which web page
// sent it (cross-site request forgery).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "network.hpp"

namespace admin {

struct Guard {
  std::vector<Network> allow;      // networks of peers
  std::vector<std::string> hosts;  // names, in lower case, that this is asked for by, besides localhost and IP addresses

  bool peer_allowed(std::string_view peer) const;       // ip:port, [ip]:port
  bool host_allowed(std::string_view authority) const;  // host[:port]; empty: HTTP/1.0 without Host, which no browser sends
};

// origin, fetch_site: the fields Origin and Sec-Fetch-Site, empty where absent. Browsers send at least one of them with what changes
// something; who sends neither is no browser. (https://fetch.spec.whatwg.org, https://www.w3.org/TR/fetch-metadata)
bool same_origin(std::string_view origin, std::string_view fetch_site, std::string_view scheme, std::string_view authority);

}  // namespace admin
