// Generation: one immutable set of listeners, routes, clusters and plugin instances, made from one Model on the control thread
// and shared by all workers. What a worker changes (pools, counters, round robin) is its own: WorkerGeneration in worker.hpp.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/base/socket.hpp"
#include "kernel/cluster.hpp"
#include "kernel/config/compose.hpp"
#include "kernel/hooks/chain_call.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/kernel_metrics.hpp"
#include "kernel/route/router.hpp"
#include "kernel/tls/server_context.hpp"

namespace cleat {

class Worker;

inline constexpr std::size_t kChainMax = 62;  // instances of a listener; one bit each in an exchange's masks, one more for a handler

// A listener's plugins, outermost first, and for each hook the positions that have it, in calling order.
struct Chain {
  std::vector<hooks::Instance*> instances;
  std::array<std::vector<std::uint8_t>, hooks::kHooks> positions;
  const std::vector<std::uint8_t>& of(hooks::Hook hook) const { return positions[static_cast<std::size_t>(hook)]; }
  hooks::ReadyCalls ready;  // the same of the hooks of heads, for each worker
};

struct Route {
  const config::Route* config = nullptr;
  struct Target {
    Cluster* cluster;
    std::uint32_t until;  // cumulated weight
  };
  std::vector<Target> targets;
  Cluster* target(Worker& worker) const;    // nullptr if there is none
  RouteMetrics metrics;
  hooks::Instance* handler = nullptr;
  std::uint32_t handler_position = 0;       // in the chain, or the chain's size
  std::uint64_t timeout_ms = 0;
  std::vector<void*> plugin_configs;        // by chain position (the last for a handler outside it); empty if none
};

struct Listener {
  const config::Listener* config = nullptr;
  std::uint32_t index = 0;
  Address address;
  std::string listening_key;  // what its sockets are known by: the configured address; beside it the name, where any port
                              // will do, and whether it is transparent
  Chain chain;
  std::unique_ptr<route::Router> router;
  std::vector<Route> routes;
  http::HeadLimits limits;
  ListenerMetrics metrics;
  ProxyHeaderSeries proxy_headers;  // of one that reads them
  std::shared_ptr<const tls::ServerContext> tls;  // nullptr: its connections are in the clear
  // Connections that are open now, of all workers; shared by the listener's acceptors, which may outlive this generation.
  std::shared_ptr<std::atomic<std::uint64_t>> open_connections = std::make_shared<std::atomic<std::uint64_t>>(0);
  cleat::metrics::SeriesId bite(std::string_view limit) const;  // cleat_limit_hits_total{listener, limit}; [any] takes a lock
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();
};

struct Generation {
  std::uint64_t id = 0;
  std::shared_ptr<const config::Part> file;  // what the model was composed of; its nodes point into them
  std::shared_ptr<const config::Resources> resources;
  config::Model model;
  std::uint32_t workers = 1;
  std::vector<std::shared_ptr<hooks::Instance>> instances;  // shared with the generations before and after that have them too
  std::vector<std::shared_ptr<Cluster>> clusters;           // likewise
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unordered_map<std::string_view, std::shared_ptr<hooks::Instance>> instance_names;  // views into the model
  std::unordered_map<std::string_view, std::shared_ptr<Cluster>> cluster_names;
  std::unordered_map<std::string_view, Listener*> listening_keys;
  hooks::Instance* instance(std::string_view name) const { return shared_instance(name).get(); }
  std::shared_ptr<hooks::Instance> shared_instance(std::string_view name) const;
  Cluster* cluster(std::string_view name) const { return shared_cluster(name).get(); }
  std::shared_ptr<Cluster> shared_cluster(std::string_view name) const;
  std::unordered_map<std::string_view, tls::KeyPair> key_pairs;  // of its secrets, by name, where a plugin may choose among them
  // Those of its clusters that it made with no endpoints, for a source to bring, have got some. [control]
  bool warm() const;
  std::vector<std::shared_ptr<sources::Feed>> awaited;
  // The one that listens where `other`, of another generation, does: by Listener::listening_key.
  Listener* listening_as(const Listener& other) const;
  Generation() = default;
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();  // [control] routes' configs and balancers' states, then the instances, the last made first
};

// [control] nullptr with diagnostics on failure: nothing is left behind. before: the generation in force, or nullptr; what did not
// change is taken over from it.
std::unique_ptr<Generation> build_generation(std::uint64_t id, config::Composition composition, std::uint32_t workers,
                                             const Generation* before, config::Diagnostics& diagnostics);

}  // namespace cleat
