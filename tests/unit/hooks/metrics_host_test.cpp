#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>
#include <thread>

#include "kernel/hooks/instance.hpp"

using namespace cleat::hooks;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string last_error() {
  char buffer[256];
  std::uint64_t needed = 0;
  error_text(buffer, sizeof buffer, &needed);
  return {buffer, needed};
}

// A definition that is right; tests break one thing at a time.
struct Definition {
  cleat_str labels[2] = {to_str("code"), to_str("method")};
  std::uint64_t bounds[3] = {10, 100, 1000};
  cleat_metric_def def{sizeof(cleat_metric_def), CLEAT_COUNTER, to_str("host_test_total"), to_str("help"), labels, 2, nullptr, 0, 0};
};

}  // namespace

TEST_CASE("metrics are defined, resolved, added to and visited through the table") {
  set_control_thread();
  Instance self;
  Definition counter;
  std::uint64_t metric = 0;
  REQUIRE(kHostMetrics.define(self.handle, &counter.def, &metric) == CLEAT_OK);
  std::uint64_t again = 0;
  REQUIRE(kHostMetrics.define(self.handle, &counter.def, &again) == CLEAT_OK);
  CHECK(metric == again);
  const cleat_str values[2] = {to_str("200"), to_str("GET")};
  cleat_series series = 0;
  REQUIRE(kHostMetrics.series(metric, values, 2, &series) == CLEAT_OK);
  CHECK(kHostMetrics.add(series, 3) == CLEAT_OK);
  CHECK(kHostMetrics.add(series, -1) == CLEAT_INVALID);
  CHECK(kHostMetrics.observe(series, 1) == CLEAT_INVALID);

  Definition times;
  times.def.kind = CLEAT_HISTOGRAM;
  times.def.name = to_str("host_test_us");
  times.def.label_count = 0;
  times.def.bounds = times.bounds;
  times.def.bound_count = 3;
  REQUIRE(kHostMetrics.define(self.handle, &times.def, &metric) == CLEAT_OK);
  REQUIRE(kHostMetrics.series(metric, nullptr, 0, &series) == CLEAT_OK);
  CHECK(kHostMetrics.observe(series, 50) == CLEAT_OK);
  CHECK(kHostMetrics.add(series, 1) == CLEAT_INVALID);

  std::map<std::string, std::string> seen;
  REQUIRE(kHostMetrics.visit(
              [](void* user, const cleat_metric_view* view) {
                std::string text = std::to_string(view->value);
                for (std::uint64_t i = 0; i < view->label_count; ++i) {
                  text.append(" ").append(to_view(view->labels[i].name)).append("=").append(to_view(view->labels[i].value));
                }
                for (std::uint64_t i = 0; view->kind == CLEAT_HISTOGRAM && i <= view->bound_count; ++i) {
                  text += " " + std::to_string(view->buckets[i]);
                }
                (*static_cast<std::map<std::string, std::string>*>(user))[std::string(to_view(view->name))] = text;
              },
              &seen) == CLEAT_OK);
  CHECK(seen["host_test_total"] == "3 code=200 method=GET");
  CHECK(seen["host_test_us"] == "50 0 1 0 0");
}

TEST_CASE("metrics of the table refuse what a plugin gets wrong") {
  set_control_thread();
  Instance self;
  std::uint64_t metric = 0;
  Definition good;
  CHECK(kHostMetrics.define(12345, &good.def, &metric) == CLEAT_STALE);
  CHECK(kHostMetrics.define(self.handle, nullptr, &metric) == CLEAT_INVALID);
  CHECK(kHostMetrics.define(self.handle, &good.def, nullptr) == CLEAT_INVALID);
  const auto refused = [&](auto change) {
    Definition definition;
    definition.def.name = to_str("host_test_refused");
    change(definition.def);
    CHECK(kHostMetrics.define(self.handle, &definition.def, &metric) == CLEAT_INVALID);
    return last_error();
  };
  CHECK_THAT(refused([](auto& def) { def.size = 8; }), ContainsSubstring("size is too small"));
  CHECK_THAT(refused([](auto& def) { def.kind = 9; }), ContainsSubstring("no such kind"));
  CHECK_THAT(refused([](auto& def) { def.name = to_str("a-b"); }), ContainsSubstring("a name is"));
  CHECK_THAT(refused([](auto& def) { def.labels = nullptr; }), ContainsSubstring("NULL"));
  CHECK_THAT(refused([](auto& def) { def.label_count = 1'000'000; }), ContainsSubstring("more than 8"));
  CHECK_THAT(refused([](auto& def) { def.bound_count = 3; }), ContainsSubstring("NULL"));
  const cleat_str twice[2] = {to_str("a"), to_str("a")};
  CHECK_THAT(refused([&](auto& def) { def.labels = twice; }), ContainsSubstring("twice"));
  std::thread([&] { CHECK(kHostMetrics.define(self.handle, &good.def, &metric) == CLEAT_WRONG_THREAD); }).join();
  cleat_series series = 0;
  CHECK(kHostMetrics.series(999'999, nullptr, 0, &series) == CLEAT_INVALID);
  for (const cleat_series forged : {cleat_series{0}, cleat_series{1}, ~cleat_series{0}, cleat_series{1} << 32}) {
    CHECK(kHostMetrics.add(forged, 1) == CLEAT_STALE);
    CHECK(kHostMetrics.observe(forged, 1) == CLEAT_STALE);
  }
}

TEST_CASE("metrics definitions longer than this host's are taken if the rest is zero") {
  set_control_thread();
  Instance self;
  struct Longer {
    cleat_metric_def def;
    std::uint64_t more = 0;
  } longer{Definition{}.def};
  longer.def.size = sizeof longer;
  longer.def.name = to_str("host_test_longer");
  longer.def.label_count = 0;
  std::uint64_t metric = 0;
  CHECK(kHostMetrics.define(self.handle, &longer.def, &metric) == CLEAT_OK);
  longer.more = 1;
  CHECK(kHostMetrics.define(self.handle, &longer.def, &metric) == CLEAT_INVALID);
  CHECK_THAT(last_error(), ContainsSubstring("sets fields that this host does not know"));
}

TEST_CASE("metadata keys are numbers, the same for everyone") {
  set_control_thread();
  std::uint32_t one = 0, same = 0, other = 0;
  CHECK(metadata_key(to_str("api_key.owner"), &one) == CLEAT_OK);
  CHECK(metadata_key(to_str("api_key.owner"), &same) == CLEAT_OK);
  CHECK(metadata_key(to_str("jwt.subject"), &other) == CLEAT_OK);
  CHECK(one != 0);
  CHECK(one == same);
  CHECK(one != other);
  CHECK(metadata_key(to_str(""), &one) == CLEAT_INVALID);
  CHECK(metadata_key(to_str("Upper"), &one) == CLEAT_INVALID);
  CHECK(metadata_key(to_str(std::string(65, 'a')), &one) == CLEAT_INVALID);
  CHECK(metadata_key(to_str("a"), nullptr) == CLEAT_INVALID);
  std::thread([] {
    std::uint32_t key = 0;
    CHECK(metadata_key(to_str("a"), &key) == CLEAT_WRONG_THREAD);
  }).join();
  cleat_status status = CLEAT_OK;
  for (int i = 0; i <= 4096 && status == CLEAT_OK; ++i) status = metadata_key(to_str("many." + std::to_string(i)), &other);
  CHECK(status == CLEAT_LIMIT);
  CHECK(metadata_key(to_str("jwt.subject"), &other) == CLEAT_OK);
}
