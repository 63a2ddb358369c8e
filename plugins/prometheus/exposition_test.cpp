#include "exposition.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace prometheus;

namespace {

cleat_str str(std::string_view text) { return {text.data(), text.size()}; }

struct Series {
  std::string name;
  std::string help = "Help";
  std::uint32_t kind = CLEAT_COUNTER;
  std::vector<std::pair<std::string, std::string>> labels = {};
  std::int64_t value = 0;
  std::vector<std::uint64_t> bounds = {}, buckets = {};
};

void add(Exposition& to, const Series& one) {
  std::vector<cleat_header> labels;
  for (const auto& [name, value] : one.labels) labels.push_back({str(name), str(value)});
  const cleat_metric_view view = {sizeof(cleat_metric_view), one.kind,           str(one.name),      str(one.help),        labels.data(),
                                  labels.size(),             one.value,          one.bounds.data(),  one.buckets.data(),   one.bounds.size()};
  to.add(view);
}

std::string text(const std::vector<Series>& all, Format format = Format::kText, const Limits& limits = {}) {
  Exposition made(format, limits);
  for (const Series& one : all) add(made, one);
  return made.finish();
}

}  // namespace

TEST_CASE("exposition says a family's type and help once") {
  CHECK(text({{.name = "a_total", .labels = {{"x", "1"}}, .value = 5}, {.name = "a_total", .labels = {{"x", "2"}}}, {.name = "b", .kind = CLEAT_GAUGE, .value = -3}}) ==
        "# HELP a_total Help\n# TYPE a_total counter\na_total{x=\"1\"} 5\na_total{x=\"2\"} 0\n"
        "# HELP b Help\n# TYPE b gauge\nb -3\n");
}

TEST_CASE("exposition cumulates histograms") {
  CHECK(text({{.name = "h", .kind = CLEAT_HISTOGRAM, .labels = {{"x", "1"}}, .value = 33, .bounds = {5, 10}, .buckets = {1, 0, 2}}}) ==
        "# HELP h Help\n# TYPE h histogram\n"
        "h_bucket{x=\"1\",le=\"5.0\"} 1\nh_bucket{x=\"1\",le=\"10.0\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 3\nh_sum{x=\"1\"} 33\nh_count{x=\"1\"} 3\n");
}

TEST_CASE("exposition shows times in seconds") {
  CHECK(text({{.name = "t_microseconds_total", .value = 1'500'000}}) == "# HELP t_seconds_total Help\n# TYPE t_seconds_total counter\nt_seconds_total 1.5\n");
  CHECK(text({{.name = "t_nanoseconds", .kind = CLEAT_HISTOGRAM, .value = 63, .bounds = {63}, .buckets = {1, 0}}}) ==
        "# HELP t_seconds Help\n# TYPE t_seconds histogram\nt_seconds_bucket{le=\"0.000000063\"} 1\nt_seconds_bucket{le=\"+Inf\"} 1\n"
        "t_seconds_sum 0.000000063\nt_seconds_count 1\n");
  unsigned scale = 0;
  CHECK(base_unit("x_milliseconds", scale) == "x_seconds");
  CHECK(scale == 3);
  CHECK(base_unit("milliseconds_x", scale) == "milliseconds_x");
  CHECK(scale == 0);
  CHECK(decimal(0, 6) == "0");
  CHECK(decimal(1, 6) == "0.000001");
  CHECK(decimal(-1'500, 3) == "-1.5");
  CHECK(decimal(2'000'000, 6) == "2");
  CHECK(decimal(INT64_MIN, 0) == "-9223372036854775808");
}

TEST_CASE("exposition escapes labels and help") {
  CHECK(text({{.name = "a", .help = "b\\c\nd\"", .kind = CLEAT_GAUGE, .labels = {{"x", "\"\\\n\xc3\xa9\xff"}}}}) ==
        "# HELP a b\\\\c\\nd\"\n# TYPE a gauge\na{x=\"\\\"\\\\\\n\xc3\xa9\\\\xff\"} 0\n");
  for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    std::string out;
    append_escaped(out, bad, true);
    CHECK(out.starts_with("\\\\x"));
  }
  std::string whole;
  append_escaped(whole, "\xe2\x82\xac\xf0\x9f\x98\x80", true);
  CHECK(whole == "\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST_CASE("exposition in OpenMetrics names counters by their family and ends") {
  CHECK(text({{.name = "a_total", .value = 5}, {.name = "b", .value = 1}, {.name = "c", .kind = CLEAT_GAUGE}}, Format::kOpenMetrics) ==
        "# HELP a Help\n# TYPE a counter\na_total 5\n# HELP b Help\n# TYPE b counter\nb_total 1\n# HELP c Help\n# TYPE c gauge\nc 0\n# EOF\n");
}

TEST_CASE("exposition leaves out families whose names are taken") {
  const Limits limits;
  Exposition kept(Format::kText, limits);
  add(kept, {.name = "h", .kind = CLEAT_HISTOGRAM, .bounds = {1}, .buckets = {0, 0}});
  add(kept, {.name = "h_count"});
  add(kept, {.name = "t_milliseconds", .kind = CLEAT_GAUGE});
  add(kept, {.name = "t_seconds", .kind = CLEAT_GAUGE});
  add(kept, {.name = "h"});
  CHECK(kept.series() == 2);
  CHECK(kept.dropped() == 3);
}

TEST_CASE("exposition bounds its series, and drops families that are not wanted") {
  const Limits limits{.series_max = 2, .drop = {"noise_", "t_seconds"}};
  Exposition made(Format::kText, limits);
  add(made, {.name = "noise_a"});
  add(made, {.name = "t_milliseconds"});
  for (const char* value : {"1", "2", "3"}) add(made, {.name = "a", .labels = {{"x", value}}});
  add(made, {.name = "b"});
  CHECK(made.series() == 2);
  CHECK(made.dropped() == 4);
  CHECK(made.finish() == "# HELP a Help\n# TYPE a counter\na{x=\"1\"} 0\na{x=\"2\"} 0\n");
}

TEST_CASE("negotiate gives OpenMetrics to who wants it most") {
  CHECK(negotiate("") == Format::kText);
  CHECK(negotiate("*/*") == Format::kText);
  CHECK(negotiate("application/openmetrics-text") == Format::kOpenMetrics);
  CHECK(negotiate("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1") ==
        Format::kOpenMetrics);
  CHECK(negotiate("text/plain, Application/OpenMetrics-Text; q=0.5") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;q=0") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;version=9.0.0") == Format::kText);
  CHECK(negotiate(";;,,=;q") == Format::kText);
}
