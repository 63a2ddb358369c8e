// What counting costs a hook: the kernel's own way, the table's way with its checks, and the way of threads without a shard.
#include <thread>

#include "bench/micro/measured.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/hooks/instance.hpp"

namespace {

using namespace cleat;

metrics::SeriesId series_of(const metrics::Definition& definition) {
  auto metric = metrics::define(definition);
  return *metrics::series(*metric, {});
}

metrics::SeriesId counter() { return series_of({metrics::Kind::kCounter, "bench_total", "", {}, {}, 10}); }
metrics::SeriesId histogram() {
  return series_of({metrics::Kind::kHistogram, "bench_us", "", {}, {50, 100, 250, 500, 1000, 2500, 5000, 10'000, 25'000, 50'000, 100'000}, 10});
}

void metrics_add(benchmark::State& state) {
  metrics::set_thread_shard(0);
  const metrics::SeriesId series = counter();
  const bench::Measured measured(state);
  for (auto _ : state) metrics::add(series, 1);
}

void metrics_add_through_table(benchmark::State& state) {
  metrics::set_thread_shard(0);
  const metrics::SeriesId series = counter();
  const bench::Measured measured(state);
  for (auto _ : state) hooks::kHostMetrics.add(series, 1);
}

void metrics_observe(benchmark::State& state) {
  metrics::set_thread_shard(0);
  const metrics::SeriesId series = histogram();
  std::uint64_t value = 0;
  const bench::Measured measured(state);
  for (auto _ : state) metrics::observe(series, value += 997);
}

void metrics_observe_through_table(benchmark::State& state) {
  metrics::set_thread_shard(0);
  const metrics::SeriesId series = histogram();
  std::uint64_t value = 0;
  const bench::Measured measured(state);
  for (auto _ : state) hooks::kHostMetrics.observe(series, value += 997);
}

// In a thread of its own: this one may have been given a shard before.
void metrics_add_without_shard(benchmark::State& state) {
  const metrics::SeriesId series = counter();
  std::thread([&] {
    const bench::Measured measured(state);
    for (auto _ : state) metrics::add(series, 1);
  }).join();
}

}  // namespace

BENCHMARK(metrics_add_without_shard)->UseRealTime();
BENCHMARK(metrics_add);
BENCHMARK(metrics_add_through_table);
BENCHMARK(metrics_observe);
BENCHMARK(metrics_observe_through_table);
