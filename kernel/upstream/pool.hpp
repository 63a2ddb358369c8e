// Pool: one worker's connections to one cluster, as long as a generation of the worker has the cluster. Keeps idle ones by endpoint, last
// in first out, and of HTTP/2 those that have room for another stream; bounds how many there are, how many idle, and how many requesters may
// wait for one. Chooses endpoints by weighted round robin.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/cluster.hpp"
#include "kernel/upstream/http1_client.hpp"
#include "kernel/upstream/pooled.hpp"
#include "kernel/worker.hpp"

namespace cleat {
class Connection;
}

namespace cleat::upstream {

class Http2Session;

// A set of endpoints, and how many exchanges of this worker refer to it: the set's own count is shared by workers, and costs more.
struct SetInUse {
  std::shared_ptr<const EndpointSet> set;
  std::uint64_t users = 0;
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  // The worker's one pool of the cluster; made if there is none.
  static std::shared_ptr<Pool> of(Worker& worker, const std::shared_ptr<Cluster>& cluster);
  Pool(Worker& worker, std::shared_ptr<Cluster> cluster);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  static constexpr std::size_t kOriginalsMax = 8'192;  // original destinations that are in use or have idle connections

  // The endpoints as they are now, for an exchange that gives them back by `leave_set`: of a cluster of original destinations the one that
  // the client of `downstream` wanted, and nullptr where there is none, or too many are in use.
  SetInUse* enter_set(Connection* downstream);
  void leave_set(SetInUse& set);

  static constexpr std::uint32_t kNoEndpoint = UINT32_MAX;
  // Weighted round robin over healthy endpoints of the set just entered, leaving out what was tried while others are healthy.
  std::uint32_t next_endpoint(const SetInUse& set, const TriedEndpoints& tried);

  enum class Acquired : std::uint8_t { kNow, kLater, kRefused };
  // kNow: the client serves the requester. kLater: attempt_connected or attempt_failed will be called. kRefused: over the bounds.
  // `fresh`: not a connection that served before.
  Acquired acquire(Requester& requester, const std::shared_ptr<Endpoint>& endpoint, bool fresh);
  void forget(Requester& requester);                // it waits no longer
  void release(Http1Client& client, bool reusable);    // through the client, by whom it served
  void drop(Pooled& client);                           // closed
  void connect_failed(Http1Client& client, std::uint32_t how);  // tells the requester
  void close_idle();

  // TLS on a connection to that endpoint, where the cluster has it; `server_name` is who is asked for.
  void use_tls(Transport& transport, Endpoint& endpoint, std::string_view server_name) const;

  // The first bytes of a connection, where the cluster has the PROXY protocol: for whom it is made; nullptr: for the proxy itself.
  std::string introduction(Connection* downstream) const;

  // --- for sessions (pool_http2.cpp) ---
  void note_room(Http2Session& session);            // it has room for a requester, or no longer
  void session_unused(Http2Session& session);       // its last stream has ended
  void wait_again(Requester& requester, const std::shared_ptr<Endpoint>& endpoint);  // its session has no room for it after all

  // Connections to endpoints that are not the pool's own, within the same bound.
  bool admit_other();
  void other_closed() { --others_; }

  Worker& worker() { return worker_; }
  Cluster& cluster() { return *cluster_; }

 private:
  static constexpr std::size_t kOriginalsSweepMin = 64;
  struct Turn {
    double due;
    std::uint32_t endpoint;
    bool operator>(const Turn& other) const { return due > other.due || (due == other.due && endpoint > other.endpoint); }
  };
  struct Waiting {
    Requester* requester;
    std::shared_ptr<Endpoint> endpoint;
  };
  void take_set();
  SetInUse* enter_original(Connection& downstream);
  bool full() const;
  std::string_view server_name(const Requester& requester) const;
  Http1Client* take_idle(const Endpoint& endpoint, std::string_view server_name);
  bool multiplexed() const { return cluster_->config.multiplexed(); }
  Http2Session* session_with_room(const Endpoint& endpoint, std::string_view server_name, bool fresh) const;
  bool connect(Requester& requester, const std::shared_ptr<Endpoint>& endpoint);
  std::vector<Http1Client*>& idle_of(const Endpoint& endpoint) const { return endpoint.on_worker[worker_.index].idle; }
  void remove_idle(Pooled& client) { idle_.erase(idle_.iterator_to(client)); }
  void serve_waiting();

  Worker& worker_;
  const std::shared_ptr<Cluster> cluster_;
  std::uint64_t version_ = 0;                     // of the cluster's endpoints, as of `sets_.back()`
  std::list<SetInUse> sets_;                      // the last is the current one; earlier ones are in use still
  std::unordered_map<std::string, SetInUse> originals_;  // by address: sets of one
  std::size_t sweep_at_ = kOriginalsSweepMin;     // so many of them, and those nobody uses are let go
  std::vector<std::unique_ptr<Pooled>> clients_;
  boost::intrusive::list<Pooled, boost::intrusive::member_hook<Pooled, decltype(Pooled::in_idle), &Pooled::in_idle>>
      idle_;                                      // of all endpoints, the longest idle first
  std::uint32_t others_ = 0;
  std::deque<Waiting> waiting_;
  std::uint32_t next_ = 0;                        // equal weights
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;  // else: earliest deadline first
  std::vector<Turn> had_turn_;                    // of turns_, within one choice
};

}  // namespace cleat::upstream
