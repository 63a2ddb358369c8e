#include "kernel/upstream/pool.hpp"

#include <algorithm>
#include <cerrno>

#include "kernel/exchange.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::upstream {

Pool::Pool(Worker& worker, Cluster& cluster) : worker_(worker), cluster_(cluster), idle_(cluster.endpoints.size()) {
  next_ = cluster.endpoints.empty() ? 0 : static_cast<std::uint32_t>(worker.random() % cluster.endpoints.size());
  if (!cluster.equal_weights) {
    for (std::uint32_t i = 0; i < cluster.endpoints.size(); ++i) turns_.push({1.0 / cluster.endpoints[i]->weight, i});
  }
}

Pool::~Pool() {
  while (!clients_.empty()) clients_.back()->close();
}

std::uint32_t Pool::next_endpoint(std::uint64_t tried) {
  const auto count = static_cast<std::uint32_t>(cluster_.endpoints.size());
  std::uint32_t second_best = kNoEndpoint;  // healthy, but tried before
  for (std::uint32_t n = 0; n < count; ++n) {
    std::uint32_t i;
    if (cluster_.equal_weights) {
      i = next_;
      next_ = next_ + 1 == count ? 0 : next_ + 1;
    } else {
      const Turn turn = turns_.top();
      turns_.pop();
      turns_.push({turn.due + 1.0 / cluster_.endpoints[turn.endpoint]->weight, turn.endpoint});
      i = turn.endpoint;
    }
    if (!cluster_.endpoints[i]->healthy.load(std::memory_order_relaxed)) continue;
    if (i < 64 && (tried >> i & 1) != 0) {
      if (second_best == kNoEndpoint) second_best = i;
      continue;
    }
    return i;
  }
  return second_best;
}

Pool::Acquired Pool::acquire(Exchange& exchange, std::uint32_t endpoint, bool fresh) {
  auto& idle = idle_[endpoint];
  while (!fresh && !idle.empty()) {
    Client* client = idle.back();
    if ((client->pending_events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {  // it has ended, or sent what nobody asked for
      client->close();
      continue;
    }
    idle.pop_back();
    --idle_count_;
    client->serve(exchange);
    return Acquired::kNow;
  }
  if (clients_.size() >= cluster_.config->connections_max && idle_count_ > 0) {
    // Full, but with idle connections to other endpoints: one of them makes room.
    for (auto& others : idle_) {
      if (others.empty()) continue;
      others.front()->close();
      break;
    }
  }
  if (clients_.size() < cluster_.config->connections_max) {
    if (connect(exchange, endpoint)) return Acquired::kLater;
    return Acquired::kRefused;
  }
  if (waiting_.size() >= cluster_.config->pending_max) {
    metrics::add(cluster_.metrics.overflows, 1);
    return Acquired::kRefused;
  }
  waiting_.push_back({&exchange, endpoint});
  return Acquired::kLater;
}

bool Pool::connect(Exchange& exchange, std::uint32_t endpoint) {
  int error = 0;
  Socket socket = start_connect(cluster_.endpoints[endpoint]->address, error);
  if (!socket.open()) {  // out of descriptors
    metrics::add(cluster_.metrics.overflows, 1);
    return false;
  }
  metrics::add(cluster_.metrics.connections, 1);
  auto client = std::make_unique<Client>(*this, endpoint, std::move(socket), true);
  client->pool_index = clients_.size();
  client->serve(exchange);
  clients_.push_back(std::move(client));
  return true;
}

void Pool::forget(Exchange& exchange) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.exchange == &exchange; });
}

void Pool::release(Client& client, bool reusable) {
  const config::Cluster& limits = *cluster_.config;
  const bool worn = limits.requests_per_connection != 0 && client.served() >= limits.requests_per_connection;
  if (!reusable || worn || !client.clean() || worker_.draining || idle_count_ >= limits.idle_max) {
    client.close();
  } else {
    const auto timeout = static_cast<std::uint64_t>(limits.idle_timeout.count());
    client.idle(timeout == 0 ? 0 : worker_.reactor.now_ms() + timeout);
    idle_[client.endpoint()].push_back(&client);
    ++idle_count_;
  }
  if (!waiting_.empty()) worker_.reactor.defer(&Pool::serve_waiting_later, this);
}

void Pool::serve_waiting_later(void* self, std::uint64_t) { static_cast<Pool*>(self)->serve_waiting(); }

void Pool::serve_waiting() {
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    if (idle_[next.endpoint].empty() && clients_.size() >= cluster_.config->connections_max && idle_count_ == 0) return;
    waiting_.pop_front();
    switch (acquire(*next.exchange, next.endpoint, false)) {
      case Acquired::kNow: next.exchange->attempt_connected(*next.exchange->client); break;
      case Acquired::kLater: break;
      case Acquired::kRefused: next.exchange->attempt_failed(CLEAT_END_OVERFLOW); break;
    }
  }
}

void Pool::connect_failed(Client& client, std::uint32_t how) {
  metrics::add(cluster_.metrics.connect_failures, 1);
  Exchange* exchange = client.exchange();
  client.close();
  if (exchange != nullptr) exchange->attempt_failed(how);
}

void Pool::drop(Client& client) {
  auto& idle = idle_[client.endpoint()];
  const auto at = std::find(idle.begin(), idle.end(), &client);
  if (at != idle.end()) {
    idle.erase(at);
    --idle_count_;
  }
  const std::size_t i = client.pool_index;
  std::unique_ptr<Client> gone = std::move(clients_[i]);
  if (i + 1 != clients_.size()) {
    clients_[i] = std::move(clients_.back());
    clients_[i]->pool_index = i;
  }
  clients_.pop_back();
  // The object may be in the middle of a callback: it goes when the turn ends.
  worker_.reactor.retire([keep = std::shared_ptr<Client>(std::move(gone))] {});
  if (!waiting_.empty()) worker_.reactor.defer(&Pool::serve_waiting_later, this);
}

void Pool::close_idle() {
  for (auto& idle : idle_) {
    while (!idle.empty()) idle.back()->close();
  }
}

}  // namespace cleat::upstream
