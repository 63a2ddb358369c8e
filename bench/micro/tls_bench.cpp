// TLS between two sessions of the kernel over a pair of sockets: a full handshake, and bytes through records, written by one side and read by
// the other, system calls with it. TLS 1.3, what OpenSSL prefers; P-256.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/micro/measured.hpp"
#include "bench/micro/rig.hpp"
#include "kernel/tls/session.hpp"
#include "tests/unit/config/certificates.hpp"

namespace {

using namespace cleat;
using tls::Session;

struct Contexts {
  std::shared_ptr<Generation> generation = bench::make_generation(
      "secrets:\n  - name: own\n    certificate: |\n" + deeper(test::kCertificate) + "    key: |\n" + deeper(test::kKey) +
      "listeners: [{name: in, address: '127.0.0.1:0', tls: {secrets: [own]}, routes: [{reply: {status: 204}}]}]\n"
      "clusters: [{name: app, endpoints: ['127.0.0.1:1'], tls: {verify: false}}]\n");
  // As the lines of a block scalar of that depth.
  static std::string deeper(std::string_view text) { return test::indented(test::indented(test::indented(text))); }
};

class Pair {
 public:
  explicit Pair(const Contexts& contexts) {
    int fds[2];
    CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    server_socket_ = Socket(fds[0]);
    client_socket_ = Socket(fds[1]);
    server = std::make_unique<Session>(contexts.generation->listeners[0]->tls, fds[0]);
    client = std::make_unique<Session>(contexts.generation->clusters[0]->tls, fds[1], "server.example.com", &saved_);
  }
  bool handshake() {
    for (int i = 0; i < 10 && !(server->done() && client->done()); ++i) {
      client->note_readable(false);
      if (client->handshake() == Session::Step::kFailed) return false;
      server->note_readable(false);
      if (server->handshake() == Session::Step::kFailed) return false;
    }
    return server->done() && client->done();
  }
  std::unique_ptr<Session> server, client;

 private:
  Socket server_socket_, client_socket_;
  tls::Resumable saved_;
};

void tls_handshake(benchmark::State& state) {
  const Contexts contexts;
  const bench::Measured measured(state);
  for (auto _ : state) {
    Pair pair(contexts);
    if (!pair.handshake()) state.SkipWithError("the handshake failed");
  }
}

void tls_write_and_read(benchmark::State& state) {
  const Contexts contexts;
  Pair pair(contexts);
  CLEAT_CHECK(pair.handshake());
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::string data(size, 'd');
  std::vector<char> room(Worker::kScratchBytes);
  const auto read = [&] {
    pair.client->note_readable(false);
    return pair.client->read(room.data(), room.size()).size;
  };
  read();  // session tickets
  const bench::Measured measured(state);
  for (auto _ : state) {
    std::size_t written = 0, got = 0;
    while (got < size) {
      if (written < size) {
        const iovec part{const_cast<char*>(data.data()) + written, size - written};
        const Io io = pair.server->write(&part, 1);
        if (io.failed != 0) return state.SkipWithError("the write failed");
        written += io.size;
      }
      got += read();
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(tls_handshake)->Unit(benchmark::kMicrosecond);
BENCHMARK(tls_write_and_read)->Arg(1024)->Arg(16 * 1024)->Arg(64 * 1024);

}  // namespace
