#include "kernel/base/socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace cleat {
namespace {

constexpr int kBacklog = 4096;
// Of what waits in the system for a peer that does not take it, beyond what is on its way: the system would take megabytes of each, and a few
// hundred slow readers use up the memory that it has for everybody's connections. Two reads of a worker.
constexpr int kUnsentBytesMax = 128 * 1024;

void bound_unsent(int fd) {
  const int most = kUnsentBytesMax;
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

Error system_error(std::string_view what, int code) { return Error{std::string(what) + ": " + std::strerror(code)}; }

}  // namespace

std::string Address::text() const {
  char ip[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, ip, sizeof ip);
    return std::string(ip) + ":" + std::to_string(port());
  }
  if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, ip, sizeof ip);
    return "[" + std::string(ip) + "]:" + std::to_string(port());
  }
  return "unknown";
}

std::uint16_t Address::port() const {
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  return 0;
}

Result<Address> parse_address(std::string_view text) {
  const Error bad{"\"" + std::string(text) + "\" is not ip:port or [ip]:port"};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view ip = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, code] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (port_text.empty() || port_text.size() > 5 || code != std::errc() || end != port_text.data() + port_text.size()) return bad;
  const bool v6 = ip.size() >= 2 && ip.front() == '[' && ip.back() == ']';
  if (v6) ip = ip.substr(1, ip.size() - 2);
  in6_addr bytes;
  if (ip.find('\0') != std::string_view::npos || inet_pton(v6 ? AF_INET6 : AF_INET, std::string(ip).c_str(), &bytes) != 1) return bad;
  return make_address(v6, &bytes, htons(port));
}

Address make_address(bool v6, const void* ip, in_port_t port) {
  Address address;
  if (v6) {
    sockaddr_in6& in6 = address.storage.in6;
    in6.sin6_family = AF_INET6;
    in6.sin6_port = port;
    std::memcpy(&in6.sin6_addr, ip, sizeof in6.sin6_addr);
    address.size = sizeof in6;
  } else {
    sockaddr_in& in4 = address.storage.in4;
    in4.sin_family = AF_INET;
    in4.sin_port = port;
    std::memcpy(&in4.sin_addr, ip, sizeof in4.sin_addr);
    address.size = sizeof in4;
  }
  return address;
}

Address local_address(int fd) {
  Address address;
  address.size = sizeof address.storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return address;
}

Address redirected_from(int fd) {
  constexpr int kOriginalDestination = 80;  // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST: their headers do not go with the C library's
  const Address local = local_address(fd);
  const int level = local.storage.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  Address original;
  original.size = sizeof original.storage;
  if (getsockopt(fd, level, kOriginalDestination, &original.storage, &original.size) != 0) return {};
  return original == local ? Address{} : original;
}

bool Address::operator==(const Address& other) const { return text() == other.text(); }

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string make_transparent(int fd, int family) {
  const int one = 1;
  const bool v6 = family == AF_INET6;
  if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &one, sizeof one) == 0) return {};
  return std::string("transparent: ") + std::strerror(errno) + (errno == EPERM ? " (it takes CAP_NET_ADMIN)" : "");
}

Result<Socket> bind_to(const Address& address, bool transparent) {
  Socket listening(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listening.open()) return system_error("socket for " + address.text(), errno);
  const int one = 1;
  setsockopt(listening.fd(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listening.fd(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (address.storage.ss_family == AF_INET6) setsockopt(listening.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  set_no_delay(listening.fd());  // accepted connections have both from here
  bound_unsent(listening.fd());
  if (transparent) {
    if (std::string why = make_transparent(listening.fd(), address.storage.ss_family); !why.empty()) return Error{std::move(why)};
  }
  if (bind(listening.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
    return system_error("bind " + address.text(), errno);
  }
  return listening;
}

std::string listen_now(const Socket& bound) {
  if (listen(bound.fd(), kBacklog) == 0) return {};
  const int error = errno;
  return "listen on " + local_address(bound.fd()).text() + ": " + std::strerror(error);
}

Socket start_connect(const Address& address, int& error) {
  error = 0;
  Socket connecting(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connecting.open()) {
    error = errno;
    return connecting;
  }
  set_no_delay(connecting.fd());
  bound_unsent(connecting.fd());
  if (connect(connecting.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) error = errno;
  return connecting;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void set_no_delay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

namespace {

// The calls of the data path go to the system directly: the C library's recv and send are cancellation points, which costs each call two
// locked instructions where there are threads.
Io receive(int fd, char* data, std::size_t size, int flags) {
  for (;;) {
    const auto n = syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
    if (n > 0) return {static_cast<std::size_t>(n), false, false, 0};
    if (n == 0) return {0, false, true, 0};
    if (errno == EAGAIN) return {0, true, false, 0};
    if (errno != EINTR) return {0, false, false, errno};
  }
}

}  // namespace

Io read_some(int fd, char* data, std::size_t size) { return receive(fd, data, size, 0); }
Io peek_some(int fd, char* data, std::size_t size) { return receive(fd, data, size, MSG_PEEK); }

Io write_some(int fd, const iovec* parts, int count, bool more) {
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  for (;;) {
    long n;
    if (count == 1) {
      n = syscall(SYS_sendto, fd, parts->iov_base, parts->iov_len, flags, nullptr, 0);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts);
      message.msg_iovlen = static_cast<std::size_t>(count);
      n = syscall(SYS_sendmsg, fd, &message, flags);
    }
    if (n >= 0) return {static_cast<std::size_t>(n), false, false, 0};
    if (errno == EAGAIN) return {0, true, false, 0};
    if (errno != EINTR) return {0, false, false, errno};
  }
}

}  // namespace cleat
