#include "kernel/base/reactor.hpp"

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "kernel/base/socket.hpp"

using namespace cleat;

namespace {

struct Pair {
  Socket ours, theirs;
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    ours = Socket(fds[0]);
    theirs = Socket(fds[1]);
  }
};

struct Handler final : IoHandler {
  std::function<void(std::uint32_t)> then;
  int calls = 0;
  void on_io(std::uint32_t events) override {
    ++calls;
    then(events);
  }
};

// Ends the loop with a failure instead of a hang.
struct Watchdog {
  bool bit = false;
  Reactor& reactor;
  Timer timer{[](void* self) {
                static_cast<Watchdog*>(self)->bit = true;
                static_cast<Watchdog*>(self)->reactor.stop();
              },
              this};
  explicit Watchdog(Reactor& of) : reactor(of) { reactor.wheel().arm(timer, reactor.now_ms() + 30'000); }
  ~Watchdog() { CHECK_FALSE(bit); }
};

}  // namespace

TEST_CASE("reactor tells of room for writing from when it is asked to, and of what waits in each turn until nothing does") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  Pair stream, listening;
  Handler reads, takes;
  std::vector<std::uint32_t> told;
  reads.then = [&](std::uint32_t events) {
    told.push_back(events);
    if (told.size() == 1) REQUIRE(reactor.change(stream.ours.fd(), reads, Reactor::Tell::kBoth));
    if (told.size() == 2) REQUIRE(::send(listening.theirs.fd(), "abc", 3, 0) == 3);
  };
  takes.then = [&](std::uint32_t events) {
    CHECK(events == EPOLLIN);
    char byte;
    REQUIRE(::recv(listening.ours.fd(), &byte, 1, 0) == 1);  // one of three, each time
    if (byte == 'c') reactor.stop();
  };
  REQUIRE(reactor.add(stream.ours.fd(), reads, Reactor::Tell::kReadable));
  REQUIRE(reactor.add(listening.ours.fd(), takes, Reactor::Tell::kWaiting));
  REQUIRE(::send(stream.theirs.fd(), "x", 1, 0) == 1);
  reactor.run();
  CHECK(told == std::vector<std::uint32_t>{EPOLLIN, EPOLLIN | EPOLLOUT});
  CHECK(takes.calls == 3);
}

TEST_CASE("reactor tells a socket's owner once of what comes, and of its end") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  Pair pair;
  Handler handler;
  std::string got;
  bool ended = false;
  handler.then = [&](std::uint32_t events) {
    char data[16];
    for (;;) {
      const Io io = read_some(pair.ours.fd(), data, sizeof data);
      got.append(data, io.size);
      ended = ended || io.closed;
      if (io.size == 0) break;
    }
    if (got == "hello") pair.theirs.close();
    if (ended) {
      CHECK((events & EPOLLRDHUP) != 0);
      reactor.stop();
    }
  };
  REQUIRE(reactor.add(pair.ours.fd(), handler, Reactor::Tell::kBoth));
  CHECK(::write(pair.theirs.fd(), "hello", 5) == 5);
  reactor.run();
  CHECK(got == "hello");
  CHECK(ended);
  CHECK(handler.calls <= 3);
}

TEST_CASE("reactor refuses what cannot be watched") {
  Reactor reactor;
  Handler handler;
  CHECK_FALSE(reactor.add(-1, handler, Reactor::Tell::kBoth));
}

TEST_CASE("deferred calls run after the event's callback, in order, with those that they defer themselves") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  struct Order {
    Reactor& reactor;
    std::string text;
    static void call(void* self, std::uint64_t argument) {
      auto* order = static_cast<Order*>(self);
      order->text += static_cast<char>(argument);
      if (argument == 'a') order->reactor.defer(&Order::call, order, 'c');
      if (argument == 'c') order->reactor.stop();
    }
  } order{reactor, {}};
  CHECK(reactor.post([&] {
    reactor.defer(&Order::call, &order, 'a');
    reactor.defer(&Order::call, &order, 'b');
    order.text += '.';
  }));
  reactor.run();
  CHECK(order.text == ".abc");
}

TEST_CASE("what is retired lives until the turn is over, deferred calls included") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  struct Object {
    std::string& text;
    explicit Object(std::string& to) : text(to) {}
    ~Object() { text += "destroyed"; }
  };
  std::string text;
  auto object = std::make_shared<Object>(text);
  CHECK(reactor.post([&] {
    reactor.retire([&] {
      object.reset();
      reactor.stop();
    });
    reactor.defer([](void* self, std::uint64_t) { static_cast<Object*>(self)->text += "called "; }, object.get());
  }));
  reactor.run();
  CHECK(text == "called destroyed");
}

TEST_CASE("a handler that retires itself is not called again, though its socket has more events in the same turn") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  // Both sockets are ready in one turn; whichever handler comes first closes and retires the other.
  struct One final : IoHandler {
    Reactor* reactor = nullptr;
    Pair pair;
    std::unique_ptr<One>* other = nullptr;
    int calls = 0;
    void on_io(std::uint32_t) override {
      if (++calls > 1 || !pair.ours.open()) return;  // a late event of a closed socket: alive still, and told nothing new
      if (*other == nullptr || !(*other)->pair.ours.open()) return;
      (*other)->pair.ours.close();
      reactor->retire([this] {
        other->reset();
        reactor->stop();
      });
    }
  };
  auto first = std::make_unique<One>();
  auto second = std::make_unique<One>();
  first->reactor = second->reactor = &reactor;
  first->other = &second;
  second->other = &first;
  REQUIRE(reactor.add(first->pair.ours.fd(), *first, Reactor::Tell::kBoth));
  REQUIRE(reactor.add(second->pair.ours.fd(), *second, Reactor::Tell::kBoth));
  reactor.run();
  CHECK((first == nullptr) != (second == nullptr));
}

TEST_CASE("reactor fires timers in time") {
  Reactor reactor;
  struct Ring {
    Reactor& reactor;
    std::uint64_t at = 0;
    Timer timer{[](void* self) {
                  auto* ring = static_cast<Ring*>(self);
                  ring->at = ring->reactor.now_ms();
                  ring->reactor.stop();
                },
                this};
  } ring{reactor};
  reactor.refresh_clock();
  const std::uint64_t start = reactor.now_ms();
  reactor.wheel().arm(ring.timer, start + 30);
  reactor.run();
  CHECK(ring.at >= start + 30);
  CHECK(ring.at < start + 10'000);
}

TEST_CASE("reactor runs posted tasks in the order of each thread that posts", "[threads]") {
  constexpr int kThreads = 4;
  constexpr int kEach = 5'000;
  Reactor reactor;
  const Watchdog watchdog(reactor);
  std::array<int, kThreads> last{};
  bool in_order = true;
  int done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= kEach; ++i) {
        const auto task = [&, t, i] {
          in_order = in_order && last[static_cast<std::size_t>(t)] == i - 1;
          last[static_cast<std::size_t>(t)] = i;
          if (i == kEach && ++done == kThreads) reactor.stop();
        };
        while (!reactor.post(task)) std::this_thread::yield();
      }
    });
  }
  reactor.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(in_order);
  CHECK(done == kThreads);
}

TEST_CASE("reactor's queue of posted tasks is bounded, and free again once they have run", "[threads]") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  std::size_t ran = 0;
  for (std::size_t i = 0; i < Reactor::kPostedMax; ++i) {
    if (!reactor.post([&] { ++ran; })) FAIL("full at " << i);
  }
  CHECK_FALSE(reactor.post([&] { ++ran; }));
  std::atomic<bool> more{false};
  std::thread poster([&] {
    while (!reactor.post([&] { reactor.stop(); })) std::this_thread::yield();
    more = true;
  });
  reactor.run();
  poster.join();
  CHECK(ran == Reactor::kPostedMax);
  CHECK(more);
}

TEST_CASE("a task that posts is woken for again, and other sockets have their turn between") {
  Reactor reactor;
  const Watchdog watchdog(reactor);
  Pair pair;
  Handler handler;
  handler.then = [&](std::uint32_t) {
    char byte;
    if (read_some(pair.ours.fd(), &byte, 1).size == 1) reactor.stop();
  };
  REQUIRE(reactor.add(pair.ours.fd(), handler, Reactor::Tell::kBoth));
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds == 100) CHECK(::write(pair.theirs.fd(), "x", 1) == 1);
    reactor.post(again);
  };
  reactor.post(again);
  reactor.run();
  CHECK(rounds >= 100);
  CHECK(rounds < 110);
}
