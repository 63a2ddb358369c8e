// A cluster of the file: endpoints, pools, balancer.
#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::int64_t kWeightMax = 65'535;  // as plugin_api/ext/balancer.h has it
constexpr std::int64_t kCountMax = 1'000'000'000;

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

}  // namespace

Cluster read_cluster(const Node& node, Reading& reading) {
  Cluster cluster;
  cluster.node = &node;
  if (!expect_map(node, reading)) return cluster;
  if (const Node* name = required(node, "name", reading)) read_name(*name, reading, cluster.name);
  required(node, "endpoints", reading);  // an empty list is legal: a plugin may bring the endpoints
  std::vector<Named> addresses;
  for (const Node* item : items(node, "endpoints", reading)) cluster.endpoints.push_back(read_endpoint(*item, reading));
  for (const Endpoint& endpoint : cluster.endpoints) addresses.push_back({endpoint.node, endpoint.address});
  report_repeated(addresses, "an endpoint", reading);

  optional(node, "connect_timeout", reading, cluster.connect_timeout);
  optional(node, "idle_timeout", reading, cluster.idle_timeout);
  optional_integer(node, "connections_max", reading, 1, kCountMax, cluster.connections_max);
  optional_integer(node, "idle_max", reading, 0, kCountMax, cluster.idle_max);
  optional_integer(node, "pending_max", reading, 0, kCountMax, cluster.pending_max);
  optional_integer(node, "requests_per_connection", reading, 0, kCountMax, cluster.requests_per_connection);
  if (const Node* protocol = child(node, "protocol")) word_index(*protocol, {"http1"}, reading);

  const Node* balancer = child(node, "balancer");
  if (balancer != nullptr && expect_map(*balancer, reading)) {
    const Node* use = required(*balancer, "use", reading);
    if (use != nullptr && read_name(*use, reading, cluster.balancer)) reading.instances.push_back({use, cluster.balancer});
    cluster.balancer_config = opaque_child(*balancer, "config", reading);
  }
  return cluster;
}

}  // namespace cleat::config
