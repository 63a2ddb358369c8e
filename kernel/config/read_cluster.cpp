// A cluster of the file: endpoints, pools, balancer.
#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::int64_t kWeightMax = 65'535;  // as plugin_api/ext/balancer.h has it
constexpr std::int64_t kCountMax = 1'000'000'000;
constexpr std::int64_t kStreamsMax = 10'000;

Endpoint read_endpoint(const Node& node, Reading& reading) {
  Endpoint endpoint;
  endpoint.node = &node;
  if (node.type == Node::Type::kMap) {
    if (const Node* address = required(node, "address", reading)) read_address(*address, reading, false, endpoint.address);
    optional_integer(node, "weight", reading, 1, kWeightMax, endpoint.weight);
  } else {
    read_address(node, reading, false, endpoint.address);
  }
  return endpoint;
}

// {use: INSTANCE, config: ...}
void read_user(const Node& map, std::string_view key, Reading& reading, std::string& instance, const Node*& config) {
  const Node* user = optional_map(map, key, reading);
  if (user == nullptr) return;
  if (const Node* use = required(*user, "use", reading)) read_reference(*use, reading, reading.references.instances, instance);
  config = opaque_child(*user, "config", reading);
}

}  // namespace

Cluster read_cluster(const Node& node, Reading& reading) {
  Cluster cluster;
  cluster.node = &node;
  if (!expect_map(node, reading)) return cluster;
  read_own_name(node, reading, cluster.name);
  read_user(node, "discovery", reading, cluster.discovery, cluster.discovery_config);
  cluster.endpoints_given = child(node, "endpoints") != nullptr;
  optional(node, "original_destination", reading, cluster.original_destination);
  if (cluster.original_destination) {
    cluster.endpoints_given = true;  // none is awaited
    refuse_keys(node, {"endpoints", "discovery", "balancer"}, "has no meaning for a cluster of original destinations", reading);
  }
  // Where nobody brings the endpoints, none at all is more likely a slip; an empty list says that it is not.
  if (cluster.discovery.empty() && !cluster.original_destination && reading.staged_name == nullptr) required(node, "endpoints", reading);
  for (const Node* item : items(node, "endpoints", reading)) cluster.endpoints.push_back(read_endpoint(*item, reading));
  report_repeated(named(cluster.endpoints, &Endpoint::address), "an endpoint", reading);

  using Header = Cluster::ProxyProtocol;
  optional_word<Header>(node, "proxy_protocol", reading, {{"off", Header::kOff}, {"v1", Header::kV1}, {"v2", Header::kV2}}, cluster.proxy_protocol);
  optional(node, "connect_timeout", reading, cluster.connect_timeout);
  optional(node, "idle_timeout", reading, cluster.idle_timeout);
  optional_integer(node, "connections_max", reading, 1, kCountMax, cluster.connections_max);
  optional_integer(node, "idle_max", reading, 0, kCountMax, cluster.idle_max);
  optional_integer(node, "pending_max", reading, 0, kCountMax, cluster.pending_max);
  optional_integer(node, "requests_per_connection", reading, 0, kCountMax, cluster.requests_per_connection);
  optional_word<Cluster::Protocol>(node, "protocol", reading, {{"http1", Cluster::Protocol::kHttp1}, {"http2", Cluster::Protocol::kHttp2}},
                                   cluster.protocol);
  optional_integer(node, "streams_max", reading, 1, kStreamsMax, cluster.streams_max);
  if (const Node* streams = child(node, "streams_max"); streams != nullptr && !cluster.multiplexed()) {
    reading.diagnostics.error(*streams, "has a meaning only where protocol is http2");
  }
  if (cluster.proxy_protocol != Header::kOff && cluster.multiplexed()) {
    reading.diagnostics.error(*node.get("proxy_protocol"), "has no meaning with protocol: http2, whose connections are many clients'");
  }

  if (const Node* part = optional_map(node, "tls", reading)) cluster.tls = read_client_tls(*part, reading);
  read_user(node, "balancer", reading, cluster.balancer, cluster.balancer_config);
  return cluster;
}

}  // namespace cleat::config
