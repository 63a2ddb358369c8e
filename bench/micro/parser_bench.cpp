// Heads of HTTP/1.1 from the wire: the scan for the end of one, and the strict parse.
#include "bench/micro/measured.hpp"
#include "bench/micro/samples.hpp"

namespace {

using namespace cleat;

void parse_request(benchmark::State& state, std::string_view text) {
  BlockPool pool;
  Arena arena(pool);
  const http::HeadLimits limits;
  const bench::Measured measured(state);
  for (auto _ : state) {
    http::RequestHead head;
    const http::HeadScan scan = http::scan_request_head(text, 0, limits);
    if (http::parse_request_head(text.substr(scan.skip, scan.size), limits, arena, head)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
    arena.clear();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void parse_response(benchmark::State& state, std::string_view text) {
  BlockPool pool;
  Arena arena(pool);
  const http::HeadLimits limits;
  const bench::Measured measured(state);
  for (auto _ : state) {
    http::ResponseHead head;
    const http::HeadScan scan = http::scan_response_head(text, 0, limits);
    if (http::parse_response_head(text.substr(0, scan.size), "GET", limits, arena, head)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
    arena.clear();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

BENCHMARK_CAPTURE(parse_request, small, bench::kSmallRequest);
BENCHMARK_CAPTURE(parse_request, typical, bench::kTypicalRequest);
BENCHMARK_CAPTURE(parse_response, small, bench::kSmallResponse);
BENCHMARK_CAPTURE(parse_response, typical, bench::kTypicalResponse);

}  // namespace
