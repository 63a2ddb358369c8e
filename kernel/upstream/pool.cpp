#include "kernel/upstream/pool.hpp"

#include <algorithm>
#include <cerrno>

#include "kernel/accept/connection.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/proxy_protocol/header.hpp"
#include "kernel/tls/session.hpp"
#include "kernel/upstream/http2_session.hpp"
#include "kernel/wires.hpp"

namespace cleat::upstream {

Pooled::Pooled(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name)
    : pool_(pool), worker_(pool.worker()), endpoint_(std::move(endpoint)), server_name_(server_name),
      transport_(worker_, std::move(socket), Transport::Side::kUpstream),
      deadline_(worker_.reactor.wheel(), [](void* self) { static_cast<Pooled*>(self)->on_deadline(); }, this) {
  deadline_.set_or_clear(end_of(pool.cluster().config.connect_timeout, worker_.reactor.now_ms()));
  transport_.set_connecting();
  pool_.use_tls(transport_, *endpoint_, server_name_);
  if (!transport_.watch(*this)) transport_.break_off();
}

std::shared_ptr<Pool> Pool::of(Worker& worker, const std::shared_ptr<Cluster>& cluster) {
  Pool* const here = cluster->pools[worker.index];
  return here != nullptr ? here->shared_from_this() : std::make_shared<Pool>(worker, cluster);
}

Pool::Pool(Worker& worker, std::shared_ptr<Cluster> cluster) : worker_(worker), cluster_(std::move(cluster)) {
  cluster_->pools[worker.index] = this;
  take_set();
}

Pool::~Pool() {
  while (!clients_.empty()) clients_.back()->close();
  cluster_->pools[worker_.index] = nullptr;
}

// --- endpoints ---

SetInUse* Pool::enter_set(Connection* downstream) {
  if (cluster_->config.original_destination) return downstream == nullptr ? nullptr : enter_original(*downstream);
  if (version_ != cluster_->version()) take_set();
  ++sets_.back().users;
  return &sets_.back();
}

SetInUse* Pool::enter_original(Connection& downstream) {
  const Address* const wanted = downstream.original_destination();
  if (wanted == nullptr) return nullptr;
  const std::string text(downstream.original_text());
  auto found = originals_.find(text);
  if (found == originals_.end()) {
    if (originals_.size() >= sweep_at_) {
      std::erase_if(originals_, [this](const auto& one) {
        const Endpoint::OnWorker& here = one.second.set->members[0].endpoint->on_worker[worker_.index];
        return one.second.users == 0 && here.idle.empty() && here.with_room.empty();
      });
      sweep_at_ = std::max(kOriginalsSweepMin, 2 * originals_.size());
    }
    if (originals_.size() >= kOriginalsMax) return nullptr;
    auto set = std::make_shared<EndpointSet>();
    set->cluster = cluster_->config.name;
    set->members.push_back({std::make_shared<Endpoint>(*wanted, text, static_cast<std::uint32_t>(cluster_->pools.size())), 1, true});
    found = originals_.emplace(text, SetInUse{std::move(set)}).first;
  }
  ++found->second.users;
  return &found->second;
}

void Pool::leave_set(SetInUse& set) {
  if (--set.users != 0 || &set == &sets_.back() || cluster_->config.original_destination) return;
  sets_.remove_if([&](const SetInUse& one) { return &one == &set; });
}

void Pool::take_set() {
  version_ = cluster_->version();  // first: of what is published meanwhile, the next attempt hears
  if (!sets_.empty() && sets_.back().users == 0) sets_.pop_back();
  sets_.push_back({cluster_->endpoints()});
  const EndpointSet& set = *sets_.back().set;
  const auto count = static_cast<std::uint32_t>(set.members.size());
  next_ = count == 0 ? 0 : static_cast<std::uint32_t>(worker_.random() % count);
  turns_ = {};
  if (!set.equal_weights) {
    std::vector<Turn> turns;
    turns.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) turns.push_back({1.0 / set.members[i].weight, i});
    turns_ = decltype(turns_)(std::greater<>(), std::move(turns));
  }
  for (auto next = idle_.begin(); next != idle_.end();) {
    Pooled& client = *next++;
    if (client.endpoint().removed.load(std::memory_order_relaxed)) client.close();
  }
}

std::uint32_t Pool::next_endpoint(const SetInUse& entered, const TriedEndpoints& tried) {
  const EndpointSet& set = *entered.set;
  if (&entered != &sets_.back()) return set.members[0].endpoint->healthy.load(std::memory_order_relaxed) ? 0 : kNoEndpoint;
  const auto count = static_cast<std::uint32_t>(set.members.size());
  std::uint32_t found = kNoEndpoint;
  std::uint32_t second_best = kNoEndpoint;  // healthy, but tried before
  for (std::uint32_t n = 0; n < count && found == kNoEndpoint; ++n) {
    std::uint32_t i;
    if (set.equal_weights) {
      i = next_;
      next_ = next_ + 1 == count ? 0 : next_ + 1;
    } else {
      const Turn turn = turns_.top();
      turns_.pop();
      i = turn.endpoint;
      had_turn_.push_back({turn.due + 1.0 / set.members[i].weight, i});  // it comes again with the next choice, not in this one
    }
    const Endpoint& endpoint = *set.members[i].endpoint;
    if (!endpoint.healthy.load(std::memory_order_relaxed)) continue;
    if (!tried.has(endpoint)) {
      found = i;
    } else if (second_best == kNoEndpoint) {
      second_best = i;
    }
  }
  for (const Turn& turn : had_turn_) turns_.push(turn);
  had_turn_.clear();
  return found != kNoEndpoint ? found : second_best;
}

// --- connections ---

bool Pool::full() const { return clients_.size() + others_ >= cluster_->config.connections_max; }

bool Pool::admit_other() {
  if (full() && !idle_.empty()) idle_.front().close();
  if (full()) {
    metrics::add(cluster_->metrics.overflows, 1);
    return false;
  }
  ++others_;
  metrics::add(cluster_->metrics.connections, 1);
  return true;
}

// The latest one that has not ended. Where names differ by request a connection serves those of the name it was verified for.
Http1Client* Pool::take_idle(const Endpoint& endpoint, std::string_view server_name) {
  auto& idle = idle_of(endpoint);
  for (std::size_t left = idle.size(); left != 0; --left) {
    Http1Client* const client = idle[left - 1];
    if (client->pending_events != 0 && client->ended_idle(client->pending_events)) {
      client->close();
      continue;
    }
    if (client->server_name() != server_name) continue;
    idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(left - 1));
    remove_idle(*client);
    return client;
  }
  return nullptr;
}

// The cluster's, or the host that the request is for.
std::string_view Pool::server_name(const Requester& requester) const {
  if (cluster_->tls == nullptr) return {};
  if (!cluster_->tls->server_name().empty()) return cluster_->tls->server_name();
  std::string_view host = http::host_of(requester.request.authority);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host;
}

void Pool::use_tls(Transport& transport, Endpoint& endpoint, std::string_view server_name) const {
  if (cluster_->tls == nullptr) return;
  transport.use_tls(std::make_unique<tls::Session>(cluster_->tls, transport.fd(), server_name, &endpoint.on_worker[worker_.index].tls_session));
}

std::string Pool::introduction(Connection* downstream) const {
  using How = config::Cluster::ProxyProtocol;
  using namespace proxy_protocol;
  switch (cluster_->config.proxy_protocol) {
    case How::kOff: break;
    case How::kV1: return downstream == nullptr ? write_local_v1() : write_v1(downstream->peer(), downstream->local());
    case How::kV2: return downstream == nullptr ? write_local_v2() : write_v2(downstream->peer(), downstream->local());
  }
  return {};
}

Pool::Acquired Pool::acquire(Requester& requester, const std::shared_ptr<Endpoint>& endpoint, bool fresh) {
  if (worker_.wires != nullptr) return worker_.wires->serve(requester, *cluster_, endpoint) ? Acquired::kNow : Acquired::kRefused;
  if (multiplexed()) {
    Http2Session* session = session_with_room(*endpoint, server_name(requester), fresh);
    if (session == nullptr && fresh && full() && idle_.empty()) session = session_with_room(*endpoint, server_name(requester), false);
    if (session != nullptr) {
      if (session->is_idle()) remove_idle(*session);
      return session->serve(requester) ? Acquired::kNow : Acquired::kLater;
    }
  } else if (Http1Client* const client = fresh ? nullptr : take_idle(*endpoint, server_name(requester)); client != nullptr) {
    client->serve(requester);
    return Acquired::kNow;
  }
  // Full, but with idle connections to other endpoints: one of them makes room.
  if (full() && !idle_.empty()) idle_.front().close();
  if (!full()) {
    if (connect(requester, endpoint)) return Acquired::kLater;
    return Acquired::kRefused;
  }
  if (waiting_.size() >= cluster_->config.pending_max) {
    metrics::add(cluster_->metrics.overflows, 1);
    return Acquired::kRefused;
  }
  waiting_.push_back({&requester, endpoint});
  return Acquired::kLater;
}

bool Pool::connect(Requester& requester, const std::shared_ptr<Endpoint>& endpoint) {
  int error = 0;
  Socket socket = start_connect(endpoint->address, error);
  if (!socket.open()) {  // out of descriptors
    metrics::add(cluster_->metrics.overflows, 1);
    return false;
  }
  metrics::add(cluster_->metrics.connections, 1);
  const auto serve = [&](auto client) {
    client->pool_index = clients_.size();
    client->serve(requester);
    clients_.push_back(std::move(client));
  };
  if (multiplexed()) {
    serve(std::make_unique<Http2Session>(*this, endpoint, std::move(socket), server_name(requester)));
  } else {
    serve(std::make_unique<Http1Client>(*this, endpoint, std::move(socket), server_name(requester)));
  }
  return true;
}

void Pool::forget(Requester& requester) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.requester == &requester; });
}

void Pool::release(Http1Client& client, bool reusable) {
  const config::Cluster& limits = cluster_->config;
  const bool worn = limits.requests_per_connection != 0 && client.served() >= limits.requests_per_connection;
  const bool removed = client.endpoint().removed.load(std::memory_order_relaxed);
  const bool personal = limits.proxy_protocol != config::Cluster::ProxyProtocol::kOff;  // its endpoint has been told whose it is
  if (!reusable || worn || removed || personal || !client.clean() || worker_.draining || idle_.size() >= limits.idle_max) {
    client.close();
  } else {
    client.idle(end_of(limits.idle_timeout, worker_.reactor.now_ms()));
    idle_of(client.endpoint()).push_back(&client);
    idle_.push_back(client);
  }
  if (!waiting_.empty()) worker_.reactor.defer<&Pool::serve_waiting>(this);
}

// In their order, but past those for whom there is no place yet: a stream may be free at an endpoint while another's connection is awaited.
void Pool::serve_waiting() {
  for (std::size_t i = 0; i < waiting_.size();) {
    const bool place = !full() || !idle_.empty();
    if (!place && !multiplexed()) return;
    const Waiting next = waiting_[i];
    if (!place && session_with_room(*next.endpoint, server_name(*next.requester), false) == nullptr) {
      ++i;
      continue;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    switch (acquire(*next.requester, next.endpoint, false)) {
      case Acquired::kNow: next.requester->attempt_connected(); break;
      case Acquired::kLater: break;
      case Acquired::kRefused: next.requester->attempt_failed(CLEAT_END_OVERFLOW); break;
    }
    i = 0;  // others may have come or gone
  }
}

void Pool::connect_failed(Http1Client& client, std::uint32_t how) {
  metrics::add(cluster_->metrics.connect_failures, 1);
  Requester* requester = client.requester();
  client.close();
  if (requester == nullptr) return;
  requester->client = nullptr;  // it goes with this turn, and a hook may hold the attempt's end for longer
  requester->attempt_failed(how);
}

void Pool::drop(Pooled& client) {
  if (client.is_idle()) {
    auto& idle = idle_of(client.endpoint());
    if (!idle.empty() && idle.back() == &client) {
      idle.pop_back();
    } else {
      std::erase(idle, &client);
    }
    remove_idle(client);
  }
  const std::size_t i = client.pool_index;
  std::unique_ptr<Pooled> gone = std::move(clients_[i]);
  if (i + 1 != clients_.size()) {
    clients_[i] = std::move(clients_.back());
    clients_[i]->pool_index = i;
  }
  clients_.pop_back();
  // The object may be in the middle of a callback: it goes when the turn ends.
  worker_.reactor.retire([keep = std::shared_ptr<Pooled>(std::move(gone))] {});
  if (!waiting_.empty()) worker_.reactor.defer<&Pool::serve_waiting>(this);
}

void Pool::close_idle() {
  while (!idle_.empty()) idle_.front().close();
}

}  // namespace cleat::upstream
