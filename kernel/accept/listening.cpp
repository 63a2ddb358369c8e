#include "kernel/accept/listening.hpp"

#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace cleat {
namespace {

Error of_listener(const Listener& listener, const std::string& text) { return Error{"listener " + listener.config->name + ": " + text}; }

// Two processes of one user may share a port by SO_REUSEPORT, each getting half of the connections, unnoticed. A bind without it
// is refused as soon as anyone listens there. Empty, or why not.
std::string probe(const Address& address) {
  if (address.port() == 0) return {};
  const Socket probing(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probing.open()) return "socket for " + address.text() + ": " + std::strerror(errno);
  const int one = 1;
  ::setsockopt(probing.fd(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);  // connections in TIME_WAIT are nobody's
  if (address.storage.ss_family == AF_INET6) ::setsockopt(probing.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (::bind(probing.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) return {};
  return "bind " + address.text() + ": " + std::strerror(errno);
}

}  // namespace

Result<std::vector<std::vector<Socket>>> open_listening(const Generation& generation, const Generation* before, std::uint32_t workers) {
  std::vector<Listener*> listeners;
  for (const auto& listener : generation.listeners) {
    if (const Listener* const old = before == nullptr ? nullptr : before->listening_as(*listener); old != nullptr) {
      listener->address = old->address;
    } else {
      listeners.push_back(listener.get());
    }
  }
  // All probes first: one listener may be on 0.0.0.0 and another, of the same port, on one address.
  for (const Listener* listener : listeners) {
    if (const std::string why = probe(listener->address); !why.empty()) return of_listener(*listener, why);
  }
  std::vector<std::vector<Socket>> sockets(workers);
  for (std::vector<Socket>& of_worker : sockets) of_worker.resize(generation.listeners.size());
  for (Listener* listener : listeners) {
    for (std::vector<Socket>& of_worker : sockets) {
      Result<Socket> socket = listen_on(listener->address);
      if (!socket.ok()) return of_listener(*listener, socket.error());
      if (listener->address.port() == 0) listener->address = local_address(socket->fd());
      of_worker[listener->index] = std::move(*socket);
    }
  }
  return sockets;
}

}  // namespace cleat
