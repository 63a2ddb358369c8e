#include "kernel/accept/proxy_header.hpp"

#include <sys/epoll.h>

#include <string>

#include "kernel/base/log.hpp"
#include "kernel/proxy_protocol/header.hpp"
#include "kernel/worker.hpp"

namespace cleat {

static_assert(proxy_protocol::kHeaderBytesMax <= Worker::kScratchBytes);

void ProxyHeader::start() {
  Reactor& reactor = connection_.worker().reactor;
  connection_.deadline.set_or_clear(end_of(connection_.listener().config->timeouts.head, reactor.now_ms()));
  if (!connection_.transport.watch(connection_)) connection_.close();
}

void ProxyHeader::on_io(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return connection_.close();
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) read((events & EPOLLRDHUP) != 0);
}

void ProxyHeader::read(bool ended) {
  using Found = proxy_protocol::Header::Found;
  const int fd = connection_.transport.fd();
  char* const scratch = connection_.worker().scratch.get();
  const Io there = peek_some(fd, scratch, proxy_protocol::kHeaderBytesMax);
  if (there.blocked) return;
  if (there.size == 0) return connection_.close();  // who only looks whether someone listens is no error
  const ProxyHeaderSeries& counts = connection_.listener().proxy_headers;
  const proxy_protocol::Header header = proxy_protocol::read_header({scratch, there.size});
  switch (header.found) {
    case Found::kMore:
      if (ended) refuse("the peer's bytes end within it");
      return;
    case Found::kAbsent:
      if (connection_.listener().config->proxy_protocol == config::Listener::ProxyProtocol::kRequired) return refuse("there is none");
      metrics::add(counts.absent, 1);
      return make_way();
    case Found::kMalformed: return refuse(header.reason);
    case Found::kWhole: break;
  }
  if (read_some(fd, scratch, header.size).size != header.size) return connection_.close();
  metrics::add(header.version == 1 ? counts.v1 : counts.v2, 1);
  if (header.known) connection_.set_addresses(header.source, header.destination);
  make_way();
}

void ProxyHeader::refuse(std::string_view why) {
  metrics::add(connection_.listener().proxy_headers.refused, 1);
  if (log::enabled(log::Level::kDebug)) {
    log::write(log::Level::kDebug, "downstream", "listener " + connection_.listener().config->name + ": from " + std::string(connection_.peer_text()) +
                                                     ": PROXY header refused: " + std::string(why));
  }
  connection_.close();
}

// What is still in the socket is told anew when the next one registers it.
void ProxyHeader::make_way() {
  connection_.worker().reactor.remove(connection_.transport.fd());
  connection_.deadline.clear();
  connection_.open();
}

void ProxyHeader::on_deadline() {
  if (!connection_.worker().draining) metrics::add(connection_.listener().bite("head_timeout"), 1);
  connection_.close();
}

void ProxyHeader::drain() {
  const std::uint64_t until = connection_.worker().reactor.now_ms() + kDrainMs;
  if (connection_.deadline.at_ms() == 0 || connection_.deadline.at_ms() > until) connection_.deadline.set(until);
}

void ProxyHeader::cut(bool) { connection_.close(); }

}  // namespace cleat
