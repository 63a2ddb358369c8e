// Series of a plugin's process: their bound, and what is gathered of them.
#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "plugin_api/ext/metrics.h"
#include "plugin_api/isolation/child/series.hpp"

namespace cleat::isolation {

TEST_CASE("over its bound a metric's further tuples share one series, whose labels are the kernel's for that") {
  const auto series = std::make_unique<Series>();
  const char* reason = "";
  series->define(7, CLEAT_COUNTER, 1, 2);
  const std::uint64_t a = series->find(7, {"a"}, reason);
  const std::uint64_t b = series->find(7, {"b"}, reason);
  const std::uint64_t c = series->find(7, {"c"}, reason);
  CHECK((a != 0 && b != 0 && c != 0 && a != b && b != c));
  CHECK(series->find(7, {"d"}, reason) == c);
  CHECK(series->find(7, {"a"}, reason) == a);
  Writer writer;
  series->write(c, writer);
  Reader reader(writer.bytes);
  CHECK(reader.number<std::uint64_t>() == c);
  CHECK(reader.number<std::uint64_t>() == 7);
  CHECK(reader.count(4) == 1);
  CHECK(reader.text() == "overflow");
  CHECK(series->kind(c) == CLEAT_COUNTER);
  CHECK(series->kind(c + 1) == 0);
  CHECK(series->find(7, {"a", "b"}, reason) == 0);
  CHECK(std::string(reason) == "the metric has another number of labels");
  CHECK(series->find(8, {}, reason) == 0);
  CHECK(series->find(7, {std::string(1025, 'x')}, reason) == 0);
}

TEST_CASE("what is added to a series is told as one sum, observations one by one, and no sum leaves 64 bits") {
  Gathered gathered;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  gathered.add(1, 5);
  gathered.observe(2, 9);
  gathered.add(1, -2);
  gathered.observe(2, 9);
  gathered.add(3, kMost);
  gathered.add(3, 1);
  gathered.add(3, 1);
  REQUIRE(gathered.entries().size() == 5);
  CHECK(gathered.entries()[0].value == 3);
  CHECK(gathered.entries()[3].value == kMost);
  CHECK(gathered.entries()[4].value == 2);
  gathered.clear();
  CHECK(gathered.empty());
  gathered.add(1, 1);
  CHECK(gathered.entries()[0].value == 1);
}

}  // namespace cleat::isolation
