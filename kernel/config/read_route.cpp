// A route of the file: where it leads, and what it changes on the way.
#include <algorithm>

#include "kernel/config/reading.hpp"
#include "kernel/http/message.hpp"

namespace cleat::config {
namespace {

constexpr std::int64_t kWeightMax = 1'000'000;

WeightedCluster read_weighted(const Node& node, Reading& reading) {
  WeightedCluster cluster;
  if (!expect_map(node, reading)) return cluster;
  if (const Node* name = required(node, "name", reading)) read_reference(*name, reading, reading.references.clusters, cluster.cluster);
  optional_integer(node, "weight", reading, 0, kWeightMax, cluster.weight);
  return cluster;
}

void read_clusters(const Node& node, Reading& reading, Route& route) {
  if (!expect_list(node, reading)) return;
  std::uint64_t weight = 0;
  for (const Node::Member& member : node.members) {
    route.clusters.push_back(read_weighted(*member.value, reading));
    weight += route.clusters.back().weight;
  }
  constexpr std::size_t kClustersMax = 1000;  // with kWeightMax, the sum stays below 2^32
  if (route.clusters.size() > kClustersMax) reading.diagnostics.error(node, "more than 1000 clusters");
  if (weight == 0) reading.diagnostics.error(node, "needs a cluster with a weight above 0");
}

// Exactly one of the keys, which `list` names.
void read_target(const Node& node, const std::vector<std::string_view>& keys, const std::string& list, Reading& reading, Route& route) {
  int given = 0;
  for (const std::string_view key : keys) {
    const Node* value = child(node, key);
    if (value == nullptr) continue;
    if (++given > 1) {
      value->ask_all();
      reading.diagnostics.error(*value, "only one of " + list);
    } else if (key == "cluster") {
      std::string name;
      if (read_reference(*value, reading, reading.references.clusters, name)) route.clusters.push_back({std::move(name), 1});
    } else if (key == "clusters") {
      read_clusters(*value, reading, route);
    } else if (key == "handler") {
      read_reference(*value, reading, reading.references.instances, route.handler);
    } else if (key == "redirect") {
      route.redirect = read_redirect(*value, reading);
    } else {
      route.reply = read_reply(*value, reading);
    }
  }
  if (given == 0) reading.diagnostics.error(node, "needs one of " + list);
}

bool read_path_text(const Node& node, Reading& reading, std::string& value) {
  std::string path;
  if (!read_text(node, reading.diagnostics, path)) return false;
  const auto refused = [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; };
  if (!path.starts_with('/') || std::any_of(path.begin(), path.end(), refused)) {
    reading.diagnostics.error(node, "must begin with '/' and have only characters that a path may have");
    return false;
  }
  value = std::move(path);
  return true;
}

void read_rewrites(const Node& node, Reading& reading, Route& route) {
  const Node* prefix = child(node, "prefix_rewrite");
  const Node* host = child(node, "host_rewrite");
  std::string path;
  if (prefix != nullptr && read_path_text(*prefix, reading, path)) route.prefix_rewrite = std::move(path);
  if (host != nullptr) read_authority(*host, reading, route.host_rewrite);
  if (prefix != nullptr && route.match.path_kind != Match::Path::kPrefix) {
    reading.diagnostics.error(*prefix, "replaces match.prefix, which this route does not have");
  }
  if (route.redirect.has_value() || route.reply.has_value()) {
    if (prefix != nullptr) reading.diagnostics.error(*prefix, "nothing is forwarded that could be rewritten");
    if (host != nullptr) reading.diagnostics.error(*host, "nothing is forwarded that could be rewritten");
  }
}

void read_plugins(const Node& node, Reading& reading, Route& route) {
  for (const Node::Member& member : node.members) {
    node.get(member.key);
    reading.references.instances.push_back({member.value.get(), member.key});
    reading.opaque.insert(member.value.get());
    route.plugins.push_back({member.key, member.value.get()});
  }
}

Route read_route(const Node& node, std::string name_if_none, const PathPolicy& policy, Reading& reading) {
  Route route;
  route.node = &node;
  route.name = std::move(name_if_none);
  if (!expect_map(node, reading)) return route;
  if (const Node* name = child(node, "name")) read_name(*name, reading, route.name);
  if (const Node* match = optional_map(node, "match", reading)) route.match = read_match(*match, policy, reading);
  read_target(node, {"cluster", "clusters", "handler", "redirect", "reply"}, "cluster, clusters, handler, redirect and reply", reading, route);
  read_rewrites(node, reading, route);
  Milliseconds timeout{};
  if (optional(node, "timeout", reading, timeout)) route.timeout = timeout;
  optional(node, "allow_connect", reading, route.allow_connect);
  optional(node, "allow_upgrade", reading, route.allow_upgrade);
  if (const Node* plugins = optional_map(node, "plugins", reading)) read_plugins(*plugins, reading, route);
  if (route.redirect.has_value() && route.redirect->prefix_rewrite.has_value() &&
      route.match.path_kind != Match::Path::kPrefix) {
    reading.diagnostics.error(node, "redirect.prefix_rewrite replaces match.prefix, which this route does not have");
  }
  return route;
}

}  // namespace

std::vector<Route> read_routes(const Node& map, const std::string& owner, const PathPolicy& policy, std::string_view what, Reading& reading) {
  std::vector<Route> routes;
  for (const Node* item : items(map, "routes", reading)) {
    routes.push_back(read_route(*item, owner + "/" + std::to_string(routes.size()), policy, reading));
  }
  report_repeated(named(routes, &Route::name), what, reading);
  return routes;
}

RouteTable read_route_table(const Node& node, Reading& reading) {
  RouteTable table;
  table.node = &node;
  if (!expect_map(node, reading)) return table;
  read_own_name(node, reading, table.name);
  required(node, "routes", reading);
  table.routes = read_routes(node, table.name, PathPolicy{}, "in this table, a route named", reading);
  return table;
}

Redirect read_redirect(const Node& node, Reading& reading) {
  Redirect redirect;
  if (!expect_map(node, reading)) return redirect;
  optional_word<std::uint16_t>(node, "status", reading, {{"301", 301}, {"302", 302}, {"303", 303}, {"307", 307}, {"308", 308}},
                               redirect.status);
  optional_word<std::string>(node, "scheme", reading, {{"http", "http"}, {"https", "https"}}, redirect.scheme);
  const Node* host = child(node, "host");
  const Node* path = child(node, "path");
  const Node* prefix = child(node, "prefix_rewrite");
  if (host != nullptr) read_authority(*host, reading, redirect.host);
  if (path != nullptr) read_path_text(*path, reading, redirect.path);
  std::string text;
  if (prefix != nullptr && read_path_text(*prefix, reading, text)) redirect.prefix_rewrite = std::move(text);
  optional(node, "strip_query", reading, redirect.strip_query);
  if (path != nullptr && prefix != nullptr) reading.diagnostics.error(*prefix, "only one of path and prefix_rewrite");
  if (child(node, "scheme") == nullptr && host == nullptr && path == nullptr && prefix == nullptr && !redirect.strip_query) {
    reading.diagnostics.error(node, "leads back to where it came from: needs scheme, host, path, prefix_rewrite or strip_query");
  }
  return redirect;
}

DirectReply read_reply(const Node& node, Reading& reading) {
  DirectReply reply;
  if (!expect_map(node, reading)) return reply;
  optional_integer(node, "status", reading, 200, 599, reply.status);
  const bool bodied = optional(node, "body", reading, reply.body) && !reply.body.empty();
  if (bodied && (reply.status == 204 || reply.status == 205 || reply.status == 304)) {
    reading.diagnostics.error(*node.get("body"), "a reply of status " + std::to_string(reply.status) + " has no body");
  }
  const Node* headers = optional_map(node, "headers", reading);
  if (headers == nullptr) return reply;
  for (const Node::Member& member : headers->members) {
    headers->get(member.key);
    HeaderValue header{member.key, ""};
    if (!read_text(*member.value, reading.diagnostics, header.value)) continue;
    const auto refuse = [&](std::string_view why) { reading.diagnostics.error(*member.value, why); };
    if (!http::valid_name(header.name)) refuse("is not a header name");
    if (!http::valid_value(header.value)) refuse("is not a header value");
    switch (http::name_of(header.name)) {
      case http::Name::kConnection:
      case http::Name::kContentLength:
      case http::Name::kTransferEncoding:
      case http::Name::kTrailer:
      case http::Name::kUpgrade:
      case http::Name::kKeepAlive: refuse("frames the message, and is the kernel's to set"); break;
      default: break;
    }
    reply.headers.push_back(std::move(header));
  }
  return reply;
}

Route read_tcp_route(const Node& listener, const std::string& name, Reading& reading) {
  Route route;
  route.node = &listener;
  route.name = name;
  read_target(listener, {"cluster", "clusters"}, "cluster and clusters", reading, route);
  return route;
}

}  // namespace cleat::config
