// Cluster: what a configuration calls one, with the endpoints it has at present. It lives as long as a generation has it, and the next
// generation takes it over where its configuration is the same: connections, counters and health with it. Its endpoints come in sets,
// each immutable; a new set is taken over by a worker when it next makes an attempt, without a task and without a lock on that path.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/slots.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/config/model.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/kernel_metrics.hpp"
#include "kernel/sources/supply.hpp"
#include "kernel/tls/openssl.hpp"

namespace cleat {

namespace tls {
class ClientContext;
}

namespace upstream {
class Http1Client;
class Http2Session;
class Pool;
}  // namespace upstream

// Shared by the successive sets of its cluster that have its address: what is known of it outlives them.
struct Endpoint {
  Endpoint(const Address& address_, std::string text_, std::uint32_t workers_);
  const Address address;
  const std::string text;
  std::atomic<bool> healthy{true};
  std::atomic<bool> removed{false};  // in no current set: idle connections to it are not kept
  struct alignas(64) OnWorker {      // written by that worker only, on a cache line of its own
    std::atomic<std::uint32_t> in_flight{0};
    std::vector<upstream::Http1Client*> idle;  // of its pool, the latest last
    tls::Resumable tls_session;                // what its next connection may resume
    std::vector<upstream::Http2Session*> with_room;  // of its pool, for another stream; the latest last
    std::uint32_t streams_max = UINT32_MAX;    // of a session at once, as the endpoint said last
  };
  const std::unique_ptr<OnWorker[]> on_worker;
  const std::uint32_t workers;
  std::uint64_t in_flight() const;   // [any] exchanges, of all workers
};

struct EndpointSpec {
  Address address;
  std::string text;
  std::uint32_t weight = 1;
  bool operator==(const EndpointSpec& other) const { return text == other.text && weight == other.weight && healthy == other.healthy; }
  bool healthy = true;               // what is said of it now; of one that is known already, only a change of what was said before counts
};

struct EndpointSet {
  struct Member {
    std::shared_ptr<Endpoint> endpoint;
    std::uint32_t weight;
    bool said_healthy;
  };
  std::vector<Member> members;
  bool equal_weights = true;
  std::string cluster;               // its name
  std::uint64_t handle = 0;          // names the set in cleat.balancer/1
  std::shared_ptr<hooks::Instance> balancer;  // nullptr: weighted round robin
  void* balancer_state = nullptr;
  std::vector<cleat_endpoint> shown_endpoints;  // what the balancer sees, for as long as the set lives
  cleat_endpoint_set shown{};
  EndpointSet() = default;
  EndpointSet(const EndpointSet&) = delete;
  EndpointSet& operator=(const EndpointSet&) = delete;
  ~EndpointSet();                    // [control] where there is a balancer's state
};

// Endpoints that another attempt should leave out. They are compared, never followed.
class TriedEndpoints {
 public:
  static constexpr std::size_t kMax = 8;  // beyond it the oldest is forgotten
  void add(const Endpoint& one) { all_[count_++ % kMax] = &one; }
  bool has(const Endpoint& one) const { return count_ != 0 && std::find(all_.begin(), all_.end(), &one) != all_.end(); }
  void clear() {
    all_ = {};
    count_ = 0;
  }

 private:
  std::array<const Endpoint*, kMax> all_{};
  std::uint32_t count_ = 0;
};

using EndpointSets = Slots<EndpointSet, 20>;
EndpointSets& endpoint_sets();       // [any] of all clusters and generations

class Cluster {
 public:
  // [control] With its static endpoints. Errors go to diagnostics, and the cluster is then good for nothing.
  Cluster(const config::Cluster& from, std::shared_ptr<hooks::Instance> balancer, std::uint32_t workers, config::Diagnostics& diagnostics);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // [control] Would `from` make the same one again, and with this context?
  bool is(const config::Cluster& from, const std::shared_ptr<hooks::Instance>& balancer,
          const std::shared_ptr<const tls::ClientContext>& context) const;

  // [control] From now on these, all of them. Of addresses that come twice the weights are added. Exchanges under way end where they are.
  void set_endpoints(std::vector<EndpointSpec> wanted);

  // [any]
  std::shared_ptr<const EndpointSet> endpoints() const;
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }  // of the endpoints; grows

  // [control] What brings its endpoints, or changes them; nullptr: they are those of the configuration.
  std::shared_ptr<sources::Supply> supply;

  // [control] Set before any worker knows the cluster; nullptr: connections are in the clear.
  std::shared_ptr<const tls::ClientContext> tls;

  const config::Cluster config;      // without what points into the document
  const ClusterMetrics metrics;
  // By worker, and that worker's alone: its connections to this cluster, while one of its generations has the cluster.
  std::vector<upstream::Pool*> pools;

  void count_in_flight(Endpoint& endpoint, std::uint32_t worker, std::uint32_t change) const {  // [that worker]
    std::atomic<std::uint32_t>& count = endpoint.on_worker[worker].in_flight;
    count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
    cleat::metrics::add(metrics.in_flight, static_cast<std::int32_t>(change));
  }

 private:
  std::shared_ptr<EndpointSet> make_set(std::vector<EndpointSpec> wanted, const config::Node* balancer_config, const config::Node& at,
                                        config::Diagnostics& diagnostics) const;
  void make_balancer_state(EndpointSet& set, const config::Node* balancer_config, const config::Node& at, config::Diagnostics& diagnostics) const;
  void publish(std::shared_ptr<EndpointSet> next);

  const std::string text_;           // its configuration, as JSON: what "the same" is judged by
  const std::string balancer_text_;
  const std::shared_ptr<hooks::Instance> balancer_;
  mutable std::mutex mutex_;
  std::shared_ptr<EndpointSet> set_; // guarded by mutex_
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace cleat
