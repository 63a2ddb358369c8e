// What a hook costs: the spine's own call into a plugin that was loaded as every plugin is, and the host call it makes. Stamp, count, one
// sampled time in 128, the catch and the verdict's check are in it.
#include <string>

#include "bench/micro/measured.hpp"
#include "bench/micro/rig.hpp"
#include "kernel/hooks/exchange_hooks.hpp"

namespace {

using namespace cleat;
using hooks::Hook;

// What hooks add stays in the exchange's memory, which begins anew after so many, out of the time that is taken.
constexpr std::uint64_t kCallsOfAnExchange = 1'024;

const std::string kConfig = R"(
plugin_path: [')" CLEAT_BENCH_PLUGINS R"(']
plugins: [{name: bench, use: bench_hooks}]
listeners: [{name: in, address: 127.0.0.1:0, chain: [bench], routes: [{reply: {status: 204}}]}]
)";

template <class Body>
void with_exchange(Body&& body) {
  bench::Rig rig(kConfig);
  rig.run([&] {
    bench::StandingExchange standing(rig.worker, bench::kSmallRequest);
    body(standing);
  });
}

void call(Exchange& x, Hook which, benchmark::State& state) {
  std::uint8_t cursor = 0;
  if (hooks::call_head_hooks(x, which, 0, cursor) != hooks::kContinue) state.SkipWithError("the hook failed");
}

void hook(benchmark::State& state, Hook which, Stage stage) {
  with_exchange([&](bench::StandingExchange& standing) {
    standing.x.stage = stage;
    const bench::Measured measured(state);
    for (auto _ : state) {
      call(standing.x, which, state);
    }
  });
}

// What is added is taken back each time, but for the memory.
void hook_that_adds(benchmark::State& state, Hook which, Stage stage) {
  with_exchange([&](bench::StandingExchange& standing) {
    Exchange& x = standing.x;
    x.stage = stage;
    http::Fields before = x.request.fields;
    std::uint64_t calls = 0;
    bench::Measured measured(state);
    for (auto _ : state) {
      x.request.fields = before;
      call(x, which, state);
      if (++calls % kCallsOfAnExchange != 0) continue;
      state.PauseTiming();
      measured.pause();
      standing.begin();
      before = x.request.fields;
      measured.resume();
      state.ResumeTiming();
    }
  });
}

// The same function through a pointer, for comparison.
void direct_call(benchmark::State& state) {
  bench::Rig rig(kConfig);
  hooks::Instance& instance = *rig.generation().instances[0];
  rig.run([&] {
    const bench::Measured measured(state);
    for (auto _ : state) benchmark::DoNotOptimize(instance.table.on_request(instance.self, 1));
  });
}

BENCHMARK(direct_call);
BENCHMARK_CAPTURE(hook, does_nothing, Hook::kRequest, Stage::kRequest);
BENCHMARK_CAPTURE(hook, reads_a_header, Hook::kRoute, Stage::kRoute);
BENCHMARK_CAPTURE(hook_that_adds, a_header, Hook::kAttempt, Stage::kAttempt);

}  // namespace
