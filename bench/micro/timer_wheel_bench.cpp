// The coarse timers of a worker: armed, renewed, cancelled, waited for and fired, beside as many others as the argument says.
#include <memory>
#include <random>
#include <vector>

#include "bench/micro/measured.hpp"
#include "kernel/base/timer_wheel.hpp"

namespace {

using namespace cleat;

constexpr std::uint64_t kStartMs = 1'000'000;
constexpr std::uint64_t kIdleMs = 60'000;

void nothing(void*) {}

// Others, due between now and a minute.
struct Wheel {
  TimerWheel wheel;
  std::vector<std::unique_ptr<Timer>> others;
  std::mt19937_64 random{1};
  explicit Wheel(benchmark::State& state) {
    wheel.advance(kStartMs);
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      others.push_back(std::make_unique<Timer>(nothing, nullptr));
      wheel.arm(*others.back(), kStartMs + 1'000 + random() % kIdleMs);
    }
  }
};

void timer_arm_and_cancel(benchmark::State& state) {
  Wheel all(state);
  Timer timer(nothing, nullptr);
  const bench::Measured measured(state);
  for (auto _ : state) {
    all.wheel.arm(timer, kStartMs + kIdleMs);
    timer.cancel();
  }
}

void deadline_renew(benchmark::State& state) {
  Wheel all(state);
  Deadline deadline(all.wheel, nothing, nullptr);
  std::uint64_t at = kStartMs + kIdleMs;
  const bench::Measured measured(state);
  for (auto _ : state) {
    deadline.set(++at);
    benchmark::DoNotOptimize(deadline.at_ms());
  }
}

void timer_wait(benchmark::State& state) {
  Wheel all(state);
  const bench::Measured measured(state);
  for (auto _ : state) benchmark::DoNotOptimize(all.wheel.wait_ms(kStartMs));
}

// Ten milliseconds each time; a timer that fires is armed again, a minute on, so that there are always as many.
void timer_advance(benchmark::State& state) {
  struct Again {
    TimerWheel& wheel;
    Timer timer{[](void* self) {
                  Again& again = *static_cast<Again*>(self);
                  again.wheel.arm(again.timer, again.wheel.now_ms() + kIdleMs);
                },
                this};
  };
  TimerWheel wheel;
  wheel.advance(kStartMs);
  std::vector<std::unique_ptr<Again>> all;
  std::mt19937_64 random(1);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    all.push_back(std::make_unique<Again>(wheel));
    wheel.arm(all.back()->timer, kStartMs + 1 + random() % kIdleMs);
  }
  std::uint64_t now = kStartMs;
  const bench::Measured measured(state);
  for (auto _ : state) wheel.advance(now += 10);
}

BENCHMARK(timer_arm_and_cancel)->Arg(0)->Arg(1'000)->Arg(100'000);
BENCHMARK(deadline_renew)->Arg(0);
BENCHMARK(timer_wait)->Arg(1)->Arg(10)->Arg(1'000)->Arg(100'000);
BENCHMARK(timer_advance)->Arg(0)->Arg(1'000)->Arg(100'000);

}  // namespace
