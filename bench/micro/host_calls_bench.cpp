// The host's functions that plugins call most, within a hook of a plugin, on a request of nine fields.
#include <string>

#include "bench/micro/measured.hpp"
#include "bench/micro/rig.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace {

using namespace cleat;
using hooks::Hook;
using hooks::to_str;

constexpr std::uint64_t kCallsOfAnExchange = 1'024;  // as in dispatch_bench.cpp

constexpr std::string_view kConfig = R"(
plugin_path: [')" CLEAT_BENCH_PLUGINS R"(']
plugins: [{name: bench, use: bench_hooks}]
listeners: [{name: in, address: 127.0.0.1:0, chain: [bench], routes: [{reply: {status: 204}}]}]
)";

// `call` answers a cleat_status.
template <class Call>
void within_hook(benchmark::State& state, Call&& call) {
  bench::Rig rig(kConfig);
  rig.run([&] {
    bench::StandingExchange standing(rig.worker, bench::kTypicalRequest);
    Exchange& x = standing.x;
    rig.worker.stamp.instance = rig.generation().instances[0].get();
    rig.worker.stamp.hook = Hook::kRequest;
    rig.worker.stamp.exchange = &x;
    const cleat_host& host = *hooks::host_table();
    const cleat_exchange handle = x.handle();
    http::Fields before = x.request.fields;
    std::uint64_t calls = 0;
    bench::Measured measured(state);
    for (auto _ : state) {
      x.request.fields = before;
      if (call(host, handle) != CLEAT_OK) state.SkipWithError("the host refused");
      if (++calls % kCallsOfAnExchange != 0) continue;
      state.PauseTiming();
      measured.pause();
      x.metadata = nullptr;
      standing.begin();
      before = x.request.fields;
      measured.resume();
      state.ResumeTiming();
    }
    rig.worker.stamp = {};
  });
}

void header_get(benchmark::State& state, std::string_view name) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) {
    cleat_str value;
    const cleat_status status = host.header_get(x, CLEAT_REQUEST, to_str(name), 0, &value);
    benchmark::DoNotOptimize(value);
    return status;
  });
}

void header_add(benchmark::State& state) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) { return host.header_add(x, CLEAT_REQUEST, to_str("x-tenant"), to_str("acme")); });
}

void header_set(benchmark::State& state) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) {
    return host.header_set(x, CLEAT_REQUEST, to_str("accept"), to_str("text/html"));
  });
}

void header_remove(benchmark::State& state) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) { return host.header_remove(x, CLEAT_REQUEST, to_str("cookie")); });
}

void field_get(benchmark::State& state) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) {
    cleat_str value;
    const cleat_status status = host.field_get(x, CLEAT_TARGET, &value);
    benchmark::DoNotOptimize(value);
    return status;
  });
}

void exchange_state(benchmark::State& state) {
  within_hook(state, [&](const cleat_host& host, cleat_exchange x) {
    void* mine = nullptr;
    const cleat_status status = host.exchange_state(x, 64, &mine);
    benchmark::DoNotOptimize(mine);
    return status;
  });
}

BENCHMARK_CAPTURE(header_get, known, "host");
BENCHMARK_CAPTURE(header_get, name, "traceparent");
BENCHMARK(header_add);
BENCHMARK(header_set);
BENCHMARK(header_remove);
BENCHMARK(field_get);
BENCHMARK(exchange_state);

}  // namespace
