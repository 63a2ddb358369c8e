#include "kernel/accept/connection.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernel/accept/acceptor.hpp"
#include "kernel/accept/http1_server.hpp"
#include "kernel/accept/http2_server.hpp"
#include "kernel/accept/proxy_header.hpp"
#include "kernel/accept/tcp_proxy.hpp"
#include "kernel/base/log.hpp"
#include "kernel/hooks/connection_hooks.hpp"
#include "kernel/tls/session.hpp"
#include "kernel/wires.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

std::atomic<std::uint64_t> next_connection_id{1};
constexpr std::uint32_t kFail = 3;  // CLEAT_FAIL

}  // namespace

Connection::Connection(Worker& worker, Acceptor& acceptor, Socket socket, const Address& peer)
    : transport(worker, std::move(socket)), deadline(worker.reactor.wheel(), &Connection::on_deadline, this), worker_(worker),
      acceptor_(acceptor), listener_(&acceptor.listener()), home_(worker.current_generation.get()), peer_(peer),
      id_(next_connection_id.fetch_add(1, std::memory_order_relaxed)), accepted_unix_us_(unix_us()) {
  ++home_->users;
  next = worker_.connections;
  if (next != nullptr) next->before = this;
  worker_.connections = this;
  ++worker_.connection_count;
  metrics::add(listener_->metrics.connections, 1);
  metrics::add(listener_->metrics.active, 1);
}

Connection::~Connection() { worker_.leave(*home_); }

std::uint64_t Connection::handle() {
  if (handle_ == 0) handle_ = worker_.name_connection(this);
  return handle_;
}

Connection::Ends& Connection::ends() {
  if (ends_ == nullptr) ends_ = std::make_unique<Ends>();
  return *ends_;
}

std::string_view Connection::peer_text() {
  if (peer_text_.empty()) peer_text_ = peer_.text();
  return peer_text_;
}

std::string_view Connection::peer_ip() {
  std::string_view text = peer_text();
  text = text.substr(0, text.rfind(':'));
  if (!text.empty() && text.front() == '[') text = text.substr(1, text.size() - 2);
  return text;
}

const Address& Connection::local() {
  Address& local = ends().local;
  if (local.size == 0) local = worker_.wires != nullptr ? listener_->address : local_address(transport.fd());
  return local;
}

std::string_view Connection::local_text() {
  std::string& text = ends().local_text;
  if (text.empty()) text = local().text();
  return text;
}

void Connection::set_addresses(const Address& source, const Address& destination) {
  peer_ = source;
  peer_text_.clear();
  ends().local = destination;
  ends().original_asked = true;
  if (!(destination == local_address(transport.fd()))) ends().original = destination;
}

const Address* Connection::original_destination() {
  Address& original = ends().original;
  if (!std::exchange(ends().original_asked, true)) {
    original = listener_->config->transparent ? local_address(transport.fd()) : redirected_from(transport.fd());
    // Who comes to a transparent listener's own port has not been taken on the way: going there would be going in circles.
    if (listener_->config->transparent && original.port() == listener_->address.port()) original = {};
  }
  return original.size == 0 ? nullptr : &original;
}

std::string_view Connection::original_text() {
  std::string& text = ends().original_text;
  if (text.empty() && original_destination() != nullptr) text = ends().original.text();
  return text;
}

// --- opening ---

void Connection::start() {
  if (listener_->config->proxy_protocol == config::Listener::ProxyProtocol::kOff) return go_on_opening();
  protocol_ = std::make_unique<ProxyHeader>(*this);
  protocol_->start();
}

void Connection::open() {
  worker_.reactor.retire([gone = std::shared_ptr<Protocol>(std::move(protocol_))] {});  // it is calling
  go_on_opening();
}

void Connection::go_on_opening() {
  if (opening_ == Opening::kConnectionHooks) {
    if (!run_hooks()) return;
    opening_ = listener_->tls != nullptr ? Opening::kHandshake : Opening::kDone;
    if (opening_ == Opening::kHandshake) return begin_handshake();
  }
  if (opening_ == Opening::kHelloHooks) {
    if (!run_hooks()) return;
    opening_ = Opening::kHandshake;
    transport.tls()->answer_hello();
    if (handshake_until_ms_ != 0) deadline.set(handshake_until_ms_);
    return handshake(0);
  }
  if (opening_ == Opening::kTlsHooks) {
    if (!run_hooks()) return;
    opening_ = Opening::kDone;
  }
  begin_protocol();
}

void Connection::begin_handshake() {
  transport.use_tls(std::make_unique<tls::Session>(listener_->tls, transport.fd()));
  const auto bound = static_cast<std::uint64_t>(listener_->config->tls->handshake_timeout.count());
  if (bound != 0) handshake_until_ms_ = worker_.reactor.now_ms() + bound;
  if (bound != 0) deadline.set(handshake_until_ms_);
  if (!listener_->chain.of(hooks::Hook::kClientHello).empty()) transport.tls()->show_hello();
  registered_ = transport.watch(*this);
  if (!registered_) close();
}

void Connection::handshake(std::uint32_t events) {
  switch (transport.open(events)) {
    case Transport::Opened::kNotYet:
      if (transport.tls()->hello() == nullptr) return;
      opening_ = Opening::kHelloHooks;
      return go_on_opening();
    case Transport::Opened::kFailed:
      metrics::add(listener_->metrics.tls_failed, 1);
      if (log::enabled(log::Level::kDebug)) {
        log::write(log::Level::kDebug, "kernel", "TLS handshake of " + std::string(peer_text()) + " at " + listener_->config->name + ": " + transport.tls()->failure());
      }
      close();
      return;
    case Transport::Opened::kYes: break;
  }
  metrics::add(transport.tls()->resumed() ? listener_->metrics.tls_resumed : listener_->metrics.tls_full, 1);
  deadline.clear();
  opening_ = Opening::kTlsHooks;
  go_on_opening();
}

void Connection::begin_protocol() {
  protocol_ = first_protocol();
  protocol_->start();
  if (closed_) return;
  if (registered_) {
    protocol_->on_io(EPOLLIN);  // what came with the end of the handshake, or while a hook was asked: the loop has told it already
  } else if (!transport.watch(*this)) {
    close();
  }
}

// What was agreed on in the handshake. Else, where a client may speak either, HTTP/1.1 is what it is until its first bytes are the preface of
// HTTP/2 (RFC 9113 3.3).
std::unique_ptr<Protocol> Connection::first_protocol() {
  if (worker_.wires != nullptr) return worker_.wires->speak(*this);
  if (listener_->config->protocol == config::Listener::Protocol::kTcp) return std::make_unique<TcpProxy>(*this);
  const bool agreed = tls() != nullptr && tls()->alpn() == "h2";
  if (agreed || !listener_->config->speaks_http1) return std::make_unique<Http2Server>(*this);
  return std::make_unique<Http1Server>(*this);
}

bool Connection::may_speak_http2() { return listener_->config->speaks_http2 && (tls() == nullptr || tls()->alpn().empty()); }

void Connection::speak_http2(std::string_view received) {
  worker_.reactor.retire([before = std::shared_ptr<Protocol>(std::move(protocol_))] {});
  protocol_ = std::make_unique<Http2Server>(*this, received);
  protocol_->start();
}

hooks::Hook Connection::opening_hook() const {
  switch (opening_) {
    case Opening::kHelloHooks: return hooks::Hook::kClientHello;
    case Opening::kTlsHooks: return hooks::Hook::kTls;
    default: return hooks::Hook::kConnection;
  }
}

bool Connection::run_hooks() {
  const hooks::Hook hook = opening_hook();
  const auto& positions = listener_->chain.of(hook);
  while (hook_cursor_ < positions.size()) {
    const std::uint8_t position = positions[hook_cursor_];
    hooks::Instance& instance = *listener_->chain.instances[position];
    if (instance.quarantine.out()) {
      if (!instance.fail_open) missed_hooks_ |= std::uint64_t{1} << position;
      ++hook_cursor_;
      continue;
    }
    ended_hooks_ |= std::uint64_t{1} << position;
    ticket_ = 0;
    const hooks::ConnectionAnswer answer = hooks::call_of_connection(worker_, instance, hook, handle(), position);
    if (answer == hooks::ConnectionAnswer::kSuspend && ticket_ != 0) {
      const auto bound = static_cast<std::uint64_t>(listener_->config->timeouts.suspend.count());
      if (bound != 0) deadline.set(worker_.reactor.now_ms() + bound);
      return false;
    }
    if (answer == hooks::ConnectionAnswer::kClose || (answer == hooks::ConnectionAnswer::kSuspend && !instance.fail_open)) {
      close();
      return false;
    }
    ++hook_cursor_;
  }
  hook_cursor_ = 0;  // of the next hook
  return true;
}

bool Connection::suspend(std::uint32_t number) {
  if (protocol_ != nullptr || closed_) return false;
  ticket_ = number;
  return true;
}

void Connection::resume(std::uint32_t number, std::uint32_t verdict) {
  if (protocol_ != nullptr || closed_ || ticket_ == 0 || ticket_ != number) return;
  ticket_ = 0;
  deadline.clear();
  const auto& positions = listener_->chain.of(opening_hook());
  const hooks::Instance& instance = *listener_->chain.instances[positions[hook_cursor_]];
  if (!hooks::connection_goes_on(verdict, instance.fail_open)) return close();
  ++hook_cursor_;
  go_on_opening();
}

// --- events ---

void Connection::on_io(std::uint32_t events) {
  if (closed_) return;
  if (protocol_ != nullptr) return protocol_->on_io(events);
  if (opening_ == Opening::kHandshake) return handshake(events);
  transport.note_readable(events);  // while a hook is asked
}

void Connection::on_deadline(void* self) {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.closed_) return;
  if (connection.protocol_ != nullptr) return connection.protocol_->on_deadline();
  if (connection.opening_ == Opening::kHandshake) {
    metrics::add(connection.listener_->bite("handshake_timeout"), 1);
    return connection.close();
  }
  hooks::drop_connection_ticket(connection.worker_, connection.handle_);
  connection.resume(connection.ticket_, kFail);
}

void Connection::drain() {
  if (protocol_ != nullptr && !closed_) protocol_->drain();
}

void Connection::cut(bool reset) {
  if (closed_) return;
  if (reset) reset_on_close(transport.fd());
  if (protocol_ != nullptr) {
    protocol_->cut(reset);
  } else {
    close();
  }
}

// --- generations ---

// The same listener in the worker's current generation, if the connection may go on there: every on_connection hook of its chain has seen
// the connection, and every plugin that has seen it is still there to see its end.
const Listener* Connection::listener_to_follow(std::uint64_t& ended_hooks) const {
  if (!acceptor_.listening()) return nullptr;
  const Listener& there = acceptor_.listener();
  if ((there.tls == nullptr) != (listener_->tls == nullptr) || (there.tls != nullptr && there.tls->policy() != listener_->tls->policy())) return nullptr;
  const auto& instances = there.chain.instances;
  ended_hooks = 0;
  for (std::size_t i = 0; i < listener_->chain.instances.size(); ++i) {
    if ((ended_hooks_ >> i & 1) == 0) continue;
    const auto at = std::find(instances.begin(), instances.end(), listener_->chain.instances[i]);
    if (at == instances.end()) return nullptr;
    ended_hooks |= std::uint64_t{1} << (at - instances.begin());
  }
  for (const hooks::Hook hook : {hooks::Hook::kConnection, hooks::Hook::kTls}) {
    if (hook == hooks::Hook::kTls && there.tls == nullptr) continue;
    for (const std::uint8_t position : there.chain.of(hook)) {
      if ((ended_hooks >> position & 1) == 0) return nullptr;
    }
  }
  return &there;
}

void Connection::follow_generation() {
  if (home_ == worker_.current_generation.get()) return;
  std::uint64_t ended_hooks = 0;
  const Listener* const there = listener_to_follow(ended_hooks);
  if (there == nullptr) return;  // one more exchange where it is, and the end
  WorkerGeneration& old = *std::exchange(home_, worker_.current_generation.get());
  ++home_->users;
  listener_ = there;
  ended_hooks_ = ended_hooks;
  missed_hooks_ = 0;  // of plugins that are not there
  worker_.leave(old);
}

void Connection::generation_changed() {
  if (protocol_ != nullptr && protocol_->between_exchanges()) follow_generation();
}

bool Connection::may_go_on() const {
  if (worker_.draining) return false;
  std::uint64_t ended_hooks = 0;
  return home_ == worker_.current_generation.get() || listener_to_follow(ended_hooks) != nullptr;
}

// --- the end ---

void Connection::call_end_hooks() {
  const Chain& chain = listener_->chain;
  for (const std::uint8_t position : chain.of(hooks::Hook::kConnectionEnd)) {
    if ((ended_hooks_ >> position & 1) == 0 && chain.instances[position]->table.on_connection != nullptr) continue;
    hooks::call_on_connection_end(worker_, *chain.instances[position], handle_, position);
  }
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  deadline.clear();
  transport.close();
  if (handle_ != 0) {
    call_end_hooks();
    hooks::drop_connection_ticket(worker_, handle_);
    hooks::cancel_connection_timers(worker_, *this);
    worker_.forget_connection(handle_);
    handle_ = 0;
  }
  metrics::add(listener_->metrics.active, -1);
  acceptor_.connection_closed();
  worker_.connection_closed(*this);
}

}  // namespace cleat
