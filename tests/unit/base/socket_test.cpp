#include "kernel/base/socket.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/listen_on.hpp"

using namespace cleat;
using Catch::Matchers::ContainsSubstring;

namespace {

void wait_for(int fd, short events) {
  pollfd ready{fd, events, 0};
  REQUIRE(::poll(&ready, 1, 30'000) == 1);
}

Address loopback() { return *parse_address("127.0.0.1:0"); }

// A connection over the loopback: both ends non-blocking.
struct Connection {
  Socket listening, client, server;
  Connection() {
    Result<Socket> made = listen_on(loopback());
    REQUIRE(made.ok());
    listening = std::move(*made);
    int error = 0;
    client = start_connect(local_address(listening.fd()), error);
    REQUIRE((error == 0 || error == EINPROGRESS));
    wait_for(listening.fd(), POLLIN);
    server = Socket(::accept4(listening.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(server.open());
    wait_for(client.fd(), POLLOUT);
    REQUIRE(socket_error(client.fd()) == 0);
  }
};

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

std::size_t write_text(int fd, std::string_view text) {
  const iovec part{const_cast<char*>(text.data()), text.size()};
  return write_some(fd, &part, 1).size;
}

}  // namespace

TEST_CASE("addresses read and print alike") {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:443", "[::]:0", "[2001:db8::1]:8080"}) {
    CAPTURE(text);
    Result<Address> address = parse_address(text);
    REQUIRE(address.ok());
    CHECK(address->text() == text);
  }
  CHECK(parse_address("[0:0::0:1]:7")->text() == "[::1]:7");
  CHECK(parse_address("[::1]:443")->port() == 443);
  CHECK(parse_address("10.0.0.1:0080")->port() == 80);
  CHECK(Address{}.text() == "unknown");
  CHECK(Address{}.port() == 0);
}

TEST_CASE("addresses that are anything else are refused") {
  for (const char* text : {"", ":", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
                           "127.0.0.1: 80", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:http", "127.0.0.1:8x", "127.1:80", "256.0.0.1:80",
                           "::1:80", "[::1]", "[::1]80", "[::1:80", "::1]:80", "[]:80", "[127.0.0.1]:80", "[fe80::1%lo]:80", "1.2.3.4:99999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text).ok());
  }
  CHECK_THAT(parse_address("nowhere:1").error(), ContainsSubstring("\"nowhere:1\""));
}

TEST_CASE("a socket has one owner, and closes what it owned") {
  const int raw = ::dup(STDERR_FILENO);
  REQUIRE(raw >= 0);
  {
    Socket first(raw);
    Socket second(std::move(first));
    CHECK_FALSE(first.open());
    CHECK(second.fd() == raw);
    Socket third;
    third = std::move(second);
    CHECK(third.release() == raw);
    CHECK_FALSE(third.open());
  }
  CHECK(::fcntl(raw, F_GETFD) >= 0);
  { const Socket last(raw); }
  CHECK(::fcntl(raw, F_GETFD) == -1);
}

TEST_CASE("listening sockets share a port, and neither they nor what connects outlives an exec") {
  Result<Socket> first = listen_on(loopback());
  REQUIRE(first.ok());
  const Address bound = local_address(first->fd());
  CHECK(bound.port() != 0);
  Result<Socket> second = listen_on(bound);
  REQUIRE(second.ok());
  CHECK(local_address(second->fd()).port() == bound.port());
  CHECK((::fcntl(first->fd(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(first->fd(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("a port in use is an error that names it") {
  const Socket taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Address address = loopback();
  REQUIRE(::bind(taken.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0);
  REQUIRE(::listen(taken.fd(), 1) == 0);
  address = local_address(taken.fd());
  Result<Socket> refused = listen_on(address);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() == "bind " + address.text() + ": Address already in use");
}

TEST_CASE("a connection knows both its addresses and sends at once") {
  const Connection connection;
  const auto peer_address = [](int fd) {
    Address address;
    address.size = sizeof address.storage;
    REQUIRE(::getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) == 0);
    return address;
  };
  CHECK(peer_address(connection.client.fd()).text() == local_address(connection.server.fd()).text());
  CHECK(peer_address(connection.server.fd()).text() == local_address(connection.client.fd()).text());
  CHECK(option(connection.client.fd(), IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK((::fcntl(connection.client.fd(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("a connection that nobody takes fails with its reason") {
  Address nobody;
  {
    Result<Socket> gone = listen_on(loopback());
    REQUIRE(gone.ok());
    nobody = local_address(gone->fd());
  }
  int error = 0;
  const Socket connecting = start_connect(nobody, error);
  if (error == EINPROGRESS) {
    wait_for(connecting.fd(), POLLOUT);
    error = socket_error(connecting.fd());
  }
  CHECK(error == ECONNREFUSED);
  CHECK(socket_error(connecting.fd()) == 0);  // cleared
}

TEST_CASE("reads say bytes, blocked, closed") {
  Connection connection;
  char data[16];
  Io io = read_some(connection.server.fd(), data, sizeof data);
  CHECK(io.blocked);
  CHECK(io.size == 0);
  CHECK(write_text(connection.client.fd(), "hello") == 5);
  wait_for(connection.server.fd(), POLLIN);
  io = read_some(connection.server.fd(), data, 3);
  CHECK(std::string(data, io.size) == "hel");
  io = read_some(connection.server.fd(), data, sizeof data);
  CHECK(std::string(data, io.size) == "lo");
  connection.client.close();
  wait_for(connection.server.fd(), POLLIN);
  io = read_some(connection.server.fd(), data, sizeof data);
  CHECK(io.closed);
  CHECK(io.failed == 0);
}

TEST_CASE("writes gather parts, and say blocked when the system's buffer is full") {
  Connection connection;
  const iovec parts[] = {{const_cast<char*>("one "), 4}, {const_cast<char*>(""), 0}, {const_cast<char*>("two"), 3}};
  CHECK(write_some(connection.client.fd(), parts, 3).size == 7);
  wait_for(connection.server.fd(), POLLIN);
  char data[16];
  const Io got = read_some(connection.server.fd(), data, sizeof data);
  CHECK(std::string(data, got.size) == "one two");

  const std::vector<char> block(1 << 20);
  const iovec part{const_cast<char*>(block.data()), block.size()};
  Io io;
  for (int i = 0; i < 10'000 && !io.blocked; ++i) {
    io = write_some(connection.client.fd(), &part, 1);
    REQUIRE(io.failed == 0);
  }
  CHECK(io.blocked);
}

TEST_CASE("a reset is a failure of reads and writes, and no signal") {
  Connection connection;
  reset_on_close(connection.client.fd());
  connection.client.close();
  wait_for(connection.server.fd(), POLLIN);
  char data[16];
  const Io io = read_some(connection.server.fd(), data, sizeof data);
  CHECK_FALSE(io.closed);
  CHECK(io.failed == ECONNRESET);
  const iovec part{data, 1};
  CHECK(write_some(connection.server.fd(), &part, 1).failed == EPIPE);
}

TEST_CASE("what a peer does not take does not pile up in the system") {
  const Connection connection;
  const std::string piece(64 * 1024, 'x');
  const iovec part{const_cast<char*>(piece.data()), piece.size()};
  for (const int fd : {connection.server.fd(), connection.client.fd()}) {
    std::size_t taken = 0;
    for (Io io; !(io = write_some(fd, &part, 1)).blocked;) {
      REQUIRE(io.failed == 0);
      taken += io.size;
      REQUIRE(taken < 64U << 20);
    }
    CHECK(taken < 512 * 1024);  // by itself the system takes 2 MiB and more
  }
}
