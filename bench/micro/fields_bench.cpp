// A head's list of fields, of the nine that a typical request has: found by a known name, by another, not at all; added, replaced, removed.
#include "bench/micro/measured.hpp"
#include "bench/micro/samples.hpp"

namespace {

using namespace cleat;

template <class Key>
void fields_find(benchmark::State& state, Key key) {
  const bench::ParsedRequest request(bench::kTypicalRequest);
  const bench::Measured measured(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(key);
    benchmark::DoNotOptimize(request.head.fields.find(key));
  }
}

// A copy of the list shares its array, in which there is room for more: assigning it takes back what was added to the other.
void fields_add(benchmark::State& state) {
  bench::ParsedRequest request(bench::kTypicalRequest);
  http::Fields& fields = request.head.fields;
  for (int i = 0; i < 4; ++i) fields.add(request.arena, {"x-more", "1"});
  fields.remove("x-more");
  const http::Fields before = fields;
  const bench::Measured measured(state);
  for (auto _ : state) {
    fields = before;
    benchmark::DoNotOptimize(fields.add(request.arena, {"x-added", "1"}));
  }
}

void fields_set(benchmark::State& state) {
  bench::ParsedRequest request(bench::kTypicalRequest);
  http::Fields& fields = request.head.fields;
  const http::Fields before = fields;
  const bench::Measured measured(state);
  for (auto _ : state) {
    fields = before;
    fields.remove("traceparent");
    benchmark::DoNotOptimize(fields.add(request.arena, {"traceparent", "00-1-2-01"}));
  }
}

void fields_remove(benchmark::State& state, std::string_view name) {
  bench::ParsedRequest request(bench::kTypicalRequest);
  http::Fields& fields = request.head.fields;
  const http::Fields before = fields;
  const bench::Measured measured(state);
  for (auto _ : state) {
    fields = before;
    benchmark::DoNotOptimize(fields.remove(name));
  }
}

BENCHMARK_CAPTURE(fields_find, known, http::Name::kHost);
BENCHMARK_CAPTURE(fields_find, name, std::string_view("cookie"));
BENCHMARK_CAPTURE(fields_find, missing, std::string_view("x-missing"));
BENCHMARK(fields_add);
BENCHMARK(fields_set);
BENCHMARK_CAPTURE(fields_remove, last, std::string_view("cookie"));
BENCHMARK_CAPTURE(fields_remove, missing, std::string_view("x-missing"));

}  // namespace
