// What a call into a plugin costs at the dispatch site: stamp, count, one sampled time in 64, the catch, the verdict's check.
#include <benchmark/benchmark.h>

#include "kernel/hooks/dispatch.hpp"

namespace {

using cleat::Worker;
using cleat::hooks::Hook;
using cleat::hooks::Instance;

cleat_verdict no_op(void*, cleat_exchange) { return CLEAT_CONTINUE; }

struct Fixture {
  Worker worker{0};
  Instance instance;
  Fixture() {
    instance.name = "bench";
    instance.shards.push_back(std::make_unique<Instance::Shard>());
    instance.shards.push_back(std::make_unique<Instance::Shard>());
    instance.table.on_request = &no_op;
  }
};

void direct_call(benchmark::State& state) {
  Fixture fixture;
  auto* hook = fixture.instance.table.on_request;
  benchmark::DoNotOptimize(hook);
  for (auto _ : state) benchmark::DoNotOptimize(hook(nullptr, 1));
}
BENCHMARK(direct_call);

void dispatched_call(benchmark::State& state) {
  Fixture fixture;
  benchmark::DoNotOptimize(fixture.instance.table.on_request);
  for (auto _ : state) {
    benchmark::DoNotOptimize(cleat::hooks::call_hook(fixture.worker, fixture.instance, Hook::kRequest, nullptr, 0,
                                                     [&] { return fixture.instance.table.on_request(nullptr, 1); }));
  }
}
BENCHMARK(dispatched_call);

}  // namespace
