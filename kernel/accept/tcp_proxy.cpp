#include "kernel/accept/tcp_proxy.hpp"

#include <sys/socket.h>

#include <utility>

#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/tls/client_context.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/watch/memory.hpp"
#include "kernel/worker.hpp"

namespace cleat {
TcpProxy::Far::Far(TcpProxy& proxy_, Socket socket) : proxy(proxy_), transport(proxy_.worker_, std::move(socket)) { transport.set_connecting(); }

TcpProxy::TcpProxy(Connection& connection) : connection_(connection), worker_(connection.worker()) {}

TcpProxy::~TcpProxy() { leave_endpoint(); }

void TcpProxy::start() {
  const Listener& listener = connection_.listener();
  cluster_ = listener.routes[0].target(worker_);
  if (watch::short_of_memory() && !listener.config->limits.ignore_memory_max) {
    metrics::add(listener.bite("memory_max"), 1);
    return close();
  }
  connect();
}

// --- to the endpoint ---

void TcpProxy::connect() {
  upstream::Pool& pool = *cluster_->pools[worker_.index];
  metrics::add(cluster_->metrics.attempts, 1);
  endpoints_ = pool.enter_set(&connection_);
  if (endpoints_ == nullptr) return close();
  const std::uint32_t index = pool.next_endpoint(*endpoints_, tried_);
  if (index == upstream::Pool::kNoEndpoint) return close();
  if (!pool.admit_other()) return close();
  endpoint_ = endpoints_->set->members[index].endpoint;
  cluster_->count_in_flight(*endpoint_, worker_.index, 1);
  int error = 0;
  Socket socket = start_connect(endpoint_->address, error);
  if (!socket.open()) return connect_failed(hooks::kEndConnectFailed);
  far_ = std::make_shared<Far>(*this, std::move(socket));
  far_->transport.begin_with(pool.introduction(&connection_));
  if (cluster_->tls != nullptr) pool.use_tls(far_->transport, *endpoint_, cluster_->tls->server_name());
  if (!far_->transport.watch(*far_)) return connect_failed(hooks::kEndConnectFailed);
  connection_.deadline.set_or_clear(end_of(cluster_->config.connect_timeout, worker_.reactor.now_ms()));
}

void TcpProxy::leave_endpoint() {
  if (far_ != nullptr) {
    far_->transport.close();
    worker_.reactor.retire([gone = std::move(far_)] {});  // the loop may be about to call it
  }
  if (endpoint_ != nullptr) {
    cluster_->count_in_flight(*endpoint_, worker_.index, static_cast<std::uint32_t>(-1));
    cluster_->pools[worker_.index]->other_closed();
    endpoint_ = nullptr;
  }
  if (endpoints_ != nullptr) cluster_->pools[worker_.index]->leave_set(*std::exchange(endpoints_, nullptr));
}

void TcpProxy::connect_failed(std::uint32_t how) {
  metrics::add(cluster_->metrics.connect_failures, 1);
  metrics::add(cluster_->metrics.outcomes[5 + how], 1);
  tried_.add(*endpoint_);
  leave_endpoint();
  if (++attempts_ < kAttemptsMax) {
    connect();
  } else {
    close();
  }
}

void TcpProxy::connected() {
  connected_ = true;
  connection_.transport.assume_readable();
  far_->transport.note_writable();
  move_both();
}

// --- events ---

void TcpProxy::on_deadline() {
  if (!connected_) return connect_failed(hooks::kEndConnectTimeout);
  metrics::add(connection_.listener().bite("tunnel_idle"), 1);
  close();
}

void TcpProxy::on_io(std::uint32_t events) {
  if (closed_) return;
  Transport& near = connection_.transport;
  if ((events & EPOLLERR) != 0) return cut(true);
  near.note_readable(events);
  if ((events & EPOLLOUT) != 0) near.note_writable();
  if (connected_) move_both();
}

void TcpProxy::on_far_io(std::uint32_t events) {
  if (closed_ || far_ == nullptr) return;
  if (!connected_) {
    switch (far_->transport.open(events)) {
      case Transport::Opened::kNotYet: return;
      case Transport::Opened::kFailed: return connect_failed(hooks::kEndConnectFailed);
      case Transport::Opened::kYes: break;
    }
    far_->transport.note_readable(events);
    return connected();
  }
  if ((events & EPOLLERR) != 0) return cut(true);
  far_->transport.note_readable(events);
  if ((events & EPOLLOUT) != 0) far_->transport.note_writable();
  move_both();
}

// --- bytes ---

// One direction, as far as it goes now: what fills the scratch memory is followed by more, which goes past it. False: it broke.
bool TcpProxy::move(Transport& from, Transport& to, bool& ended, metrics::SeriesId bytes) {
  bool full = false;
  while (!ended && from.readable() && !to.blocked()) {
    std::string_view data;
    const bool splice = full && from.may_splice() && to.may_splice();
    const Io io = splice ? from.splice_to(to, SIZE_MAX) : from.read(data);
    full = full ? !io.blocked : io.size == Worker::kScratchBytes;
    if (splice && io.blocked && from.readable() && !to.blocked()) continue;  // no pipe to be had: it is read
    if (io.blocked) break;
    if (io.failed != 0) return false;
    if (io.closed) {
      ended = true;
      to.shut_when_sent();
      break;
    }
    metrics::add(bytes, static_cast<std::int64_t>(io.size));
    to.send(data);
    to.flush();
    if (to.broken()) return false;
  }
  return true;
}

void TcpProxy::move_both() {
  Transport& near = connection_.transport;
  const ListenerMetrics& counts = connection_.listener().metrics;
  if (!move(near, far_->transport, near_ended_, counts.bytes_received) || !move(far_->transport, near, far_ended_, counts.bytes_sent)) return cut(true);
  if (near_ended_ && far_ended_ && near.all_sent() && far_->transport.all_sent()) return close();
  connection_.deadline.set_or_clear(end_of(connection_.listener().config->timeouts.tunnel_idle, worker_.reactor.now_ms()));
}

// --- the end ---

void TcpProxy::cut(bool reset) {
  if (closed_) return;
  connection_.transport.break_off(reset);
  if (far_ != nullptr) far_->transport.break_off(reset);
  close();
}

void TcpProxy::close() {
  if (closed_) return;
  closed_ = true;
  leave_endpoint();
  connection_.close();
}

}  // namespace cleat
