#include "kernel/base/metrics.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

using namespace cleat;
using namespace cleat::metrics;
using Catch::Matchers::ContainsSubstring;

namespace {

MetricId define_or_fail(const Definition& definition) {
  auto id = define(definition);
  REQUIRE(id.ok());
  return *id;
}

SeriesId series_or_fail(MetricId metric, const std::vector<std::string_view>& values) {
  auto id = series(metric, values);
  REQUIRE(id.ok());
  return *id;
}

std::string define_error(const Definition& definition) {
  const auto id = define(definition);
  return id.ok() ? "defined" : id.error();
}

Definition counter(std::string name, std::vector<std::string> labels = {}) { return {Kind::kCounter, std::move(name), "help", std::move(labels), {}, 1000}; }

}  // namespace

TEST_CASE("metrics of one definition are one metric, of contradicting ones none") {
  const MetricId first = define_or_fail(counter("m_same", {"a"}));
  CHECK(define_or_fail(counter("m_same", {"a"})) == first);
  CHECK_THAT(define_error(counter("m_same", {"b"})), ContainsSubstring("m_same is defined already, with other labels"));
  Definition gauge = counter("m_same", {"a"});
  gauge.kind = Kind::kGauge;
  CHECK_THAT(define_error(gauge), ContainsSubstring("another kind"));
  const Definition times{Kind::kHistogram, "m_times", "", {}, {1, 2}, 10};
  Definition other = times;
  other.bounds = {1, 3};
  define_or_fail(times);
  CHECK_THAT(define_error(other), ContainsSubstring("other bounds"));
}

TEST_CASE("metrics refuse definitions that make no sense") {
  CHECK_THAT(define_error(counter("")), ContainsSubstring("a name is"));
  CHECK_THAT(define_error(counter("1a")), ContainsSubstring("a name is"));
  CHECK_THAT(define_error(counter("m_bad", {"__a"})), ContainsSubstring("label \"__a\""));
  CHECK_THAT(define_error(counter("m_bad", {"a:b"})), ContainsSubstring("a label is"));
  CHECK_THAT(define_error(counter("m_bad", {"a", "a"})), ContainsSubstring("twice"));
  CHECK_THAT(define_error(counter("m_bad", {"a", "b", "c", "d", "e", "f", "g", "h", "i"})), ContainsSubstring("more than 8"));
  CHECK_THAT(define_error({Kind::kCounter, "m_bad", "", {}, {1}, 1}), ContainsSubstring("only a histogram"));
  CHECK_THAT(define_error({Kind::kHistogram, "m_bad", "", {}, {2, 2}, 1}), ContainsSubstring("ascend"));
  CHECK_THAT(define_error({Kind::kHistogram, "m_bad", "", {"le"}, {}, 1}), ContainsSubstring("le"));
  CHECK(define(counter("m:good_1", {"good_1"})).ok());
}

TEST_CASE("metrics count in series of their own") {
  const MetricId metric = define_or_fail(counter("m_series", {"a", "b"}));
  const SeriesId one = series_or_fail(metric, {"x", "yz"});
  const SeriesId two = series_or_fail(metric, {"xy", "z"});
  CHECK(one != two);
  CHECK(series_or_fail(metric, {"x", "yz"}) == one);
  add(one, 5);
  add(one, 2);
  CHECK(value(one) == 7);
  CHECK(value(two) == 0);
  CHECK(kind(one) == Kind::kCounter);
  CHECK_FALSE(series(metric, {"x"}).ok());
  CHECK_FALSE(series(0, {}).ok());
  CHECK_FALSE(series(1'000'000, {}).ok());
  CHECK_FALSE(series(metric, {"x", std::string(2000, 'v')}).ok());
}

TEST_CASE("metrics over their bound of series share one") {
  Definition definition = counter("m_bounded", {"who"});
  definition.series_max = 2;
  const MetricId metric = define_or_fail(definition);
  const SeriesId a = series_or_fail(metric, {"a"});
  const SeriesId b = series_or_fail(metric, {"b"});
  const SeriesId c = series_or_fail(metric, {"c"});
  CHECK(c != a);
  CHECK(c != b);
  CHECK(series_or_fail(metric, {"d"}) == c);
  CHECK(series_or_fail(metric, {"overflow"}) == c);  // not a second series of the same labels
  CHECK(series_or_fail(metric, {"a"}) == a);
}

TEST_CASE("metrics histograms put each value where it belongs") {
  const MetricId metric = define_or_fail({Kind::kHistogram, "m_histogram", "", {}, {10, 100}, 10});
  const SeriesId series = series_or_fail(metric, {});
  for (const std::uint64_t v : {0, 10, 11, 100, 101, 5000}) observe(series, v);
  bool seen = false;
  visit([&](const View& view) {
    if (view.definition->name != "m_histogram") return;
    seen = true;
    CHECK(view.value == 5222);
    CHECK(view.buckets == std::vector<std::uint64_t>{2, 2, 2});
  });
  CHECK(seen);
}

TEST_CASE("metrics visits group series by name, and may define more") {
  const MetricId metric = define_or_fail(counter("m_group", {"n"}));
  series_or_fail(metric, {"1"});
  define_or_fail(counter("m_between"));
  series_or_fail(metric, {"2"});
  std::string before;
  std::vector<std::string> seen;
  visit([&](const View& view) {
    CHECK(before <= view.definition->name);
    before = view.definition->name;
    if (before == "m_group") seen.push_back(view.label_values->at(0));
    CHECK(define(counter("m_in_visit")).ok());
  });
  CHECK(seen == std::vector<std::string>{"1", "2"});
}

TEST_CASE("metrics ids that were never given are not valid") {
  const SeriesId good = series_or_fail(define_or_fail(counter("m_valid")), {});
  CHECK(valid(good));
  CHECK_FALSE(valid(0));
  CHECK_FALSE(valid(good + 1));
  CHECK_FALSE(valid(good ^ SeriesId{1} << 24));
  CHECK_FALSE(valid(good + (SeriesId{1} << 62)));
  CHECK_FALSE(valid(~SeriesId{0}));
}

TEST_CASE("metrics need many cells, and none moves") {
  const MetricId metric = define_or_fail({Kind::kHistogram, "m_many", "", {"n"}, std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}, 2000});
  std::vector<SeriesId> all;
  for (int i = 0; i < 1500; ++i) {
    all.push_back(series_or_fail(metric, {std::to_string(i)}));
    observe(all.back(), static_cast<std::uint64_t>(i));
  }
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(value(all[i]) == static_cast<std::int64_t>(i));
}

TEST_CASE("metrics lose nothing between threads with and without a shard", "[threads]") {
  const MetricId metric = define_or_fail(counter("m_threads", {"n"}));
  const SeriesId total = series_or_fail(metric, {"total"});
  const SeriesId histogram = series_or_fail(define_or_fail({Kind::kHistogram, "m_threads_us", "", {}, {10}, 10}), {});
  constexpr int kEach = 20'000;
  std::atomic<int> running{6};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      // 0..2 have shards; 3 wants one that 2 has, and so shares as 4 and 5 do.
      if (i < 3) set_thread_shard(i);
      if (i == 3) set_thread_shard(2);
      for (int n = 0; n < kEach; ++n) {
        add(total, 1);
        observe(histogram, static_cast<std::uint64_t>(n % 20));
        if (n % 1000 == 0) add(series_or_fail(metric, {std::to_string(n)}), 1);
      }
      running.fetch_sub(1);
    });
  }
  std::int64_t last = 0;
  while (running.load() != 0) {
    const std::int64_t now = value(total);
    CHECK(now >= last);
    last = now;
    visit([](const View&) {});
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(value(total) == 6 * kEach);
  visit([&](const View& view) {
    if (view.definition->name == "m_threads_us") CHECK(view.buckets == std::vector<std::uint64_t>{6 * kEach * 11 / 20, 6 * kEach * 9 / 20});
  });
}

TEST_CASE("metrics shards pass to the next thread of that number", "[threads]") {
  const SeriesId series = series_or_fail(define_or_fail(counter("m_next")), {});
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      set_thread_shard(7);
      add(series, 1);
    }).join();
  }
  CHECK(value(series) == 3);
}
