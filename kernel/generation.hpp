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
#include "kernel/config/compose.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/kernel_metrics.hpp"
#include "kernel/route/router.hpp"

namespace cleat {

inline constexpr std::size_t kChainMax = 62;  // instances of a listener; one bit each in an exchange's masks, one more for a handler

// A listener's plugins, outermost first, and for each hook the positions that have it, in calling order.
struct Chain {
  std::vector<hooks::Instance*> instances;
  std::array<std::vector<std::uint8_t>, hooks::kHooks> positions;
  const std::vector<std::uint8_t>& of(hooks::Hook hook) const { return positions[static_cast<std::size_t>(hook)]; }
};

struct Endpoint {
  Address address;
  std::string text;
  std::uint32_t weight = 1;
  std::atomic<bool> healthy{true};
};

struct Cluster {
  const config::Cluster* config = nullptr;
  std::uint32_t index = 0;
  bool equal_weights = true;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  // Exchanges in flight, by worker and endpoint: an array for each worker, which alone writes it, so that no two share a cache line.
  std::vector<std::unique_ptr<std::atomic<std::uint32_t>[]>> in_flight;
  void count_in_flight(std::uint32_t worker, std::uint32_t endpoint, std::uint32_t change) const {
    std::atomic<std::uint32_t>& count = in_flight[worker][endpoint];
    count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
    cleat::metrics::add(metrics.in_flight, static_cast<std::int32_t>(change));
  }
  hooks::Instance* balancer = nullptr;
  void* balancer_state = nullptr;
  std::uint64_t handle = 0;  // names the set in cleat.balancer/1
  std::vector<cleat_endpoint> shown_endpoints;  // what the balancer sees, for as long as the cluster lives
  cleat_endpoint_set shown{};
  ClusterMetrics metrics;
  Cluster() = default;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  bool take_handle();        // once the endpoints are there; false when 1,048,576 clusters live, of all generations
  ~Cluster();
};

struct Route {
  const config::Route* config = nullptr;
  struct Target {
    Cluster* cluster;
    std::uint32_t until;  // cumulated weight
  };
  std::vector<Target> targets;
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
  std::string listening_key;  // what its sockets are known by: the configured address; beside it the name, where any port will do
  Chain chain;
  std::unique_ptr<route::Router> router;
  std::vector<Route> routes;
  http::HeadLimits limits;
  ListenerMetrics metrics;
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
  config::Resources resources;
  config::Model model;
  std::uint32_t workers = 1;
  std::vector<std::shared_ptr<hooks::Instance>> instances;  // shared with the generations before and after that have them too
  std::vector<std::unique_ptr<Cluster>> clusters;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unordered_map<std::string_view, hooks::Instance*> instance_names;  // views into the model
  std::unordered_map<std::string_view, Cluster*> cluster_names;
  std::unordered_map<std::string_view, Listener*> listener_names, listening_keys;
  hooks::Instance* instance(std::string_view name) const;
  Cluster* cluster(std::string_view name) const;
  Listener* listener(std::string_view name) const;
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

// [any] The set a cleat.balancer/1 handle names, or nullptr. No lock. The pointer holds while its generation does: in a hook of an
// exchange of that generation, on the control thread. Every other caller pins.
Cluster* find_cluster(std::uint64_t handle);

// [any] Keeps the cluster from going away, for a call that came from a plugin's own thread. Short: ~Cluster waits for it.
class ClusterPin {
 public:
  explicit ClusterPin(std::uint64_t handle);
  ClusterPin(const ClusterPin&) = delete;
  ClusterPin& operator=(const ClusterPin&) = delete;
  ~ClusterPin();
  explicit operator bool() const { return cluster_ != nullptr; }
  Cluster* operator->() const { return cluster_; }

 private:
  Cluster* cluster_ = nullptr;
  std::uint64_t handle_ = 0;
};

// [any] Every cluster there is, of all generations, pinned while `fn` runs: fn is short and calls no plugin.
void each_cluster(const std::function<void(const Cluster&)>& fn);

}  // namespace cleat
