// Sockets without a loop: addresses, listening, connecting, and reads and writes that say plainly what happened.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"

namespace cleat {

// Of IPv4 or IPv6: every connection keeps some, and the system's structure for any family is four times as large.
struct Address {
  union {
    sockaddr_in6 in6;
    sockaddr_in in4;
    sa_family_t ss_family;
  } storage{};
  socklen_t size = 0;
  std::string text() const;  // ip:port, [ip]:port
  std::uint16_t port() const;
  bool operator==(const Address& other) const;
};

Result<Address> parse_address(std::string_view text);  // ip:port, [ip]:port; numbers only
Address make_address(bool v6, const void* ip, in_port_t port);  // both in network byte order
Address local_address(int fd);
// Where the peer wanted to connect to before a rule of the system's firewall redirected it here; size 0: it was not, or that is not known.
Address redirected_from(int fd);

// A descriptor with one owner.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = other.release();
    }
    return *this;
  }
  ~Socket() { close(); }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close();
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

using SharedSocket = std::shared_ptr<const Socket>;  // closed when the last owner lets go

// Non-blocking, SO_REUSEPORT; the error names the address. transparent: takes connections to foreign addresses (IP_TRANSPARENT).
Result<Socket> bind_to(const Address& address, bool transparent = false);
std::string make_transparent(int fd, int family);  // empty, or why not
std::string listen_now(const Socket& bound);       // empty, or why not
Socket start_connect(const Address& address, int& error);  // non-blocking; error: 0, EINPROGRESS or what failed
void raise_descriptor_limit();                              // as far as the system lets this process
int socket_error(int fd);                                  // SO_ERROR, cleared
void set_no_delay(int fd);
void reset_on_close(int fd);                               // the next close sends RST

// size > 0: bytes; else `blocked`, `closed` (orderly end of what the peer sends) or `failed` (errno).
struct Io {
  std::size_t size = 0;
  bool blocked = false;
  bool closed = false;
  int failed = 0;
};
Io read_some(int fd, char* data, std::size_t size);
Io peek_some(int fd, char* data, std::size_t size);  // leaves it there
Io write_some(int fd, const iovec* parts, int count, bool more = false);  // more: the next write follows at once, send them together

}  // namespace cleat
