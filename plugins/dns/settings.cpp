#include "settings.hpp"

#include "answer.hpp"

namespace dns {

namespace {

constexpr std::size_t kServersMax = 8;
constexpr std::size_t kSystemServersMax = 3;  // what resolv.conf has at most
constexpr milliseconds kQueryMax{300'000};    // of a query that nobody answers

// ip, ip:port, [ip]:port.
bool valid_server(const std::string& text) {
  std::string host = text, port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return false;
    host = text.substr(1, end - 1);
    if (end + 1 < text.size()) {
      if (text[end + 1] != ':') return false;
      port = text.substr(end + 2);
      if (port.empty()) return false;
    }
  } else if (text.find(':') != std::string::npos && text.find(':') == text.rfind(':')) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
    if (port.empty()) return false;
  }
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return false;
  return !as_address(host).empty() && (port.empty() || (std::stoi(port) > 0 && std::stoi(port) <= 65'535));
}

milliseconds duration(const cleat::Config& config, std::string_view key, milliseconds fallback, milliseconds least, milliseconds most) {
  const auto value = config.get<milliseconds>(key, fallback);
  if (value >= least && value <= most) return value;
  config[key].error(std::string(key) + " is between " + std::to_string(least.count()) + "ms and " + std::to_string(most.count()) + "ms");
  return fallback;
}

}  // namespace

Settings::Settings(cleat::Config config) : servers(config.get<std::vector<std::string>>("servers", {})) {
  using namespace std::chrono_literals;
  if (servers.size() > kServersMax) config["servers"].error("at most 8 servers");
  for (const std::string& server : servers) {
    if (!valid_server(server)) config["servers"].error("\"" + server + "\" is no address of a server: ip, ip:port or [ip]:port");
  }
  timeout = duration(config, "timeout", timeout, 10ms, 60s);
  tries = config.get<std::uint32_t>("tries", tries, {.least = 1, .most = 10});
  const milliseconds longest = timeout * ((1 << tries) - 1) * (servers.empty() ? kSystemServersMax : servers.size());
  if (longest > kQueryMax) config.error("timeout, tries and servers: a query that nobody answers would take " + std::to_string(longest.count() / 1'000) + "s, more than 5m");
  const cleat::Config ttl = config["ttl"], retry = config["retry"];
  ttl_min = duration(ttl, "min", ttl_min, 10ms, 24h);
  ttl_max = duration(ttl, "max", ttl_max, 10ms, 24h);
  ttl_none = duration(ttl, "none", ttl_none, 10ms, 24h);
  if (ttl_min > ttl_max) ttl.error("min is more than max");
  retry_min = duration(retry, "min", retry_min, 10ms, 1h);
  retry_max = duration(retry, "max", retry_max, 10ms, 1h);
  if (retry_min > retry_max) retry.error("min is more than max");
  records_max = config.get<std::uint32_t>("records", records_max, {.least = 1, .most = 4'096});
}

Wanted::Wanted(cleat::Config config) {
  const auto given = config.required<std::string>("name");
  srv = config.choice<bool>("type", {{"address", false}, {"srv", true}}, false);
  family = config.choice<Family>("family", {{"prefer_v4", Family::kPreferV4}, {"prefer_v6", Family::kPreferV6}, {"v4", Family::kV4}, {"v6", Family::kV6}, {"all", Family::kAll}},
                                 Family::kPreferV4);
  if (srv) {
    if (config["port"]) config["port"].error("port: an SRV record says it");
  } else {
    port = config.required<std::uint16_t>("port", {.least = 1, .most = 65'535});
  }
  address = srv ? std::string() : as_address(given);
  if (!address.empty()) return;
  if (valid_name(given)) {
    name = canonical(given);
  } else if (!given.empty()) {
    config["name"].error("\"" + given + "\" is no name of a host");
  }
}

}  // namespace dns
