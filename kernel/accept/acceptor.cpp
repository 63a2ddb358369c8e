#include "kernel/accept/acceptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "kernel/accept/connection.hpp"
#include "kernel/base/check.hpp"
#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/generation.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

Socket open_reserve() { return Socket(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// Errors that are about the connection, or the network under it, and not about us: Linux hands them out through accept(2).
bool of_the_peer(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:  // a firewall's rule
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor::Acceptor(Worker& worker, const Listener& listener, SharedSocket listening)
    : worker_(worker),
      listener_(&listener),
      listening_(std::move(listening)),
      reserve_(open_reserve()),
      open_connections_(listener.open_connections),
      pause_([](void* self) { static_cast<Acceptor*>(self)->watch(); }, this) {
  set_no_delay(listening_->fd());  // of a socket that another process bound; its connections have it from there
  watch();
}

void Acceptor::watch() {
  if (worker_.reactor.add(listening_->fd(), *this, Reactor::Tell::kWaiting)) return;
  say(std::string("epoll_ctl: ") + std::strerror(errno));
  worker_.reactor.wheel().arm(pause_, worker_.reactor.now_ms() + kPauseMs);
}

void Acceptor::stop() {
  pause_.cancel();
  if (listening()) worker_.reactor.remove(listening_->fd());
  listening_ = nullptr;
  reserve_.close();
}

void Acceptor::connection_closed() {
  open_connections_->fetch_sub(1, std::memory_order_relaxed);
  --connections_;
  if (!listening() && idle()) worker_.remove(*this);
}

void Acceptor::on_io(std::uint32_t) {
  // A queue that is asked until it is empty costs a system call more each time: mostly there is one, and the loop tells again of others.
  const std::size_t most = 1 + worker_.reactor.turn_events() / kEventsEach;
  for (std::size_t i = 0; i < most && listening(); ++i) {
    Address peer;
    peer.size = sizeof peer.storage;
    Socket socket(::accept4(listening_->fd(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      admit(std::move(socket), peer);
      continue;
    }
    if (errno == EAGAIN) return;
    if (!of_the_peer(errno)) return run_short(errno);
  }
}

void Acceptor::admit(Socket socket, const Address& peer) {
  const Listener& to = listener();
  if (open_connections_->fetch_add(1, std::memory_order_relaxed) >= to.config->limits.connections) {
    open_connections_->fetch_sub(1, std::memory_order_relaxed);
    metrics::add(to.bite("connections"), 1);
    say("limits.connections (" + std::to_string(to.config->limits.connections) + ") is reached: closing further connections");
    return;
  }
  ++connections_;
  (new Connection(worker_, *this, std::move(socket), peer))->start();  // the worker's list of connections owns it
}

void Acceptor::run_short(int error) {
  metrics::add(listener().bite("descriptors"), 1);
  say(std::string("accept: ") + std::strerror(error));
  // The connection at the head of the queue is told now; the others wait until there are descriptors, or give up.
  if (error == EMFILE || error == ENFILE) {
    reserve_.close();
    Socket(::accept4(listening_->fd(), nullptr, nullptr, SOCK_CLOEXEC));  // closed at once
    reserve_ = open_reserve();
  }
  worker_.reactor.remove(listening_->fd());
  worker_.reactor.wheel().arm(pause_, worker_.reactor.now_ms() + kPauseMs);
}

void Acceptor::say(std::string_view text) {
  const std::uint64_t now = worker_.reactor.now_ms();
  if (said_ms_ != 0 && now < said_ms_ + kSayAgainMs) return;
  said_ms_ = now;
  log::write(log::Level::kWarn, "kernel", "listener " + listener().config->name + ": " + std::string(text));
}

}  // namespace cleat
