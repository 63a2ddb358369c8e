// Pool: one worker's connections to one cluster, in one generation. Keeps idle ones by endpoint, last in first out; bounds how many there
// are, how many idle, and how many exchanges may wait for one. Chooses endpoints by weighted round robin.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "kernel/upstream/client.hpp"
#include "kernel/worker.hpp"

namespace cleat::upstream {

class Pool {
 public:
  Pool(Worker& worker, Cluster& cluster);
  ~Pool();

  static constexpr std::uint32_t kNoEndpoint = UINT32_MAX;
  // Weighted round robin over healthy endpoints, leaving out those in `tried` (bits, index < 64) while others are healthy.
  std::uint32_t next_endpoint(std::uint64_t tried);

  enum class Acquired : std::uint8_t { kNow, kLater, kRefused };
  // kNow: the client serves the exchange. kLater: attempt_connected or attempt_failed will be called. kRefused: over the bounds.
  // `fresh`: not a connection that served before.
  Acquired acquire(Exchange& exchange, std::uint32_t endpoint, bool fresh);
  void forget(Exchange& exchange);                // it waits no longer
  void release(Client& client, bool reusable);    // by the exchange it served, at the end
  void drop(Client& client);                      // closed
  void connect_failed(Client& client, std::uint32_t how);  // tells the exchange
  void close_idle();

  Worker& worker() { return worker_; }
  Cluster& cluster() { return cluster_; }

 private:
  struct Turn {
    double due;
    std::uint32_t endpoint;
    bool operator>(const Turn& other) const { return due > other.due || (due == other.due && endpoint > other.endpoint); }
  };
  struct Waiting {
    Exchange* exchange;
    std::uint32_t endpoint;
  };
  bool connect(Exchange& exchange, std::uint32_t endpoint);
  void serve_waiting();
  static void serve_waiting_later(void* self, std::uint64_t);

  Worker& worker_;
  Cluster& cluster_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::vector<Client*>> idle_;        // by endpoint
  std::uint32_t idle_count_ = 0;
  std::deque<Waiting> waiting_;
  std::uint32_t next_ = 0;                        // equal weights
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;  // else: earliest deadline first
};

}  // namespace cleat::upstream
