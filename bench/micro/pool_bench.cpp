// A worker's connections to a cluster: the choice of an endpoint, and an idle connection taken and given back. Peers are real, on this
// machine; each checkout is followed by a response, since only a connection that has served is kept, and that is not in the time taken.
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/micro/measured.hpp"
#include "bench/micro/rig.hpp"
#include "kernel/upstream/pool.hpp"

namespace {

using namespace cleat;
using upstream::Pool;

constexpr std::size_t kConnections = 64;
constexpr std::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";

// Those of its askers whose turn has come; the loop stops when it is all of them.
struct Turn {
  Worker& worker;
  std::size_t came = 0;
  void one_more() {
    if (++came == kConnections) worker.reactor.stop();
  }
  void await() {
    came = 0;
    worker.reactor.run();
  }
};

class Asker final : public Requester {
 public:
  explicit Asker(Turn& turn) : Requester(turn.worker.blocks), turn_(turn) {
    request.method = "GET";
    request.target = "/";
    request.authority = "a.example";
  }
  Connection* downstream_connection() const override { return nullptr; }
  void attempt_connected() override { turn_.one_more(); }
  void attempt_failed(std::uint32_t) override { CLEAT_CHECK(false); }
  void response_informational() override {}
  void response_head_complete() override { turn_.one_more(); }  // of an answer without a body it is the end
  bool response_wanted() const override { return true; }
  void response_data(std::string_view) override {}
  void response_end() override {}
  void response_broken() override { CLEAT_CHECK(false); }
  void upstream_writable() override {}
  void settle() override {}

  void give_back() {
    Upstream* const used = client;
    client = nullptr;
    used->release(true);
    response = {};
    arena.clear();
  }

 private:
  Turn& turn_;
};

std::string config_of(const std::vector<std::string>& endpoints) {
  std::string text = "listeners: []\nclusters:\n  - name: app\n    endpoints:\n";
  for (const std::string& one : endpoints) text += "      - " + one + "\n";
  return text;
}

void choose_endpoint(benchmark::State& state, bool equal) {
  std::vector<std::string> endpoints;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const std::string address = "'127.1." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250) + ":1'";
    endpoints.push_back(equal ? address : "{address: " + address + ", weight: " + std::to_string(1 + i % 3) + "}");
  }
  bench::Rig rig(config_of(endpoints));
  Pool& pool = *rig.worker.current_generation->pools[0];
  const TriedEndpoints tried;
  const bench::Measured measured(state);
  for (auto _ : state) {
    upstream::SetInUse* const set = pool.enter_set(nullptr);
    benchmark::DoNotOptimize(pool.next_endpoint(*set, tried));
    pool.leave_set(*set);
  }
}

// The peers of connections to it, in the order in which they came.
class Listening {
 public:
  Listening() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CLEAT_CHECK(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(socket_.fd(), kConnections) == 0);
    CLEAT_CHECK(::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  Socket accept() { return Socket(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)); }
  std::uint16_t port = 0;

 private:
  Socket socket_;
};

void checkout_and_return(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  Listening listening;
  bench::Rig rig(config_of({"'127.0.0.1:" + std::to_string(listening.port) + "'"}));
  Pool& pool = *rig.worker.current_generation->pools[0];
  Turn turn{rig.worker};
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::size_t i = 0; i < kConnections; ++i) askers.push_back(std::make_unique<Asker>(turn));
  const auto set = rig.generation().clusters[0]->endpoints();
  const std::shared_ptr<Endpoint>& endpoint = set->members[0].endpoint;
  std::vector<Socket> peers;
  const auto answer = [&] {
    for (const Socket& peer : peers) CLEAT_CHECK(::send(peer.fd(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kAnswer.size()));
    turn.await();
  };
  for (const auto& asker : askers) CLEAT_CHECK(pool.acquire(*asker, endpoint, false) == Pool::Acquired::kLater);
  turn.await();
  for (std::size_t i = 0; i < kConnections; ++i) peers.push_back(listening.accept());
  answer();
  for (const auto& asker : askers) asker->give_back();

  bench::Measured measured(state, kConnections);
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    for (const auto& asker : askers) {
      if (pool.acquire(*asker, endpoint, false) != Pool::Acquired::kNow) state.SkipWithError("no idle connection");
    }
    const Clock::time_point taken = Clock::now();
    measured.pause();
    answer();
    measured.resume();
    const Clock::time_point done = Clock::now();
    for (const auto& asker : askers) asker->give_back();
    state.SetIterationTime(std::chrono::duration<double>(taken - begin + (Clock::now() - done)).count());
  }
  state.counters["each"] = benchmark::Counter(kConnections, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(choose_endpoint, equal, true)->Arg(1)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(choose_endpoint, weighted, false)->Arg(1'000)->Arg(10'000);
BENCHMARK(checkout_and_return)->UseManualTime();

}  // namespace
