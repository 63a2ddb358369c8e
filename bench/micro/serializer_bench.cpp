// Heads of HTTP/1.1 onto the wire: into a buffer that has room for them already, as an exchange's has.
#include "bench/micro/measured.hpp"
#include "bench/micro/samples.hpp"
#include "kernel/http/write.hpp"

namespace {

using namespace cleat;

void write_request(benchmark::State& state, std::string_view text) {
  const bench::ParsedRequest request(text);
  Buffer out;
  out.reserve(2048);
  const http::RequestWrite how;
  const bench::Measured measured(state);
  for (auto _ : state) {
    out.clear();
    http::write_request_head(out, request.head, how);
    benchmark::DoNotOptimize(out.view().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

void write_response(benchmark::State& state, std::string_view text) {
  const bench::ParsedResponse response(text);
  Buffer out;
  out.reserve(2048);
  http::ResponseWrite how;
  how.framing = {response.head.body, response.head.content_length, false};
  const bench::Measured measured(state);
  for (auto _ : state) {
    out.clear();
    http::write_response_head(out, response.head, how);
    benchmark::DoNotOptimize(out.view().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

BENCHMARK_CAPTURE(write_request, small, bench::kSmallRequest);
BENCHMARK_CAPTURE(write_request, typical, bench::kTypicalRequest);
BENCHMARK_CAPTURE(write_response, small, bench::kSmallResponse);
BENCHMARK_CAPTURE(write_response, typical, bench::kTypicalResponse);

}  // namespace
