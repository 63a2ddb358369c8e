#include "kernel/hooks/plugin_timers.hpp"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

#include "kernel/accept/http1_server.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"

using namespace cleat;

namespace {

struct Fired {
  std::vector<std::uint64_t> owners;
  std::vector<const void*> users;
  PluginTimers* timers = nullptr;      // armed anew inside, where set
  cleat_instance instance = 0;
};

void on_timer(void* self, std::uint64_t owner, void* user) {
  auto& fired = *static_cast<Fired*>(self);
  fired.owners.push_back(owner);
  fired.users.push_back(user);
  if (fired.timers == nullptr) return;
  PluginTimers* const timers = fired.timers;
  fired.timers = nullptr;
  timers->arm(fired.instance, timers->owner(fired.instance), 5, on_timer, user);
}

// A worker that does not run, and an instance on it.
struct Bench {
  Worker worker{0};
  PluginTimers& timers = *worker.plugin_timers;
  std::unique_ptr<hooks::Instance> instance = std::make_unique<hooks::Instance>();
  Fired fired;

  Bench() {
    instance->self = &fired;
    for (int i = 0; i < 2; ++i) instance->shards.push_back(std::make_unique<hooks::Instance::Shard>());
    fired.instance = instance->handle;
  }
  cleat_timer arm(std::uint64_t delay_ms, void* user = nullptr) {
    return timers.arm(instance->handle, timers.owner(instance->handle), delay_ms, on_timer, user);
  }
  // Lets time pass, without waiting for it.
  void pass(std::uint64_t ms) {
    clock_ms_ = std::max(clock_ms_, monotonic_us() / 1000) + ms;
    worker.reactor.wheel().advance(clock_ms_);
  }

 private:
  std::uint64_t clock_ms_ = 0;
};

}  // namespace

TEST_CASE("plugin timers fire once, with what they were armed with") {
  Bench bench;
  int user = 0;
  const cleat_timer timer = bench.arm(50, &user);
  REQUIRE(handle_kind(timer) == HandleKind::kTimer);
  bench.pass(20);
  CHECK(bench.fired.owners.empty());
  bench.pass(1000);
  CHECK(bench.fired.owners == std::vector<std::uint64_t>{bench.instance->handle});
  CHECK(bench.fired.users == std::vector<const void*>{&user});
  bench.pass(1000);
  CHECK(bench.fired.owners.size() == 1);
  CHECK(bench.timers.armed() == 0);
  CHECK_FALSE(bench.timers.cancel(timer));
  CHECK_FALSE(bench.timers.rearm(timer, 1));
}

TEST_CASE("plugin timers that are cancelled stay silent, and their handles stale") {
  Bench bench;
  const cleat_timer first = bench.arm(10);
  CHECK(bench.timers.cancel(first));
  CHECK_FALSE(bench.timers.cancel(first));
  const cleat_timer second = bench.arm(10);  // in the same place
  CHECK(second != first);
  CHECK_FALSE(bench.timers.cancel(first));
  bench.pass(1000);
  CHECK(bench.fired.owners.size() == 1);
}

TEST_CASE("plugin timers that are moved fire at the new time") {
  Bench bench;
  const cleat_timer timer = bench.arm(10);
  CHECK(bench.timers.rearm(timer, 5000));
  bench.pass(1000);
  CHECK(bench.fired.owners.empty());
  bench.pass(5000);
  CHECK(bench.fired.owners.size() == 1);
}

TEST_CASE("plugin timers may be armed anew inside their own callback") {
  Bench bench;
  bench.fired.timers = &bench.timers;
  bench.arm(5);
  bench.pass(1000);
  CHECK(bench.fired.owners.size() == 1);
  CHECK(bench.timers.armed() == 1);
  bench.pass(1000);
  CHECK(bench.fired.owners.size() == 2);
}

TEST_CASE("plugin timers of an exchange end with it") {
  Bench bench;
  Exchange* const x = bench.worker.new_exchange();
  REQUIRE(x != nullptr);
  x->stage = Stage::kRequest;
  std::vector<cleat_timer> armed;
  for (std::uint32_t i = 0; i < Exchange::kTimersMax; ++i) {
    armed.push_back(bench.timers.arm(bench.instance->handle, bench.timers.owner(*x), 10 + i, on_timer, nullptr));
    REQUIRE(armed.back() != 0);
  }
  CHECK(bench.timers.arm(bench.instance->handle, bench.timers.owner(*x), 10, on_timer, nullptr) == 0);
  CHECK(bench.timers.cancel(armed[7]));   // from the middle of the list
  CHECK(bench.timers.cancel(armed[15]));  // its head
  CHECK(bench.timers.cancel(armed[0]));   // its end
  CHECK(x->timers == 13);
  const cleat_timer other = bench.arm(10);
  bench.timers.cancel_all(*x);
  CHECK(x->timers == 0);
  CHECK(x->timer_list == 0);
  CHECK(bench.timers.armed() == 1);
  bench.pass(1000);
  CHECK(bench.fired.owners == std::vector<std::uint64_t>{bench.instance->handle});
  CHECK_FALSE(bench.timers.cancel(other));
  x->stage = Stage::kIdle;
}

TEST_CASE("plugin timers of an exchange name it") {
  Bench bench;
  Exchange* const x = bench.worker.new_exchange();
  x->stage = Stage::kRequest;
  REQUIRE(bench.timers.arm(bench.instance->handle, bench.timers.owner(*x), 10, on_timer, nullptr) != 0);
  bench.pass(1000);
  CHECK(bench.fired.owners == std::vector<std::uint64_t>{x->handle()});
  CHECK(x->timers == 0);
  x->stage = Stage::kIdle;
}

TEST_CASE("plugin timers of an instance are bounded, and end with it") {
  Bench bench;
  for (std::uint32_t i = 0; i < PluginTimers::kInstanceTimersMax; ++i) REQUIRE(bench.arm(1'000'000) != 0);
  CHECK(bench.arm(1) == 0);
  bench.timers.cancel_all(bench.instance->handle);
  CHECK(bench.timers.armed() == 0);
  CHECK(bench.timers.stopped(bench.instance->handle));
}

TEST_CASE("plugin timers of an instance that is gone are dropped") {
  Bench bench;
  bench.arm(10);
  bench.instance.reset();
  bench.pass(1000);
  CHECK(bench.fired.owners.empty());
  CHECK(bench.timers.armed() == 0);
}

TEST_CASE("plugin timers forget stopped instances once they are gone") {
  Bench bench;
  const cleat_instance handle = bench.instance->handle;
  bench.timers.cancel_all(handle);
  CHECK(bench.timers.stopped(handle));
  bench.instance.reset();
  const hooks::Instance other;
  bench.timers.cancel_all(other.handle);
  CHECK_FALSE(bench.timers.stopped(handle));
  CHECK(bench.timers.stopped(other.handle));
}

TEST_CASE("plugin timers run late tasks in time, and destroy those that never ran") {
  Bench bench;
  int ran = 0;
  CHECK(bench.timers.later([&] {
    if (++ran == 1) bench.timers.later([&] { ++ran; });
  }));
  bench.pass(1000);
  CHECK(ran == 1);
  bench.pass(1000);
  CHECK(ran == 2);
  bench.timers.later([held = std::make_shared<int>()] { (void)held; });
}
