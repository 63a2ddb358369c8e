// One match among N routes: by exact path, by prefix, by host; the request asked for changes each time, so caches are as cold
// as the table is large.
#include <random>
#include <string>
#include <vector>

#include "bench/micro/measured.hpp"
#include "kernel/route/router.hpp"

namespace {

using namespace cleat;
using config::Match;

enum class By { kExact, kPrefix, kHost, kMixed };

struct Case {
  std::vector<config::Route> routes;
  std::vector<std::string> hosts, targets;
};

Case make_case(By by, std::size_t count) {
  Case made;
  for (std::size_t i = 0; i < count; ++i) {
    config::Route route;
    const std::string number = std::to_string(i);
    const By kind = by != By::kMixed ? by : i % 2 == 0 ? By::kExact : By::kPrefix;
    std::string host = "www.example.com", target;
    if (kind == By::kExact) {
      route.match.path_kind = Match::Path::kExact;
      route.match.path = target = "/api/v1/service-" + number + "/status";
    } else {
      route.match.path_kind = Match::Path::kPrefix;
      route.match.path = kind == By::kHost ? "/api" : "/api/v1/service-" + number;
      target = route.match.path + "/items/42?full=1";
    }
    if (kind == By::kHost) {
      host = "tenant-" + number + ".example.com";
      route.match.hosts = {host};
    }
    made.routes.push_back(std::move(route));
    made.hosts.push_back(host + ":8080");
    made.targets.push_back(std::move(target));
  }
  return made;
}

void match(benchmark::State& state, By by) {
  const Case made = make_case(by, static_cast<std::size_t>(state.range(0)));
  config::Diagnostics diagnostics("bench");
  const route::Router router(made.routes, diagnostics);
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head;
  head.method = "GET";
  for (const char* name : {"host", "accept", "user-agent"}) head.fields.add(arena, {name, "x"});
  std::vector<std::size_t> order(16'384);
  std::mt19937 random(1);
  for (std::size_t& i : order) i = random() % made.routes.size();
  std::size_t at = 0;
  const bench::Measured measured(state);
  for (auto _ : state) {
    const std::size_t i = order[at++ % order.size()];
    head.authority = made.hosts[i];
    head.target = made.targets[i];
    const std::uint32_t found = router.match(head);
    if (found != i) state.SkipWithError("wrong route");
    benchmark::DoNotOptimize(found);
  }
}

void build(benchmark::State& state) {
  const Case made = make_case(By::kMixed, static_cast<std::size_t>(state.range(0)));
  const bench::Measured measured(state);
  for (auto _ : state) {
    config::Diagnostics diagnostics("bench");
    const route::Router router(made.routes, diagnostics);
    benchmark::DoNotOptimize(&router);
  }
}

BENCHMARK_CAPTURE(match, exact, By::kExact)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(match, prefix, By::kPrefix)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(match, mixed, By::kMixed)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(match, host, By::kHost)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK(build)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
