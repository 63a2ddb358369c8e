#include "kernel/accept/listening.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/generation.hpp"

namespace cleat {
namespace {

Error of_listener(const Listener& listener, const std::string& text) { return Error{"listener " + listener.config->name + ": " + text}; }

// Two processes of one user may share a port by SO_REUSEPORT, each getting half of the connections, unnoticed. A bind without it
// is refused as soon as anyone listens there. Empty, or why not.
std::string probe(const Address& address, bool transparent) {
  if (address.port() == 0) return {};
  const Socket probing(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probing.open()) return "socket for " + address.text() + ": " + std::strerror(errno);
  const int one = 1;
  ::setsockopt(probing.fd(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);  // connections in TIME_WAIT are nobody's
  if (address.storage.ss_family == AF_INET6) ::setsockopt(probing.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (transparent) {
    if (std::string why = make_transparent(probing.fd(), address.storage.ss_family); !why.empty()) return why;
  }
  if (::bind(probing.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) return {};
  return "bind " + address.text() + ": " + std::strerror(errno);
}

// Is a socket of ours on this port already? Then a probe would find ourselves.
bool ours(const Address& address, const ListeningSockets& open) {
  return std::any_of(open.begin(), open.end(), [&](const auto& entry) {
    return !entry.second.empty() && local_address(entry.second.front()->fd()).port() == address.port();
  });
}

// As many more as are wanted, bound and not listening yet.
Result<std::vector<SharedSocket>> bind_more(Listener& listener, std::size_t wanted, std::vector<SharedSocket>& sockets) {
  std::vector<SharedSocket> fresh;
  if (!sockets.empty()) listener.address = local_address(sockets.front()->fd());
  while (sockets.size() < wanted) {
    Result<Socket> socket = bind_to(listener.address, listener.config->transparent);
    if (!socket.ok()) return of_listener(listener, socket.error());
    if (listener.address.port() == 0) listener.address = local_address(socket->fd());
    fresh.push_back(std::make_shared<const Socket>(std::move(*socket)));
    sockets.push_back(fresh.back());
  }
  return fresh;
}

}  // namespace

Result<ListeningSockets> open_listening(const Generation& generation, const ListeningSockets& open, std::uint32_t workers) {
  ListeningSockets sockets;
  // All probes first: one listener may be on 0.0.0.0 and another, of the same port, on one address.
  for (const auto& listener : generation.listeners) {
    std::vector<SharedSocket>& of_listener_now = sockets[listener->listening_key];
    if (const auto found = open.find(listener->listening_key); found != open.end()) of_listener_now = found->second;
    if (!of_listener_now.empty() || ours(listener->address, open)) continue;
    if (const std::string why = probe(listener->address, listener->config->transparent); !why.empty()) return of_listener(*listener, why);
  }
  // Then all binds: one that fails after another has begun to listen would reset what came there by then.
  std::vector<std::pair<const Listener*, SharedSocket>> fresh;
  for (const auto& listener : generation.listeners) {
    Result<std::vector<SharedSocket>> bound = bind_more(*listener, workers, sockets[listener->listening_key]);
    if (!bound.ok()) return Error{bound.error()};
    for (SharedSocket& socket : *bound) fresh.emplace_back(listener.get(), std::move(socket));
  }
  for (const auto& [listener, socket] : fresh) {
    if (const std::string why = listen_now(*socket); !why.empty()) return of_listener(*listener, why);
  }
  return sockets;
}

std::vector<std::vector<SharedSocket>> sockets_of_worker(const Generation& generation, const ListeningSockets& sockets, std::uint32_t worker,
                                                         std::uint32_t workers) {
  std::vector<std::vector<SharedSocket>> share(generation.listeners.size());
  for (const auto& listener : generation.listeners) {
    const std::vector<SharedSocket>& all = sockets.at(listener->listening_key);
    for (std::size_t i = worker; i < all.size(); i += workers) share[listener->index].push_back(all[i]);
  }
  return share;
}

}  // namespace cleat
