// A client's bytes into a session of HTTP/2: worker, connection, streams and exchanges are real, replies are made here, the socket is one
// of a pair. Whatever comes, no exchange outlives its connection. The input: how it is cut and read, then the bytes after the preface.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "kernel/accept/acceptor.hpp"
#include "kernel/accept/connection.hpp"
#include "kernel/base/check.hpp"
#include "kernel/base/log.hpp"
#include "kernel/exchange.hpp"
#include "kernel/worker.hpp"
#include "tests/listen_on.hpp"

namespace {

using namespace cleat;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr const char* kConfig = R"(
listeners:
  - name: in
    address: 127.0.0.1:0
    limits: {head_bytes: 2048, headers: 20, body_bytes: 4096}
    http2: {concurrent_streams: 8, stream_resets: 20, stream_window: 1KiB}
    routes:
      - {match: {path: /long}, reply: {status: 200, body: "@"}}
      - {match: {path: /empty}, reply: {status: 204}}
      - {match: {prefix: /a}, redirect: {path: /b}}
      - {match: {method: POST}, reply: {status: 200, body: hello}}
)";

std::shared_ptr<Generation> make_generation() {
  std::string text = kConfig;
  text.replace(text.find('@'), 1, std::string(100'000, 'x'));
  config::Diagnostics diagnostics("fuzz");
  std::optional<config::Composition> composition = config::compose(config::read_configuration(text, diagnostics), {}, diagnostics);
  CLEAT_CHECK(composition.has_value());
  return build_generation(1, std::move(*composition), 1, nullptr, diagnostics);
}

struct Fixture {
  Fixture() {
    set_workers({&worker});
    worker.adopt(make_generation(), {});
    const Listener& listener = *worker.current_generation->generation->listeners[0];
    auto listening = std::make_shared<const Socket>(std::move(*listen_on(listener.address)));
    acceptor = std::make_unique<Acceptor>(worker, listener, std::move(listening));
    worker.current_generation->users = 1;  // for the process's life
  }
  Worker worker{0};
  std::unique_ptr<Acceptor> acceptor;
};

void drop_output(int fd) {
  char sink[65536];
  while (::recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
  }
}

void run(Worker& worker, Acceptor& acceptor, const std::uint8_t* bytes, std::size_t size) {
  std::string data = std::string(kPreface) + std::string(kSettings);
  const std::size_t step = size == 0 ? 1 : bytes[0] % 2 == 0 ? 65536 : 1 + bytes[0];
  const bool reads = size < 2 || bytes[1] % 4 != 0;
  if (size > 2) data.append(reinterpret_cast<const char*>(bytes) + 2, size - 2);

  int pair[2];
  CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  auto* const connection = new Connection(worker, acceptor, Socket(pair[0]), Address());  // the worker's list owns it
  connection->start();
  const auto turn = [&](std::uint32_t events) {
    worker.reactor.refresh_clock();
    if (!connection->closed()) connection->on_io(events);
    worker.reactor.run_deferred();
    if (reads) drop_output(pair[1]);
  };
  for (std::size_t at = 0; at < data.size() && !connection->closed(); at += step) {
    if (::send(pair[1], data.data() + at, std::min(step, data.size() - at), MSG_NOSIGNAL) < 0) break;
    turn(EPOLLIN);
  }
  for (int i = 0; i < 4; ++i) turn(EPOLLIN | EPOLLOUT);
  drop_output(pair[1]);
  turn(EPOLLIN | EPOLLOUT);
  for (int i = 0; i < 2 && !connection->closed(); ++i) {
    connection->cut(false);
    worker.reactor.run_deferred();
  }
  CLEAT_CHECK(connection->closed() && worker.connection_count == 0);
  worker.reactor.run_retired();
  CLEAT_CHECK(worker.current_generation->users == 1);
  ::close(pair[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fixture fixture;
  run(fixture.worker, *fixture.acceptor, data, std::min<std::size_t>(size, 60'000));
  return 0;
}
