// A listener of the file: address, policies, chain, routes.
#include <algorithm>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::int64_t kCountMax = 1'000'000'000;
constexpr std::uint64_t kHeadBytesMin = 256;
constexpr std::uint64_t kStreamWindowMin = 1024, kStreamWindowMax = 16 * 1024 * 1024;
constexpr std::uint64_t kHeadBytesMax = 512 * 1024;  // a head must fit its exchange's arena with room for hooks

void read_timeouts(const Node& node, Reading& reading, Timeouts& timeouts) {
  optional(node, "head", reading, timeouts.head);
  optional(node, "idle", reading, timeouts.idle);
  optional(node, "body", reading, timeouts.body);
  optional(node, "request", reading, timeouts.request);
  optional(node, "suspend", reading, timeouts.suspend);
  optional(node, "tunnel_idle", reading, timeouts.tunnel_idle);
  optional(node, "drain", reading, timeouts.drain);
}

void read_limits(const Node& node, Reading& reading, Limits& limits) {
  optional_bytes(node, "head_bytes", reading, kHeadBytesMin, limits.head_bytes, kHeadBytesMax);
  optional_bytes(node, "target_bytes", reading, kHeadBytesMin, limits.target_bytes, kHeadBytesMax);
  optional_integer(node, "headers", reading, 1, 10'000, limits.headers);
  optional_bytes(node, "body_buffer", reading, 0, limits.body_buffer);
  optional_bytes(node, "body_bytes", reading, 0, limits.body_bytes);
  optional_integer(node, "connections", reading, 1, kCountMax, limits.connections);
  optional_integer(node, "requests_per_connection", reading, 0, kCountMax, limits.requests_per_connection);
  optional(node, "ignore_memory_max", reading, limits.ignore_memory_max);
}

void read_http2(const Node& node, Reading& reading, Http2& http2) {
  optional_integer(node, "concurrent_streams", reading, 1, 10'000, http2.concurrent_streams);
  optional_integer(node, "stream_resets", reading, 1, kCountMax, http2.stream_resets);
  optional_bytes(node, "stream_window", reading, kStreamWindowMin, http2.stream_window, kStreamWindowMax);
}

void read_protocols(const Node& node, Reading& reading, Listener& listener) {
  const std::vector<const Node*> words = items(node, "protocols", reading);
  const Node* list = child(node, "protocols");
  if (list == nullptr) return;
  if (words.empty() && list->type == Node::Type::kList) reading.diagnostics.error(*list, "must name at least one protocol");
  listener.speaks_http1 = listener.speaks_http2 = false;
  for (const Node* word : words) {
    const int index = word_index(*word, {"http1", "http2"}, reading);
    if (index < 0) continue;
    bool& speaks = index == 0 ? listener.speaks_http1 : listener.speaks_http2;
    if (speaks) reading.diagnostics.error(*word, "stands there twice");
    speaks = true;
  }
}

void read_path_policy(const Node& node, Reading& reading, PathPolicy& path) {
  optional(node, "merge_slashes", reading, path.merge_slashes);
  optional_word<SlashPolicy>(
      node, "escaped_slashes", reading,
      {{"keep", SlashPolicy::kKeep}, {"decode", SlashPolicy::kDecode}, {"reject", SlashPolicy::kReject}}, path.escaped_slashes);
}

void read_forward(const Node& node, Reading& reading, ForwardPolicy& forward) {
  using For = ForwardPolicy::For;
  using Id = ForwardPolicy::Id;
  optional(node, "via", reading, forward.via);
  optional_word<For>(node, "x_forwarded_for", reading,
                     {{"append", For::kAppend}, {"set", For::kSet}, {"keep", For::kKeep}, {"off", For::kOff}},
                     forward.x_forwarded_for);
  optional(node, "x_forwarded_proto", reading, forward.x_forwarded_proto);
  optional_word<Id>(node, "x_request_id", reading, {{"keep_or_make", Id::kKeepOrMake}, {"make", Id::kMake}, {"off", Id::kOff}},
                    forward.x_request_id);
}

}  // namespace

// A route's config for an instance that never sees the route's exchanges would be silently without effect.
void check_route_plugins(const Listener& listener, Reading& reading) {
  const std::string which = listener.route_table.empty() ? "this listener" : "listener \"" + listener.name + "\"";
  for (const Route& route : listener.routes) {
    const Node* plugins = route.plugins.empty() ? nullptr : child(*route.node, "plugins");
    if (plugins == nullptr) continue;
    for (const RoutePlugin& plugin : route.plugins) {
      const bool used = std::find(listener.chain.begin(), listener.chain.end(), plugin.instance) != listener.chain.end();
      if (used || plugin.instance == route.handler) continue;
      const auto at = std::find_if(plugins->members.begin(), plugins->members.end(),
                                   [&](const Node::Member& member) { return member.key == plugin.instance; });
      reading.diagnostics.error(*at->value, at->key_position,
                                "not in the chain of " + which + did_you_mean(plugin.instance, listener.chain, reading.diagnostics));
    }
  }
}

Listener read_listener(const Node& node, Reading& reading) {
  Listener listener;
  listener.node = &node;
  if (!expect_map(node, reading)) return listener;
  read_own_name(node, reading, listener.name);
  if (const Node* address = required(node, "address", reading)) read_address(*address, reading, true, listener.address);
  optional(node, "transparent", reading, listener.transparent);
  using Header = Listener::ProxyProtocol;
  optional_word<Header>(node, "proxy_protocol", reading,
                        {{"off", Header::kOff}, {"optional", Header::kOptional}, {"required", Header::kRequired}}, listener.proxy_protocol);
  if (const Node* part = optional_map(node, "timeouts", reading)) read_timeouts(*part, reading, listener.timeouts);
  if (const Node* part = optional_map(node, "limits", reading)) read_limits(*part, reading, listener.limits);
  if (const Node* part = optional_map(node, "http2", reading)) read_http2(*part, reading, listener.http2);
  read_protocols(node, reading, listener);
  if (const Node* part = optional_map(node, "path", reading)) read_path_policy(*part, reading, listener.path);
  if (const Node* part = optional_map(node, "forward", reading)) read_forward(*part, reading, listener.forward);
  if (const Node* part = optional_map(node, "tls", reading)) listener.tls = read_server_tls(*part, reading);
  optional_word<Listener::Protocol>(node, "protocol", reading, {{"http1", Listener::Protocol::kHttp1}, {"tcp", Listener::Protocol::kTcp}},
                                    listener.protocol);

  std::vector<Reference> links;
  for (const Node* item : items(node, "chain", reading)) {
    std::string name;
    if (read_reference(*item, reading, links, name)) listener.chain.push_back(std::move(name));
  }
  report_repeated(named(links, &Reference::name), "in this chain,", reading);
  std::vector<Reference>& instances = reading.references.instances;
  instances.insert(instances.end(), links.begin(), links.end());

  if (listener.protocol == Listener::Protocol::kTcp) {
    refuse_keys(node, {"routes", "route_table", "path", "forward", "protocols", "http2"}, "has no meaning for a listener whose protocol is tcp", reading);
    listener.routes.push_back(read_tcp_route(node, listener.name, reading));
    return listener;
  }
  listener.routes = read_routes(node, listener.name, listener.path, "in this listener, a route named", reading);
  check_route_plugins(listener, reading);
  const Node* table = child(node, "route_table");
  if (table == nullptr || !read_reference(*table, reading, reading.references.route_tables, listener.route_table)) return listener;
  if (child(node, "routes") != nullptr) reading.diagnostics.error(*table, "only one of routes and route_table");
  return listener;
}

}  // namespace cleat::config
