#include "lookups.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using dns::Answer;
using dns::Key;
using dns::Type;

struct Given {
  std::string cluster;
  std::vector<dns::Target> targets;
};

struct World {
  dns::Settings settings{cleat::Config()};
  std::vector<Given> given;
  dns::Lookups lookups{settings, [this](const std::string& cluster, const auto& targets) { given.push_back({cluster, targets}); }, [] { return 0u; }};

  void watch(std::uint64_t id, const char* cluster, const char* name, dns::Family family = dns::Family::kPreferV4, bool srv = false, std::uint64_t now = 0) {
    dns::Wanted wanted;
    wanted.name = name;
    wanted.port = srv ? 0 : 80;
    wanted.srv = srv;
    wanted.family = family;
    lookups.watch(id, cluster, wanted, now);
  }
};

Answer records(std::vector<dns::Record> all, std::uint32_t ttl_s = 60) {
  return {.kind = all.empty() ? Answer::Kind::kNoRecords : Answer::Kind::kRecords, .records = std::move(all), .ttl_s = ttl_s, .cut = false};
}

const Answer kNoName{.kind = Answer::Kind::kNoName, .records = {}, .ttl_s = 0, .cut = false};

}  // namespace

TEST_CASE("a cluster gets its first list when both families have been asked") {
  World w;
  w.watch(1, "app", "a.example");
  CHECK(w.lookups.take_due(0) == std::vector<Key>{{"a.example", Type::kA}, {"a.example", Type::kAAAA}});
  CHECK(w.lookups.take_due(0).empty());
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}, {"192.0.2.2"}}), 5);
  CHECK(w.given.empty());
  w.lookups.answered({"a.example", Type::kAAAA}, records({{"2001:db8::1"}}), 6);
  REQUIRE(w.given.size() == 1);
  CHECK(w.given[0].cluster == "app");
  CHECK(w.given[0].targets == std::vector<dns::Target>{{"192.0.2.1:80", 1}, {"192.0.2.2:80", 1}});
}

TEST_CASE("families: the other one is used where the preferred has nothing, or all are") {
  World w;
  w.watch(1, "prefers", "a.example");
  w.watch(2, "all", "a.example", dns::Family::kAll);
  w.watch(3, "v4", "a.example", dns::Family::kV4);
  w.lookups.take_due(0);
  w.lookups.answered({"a.example", Type::kA}, records({}), 5);
  w.lookups.answered({"a.example", Type::kAAAA}, records({{"2001:db8::1"}}), 6);
  REQUIRE(w.given.size() == 2);  // v4 has none
  CHECK(w.given[0].targets == std::vector<dns::Target>{{"[2001:db8::1]:80", 1}});
  CHECK(w.given[1].targets == w.given[0].targets);
}

TEST_CASE("a name is asked for again when its TTL is over, within the bounds, and once for all who want it") {
  World w;
  w.watch(1, "one", "a.example", dns::Family::kV4);
  w.watch(2, "two", "a.example", dns::Family::kV4);
  CHECK(w.lookups.take_due(0).size() == 1);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}, 7), 1'000);
  CHECK(w.given.size() == 2);
  CHECK(w.lookups.next_due_ms() == 8'000);
  CHECK(w.lookups.take_due(7'999).empty());
  CHECK(w.lookups.take_due(8'000).size() == 1);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}, 0), 8'000);
  CHECK(w.lookups.next_due_ms() == 9'000);  // ttl.min
  w.lookups.take_due(9'000);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}, 1'000'000), 9'000);
  CHECK(w.lookups.next_due_ms() == 309'000);  // ttl.max
  CHECK(w.given.size() == 2);  // nothing has changed
}

TEST_CASE("what was known last stays when a name fails, is gone or has no records; it is tried again more and more seldom") {
  World w;
  w.watch(1, "app", "a.example", dns::Family::kV4);
  w.lookups.take_due(0);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}), 0);
  REQUIRE(w.given.size() == 1);
  std::uint64_t now = 60'000;
  for (const std::uint64_t wait : {500, 1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000}) {
    CHECK(w.lookups.take_due(now).size() == 1);
    w.lookups.failed({"a.example", Type::kA}, now);
    CHECK(w.lookups.next_due_ms() == now + wait);
    now += wait;
  }
  CHECK(w.lookups.stale() == 1);
  w.lookups.take_due(now);
  w.lookups.answered({"a.example", Type::kA}, kNoName, now);
  w.lookups.take_due(now + 30'000);
  w.lookups.answered({"a.example", Type::kA}, records({}), now + 30'000);
  CHECK(w.given.size() == 1);
  CHECK(w.lookups.stale() == 0);
  w.lookups.take_due(now + 60'000);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.7"}}), now + 60'000);
  REQUIRE(w.given.size() == 2);
  CHECK(w.given[1].targets == std::vector<dns::Target>{{"192.0.2.7:80", 1}});
}

TEST_CASE("SRV: the targets of the lowest priority that have addresses, with their weights and ports") {
  World w;
  w.watch(1, "app", "_h._tcp.example", dns::Family::kV4, true);
  CHECK(w.lookups.take_due(0) == std::vector<Key>{{"_h._tcp.example", Type::kSrv}});
  w.lookups.answered({"_h._tcp.example", Type::kSrv}, records({{"a.example", 20, 1, 83}, {"b.example", 10, 3, 81}, {"c.example", 10, 0, 82}}), 0);
  CHECK(w.lookups.take_due(0).size() == 3);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}), 0);
  w.lookups.answered({"b.example", Type::kA}, records({{"192.0.2.2"}}), 0);
  w.lookups.answered({"c.example", Type::kA}, records({{"192.0.2.3"}}), 0);
  REQUIRE(w.given.size() == 1);
  CHECK(w.given[0].targets == std::vector<dns::Target>{{"192.0.2.2:81", 3}, {"192.0.2.3:82", 1}});
  // The first two are gone from the answer: their names are followed no longer.
  w.lookups.take_due(60'000);
  w.lookups.answered({"_h._tcp.example", Type::kSrv}, records({{"a.example", 20, 1, 83}}), 60'000);
  CHECK(w.given.back().targets == std::vector<dns::Target>{{"192.0.2.1:83", 1}});
}

TEST_CASE("what nobody wants any longer is forgotten, also while it is being asked for") {
  World w;
  w.watch(1, "app", "a.example", dns::Family::kV4);
  w.lookups.take_due(0);
  w.lookups.unwatch(1);
  CHECK(w.lookups.size() == 1);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}), 0);
  CHECK(w.lookups.size() == 0);
  CHECK(w.given.empty());
}

TEST_CASE("of two watches of one cluster the later one speaks for it") {
  World w;
  w.watch(1, "app", "old.example", dns::Family::kV4);
  w.watch(2, "app", "new.example", dns::Family::kV4);
  w.lookups.take_due(0);
  w.lookups.answered({"old.example", Type::kA}, records({{"192.0.2.1"}}), 0);
  CHECK(w.given.empty());
  w.lookups.answered({"new.example", Type::kA}, records({{"192.0.2.2"}}), 0);
  CHECK(w.given.size() == 1);
  w.lookups.unwatch(1);
  CHECK(w.lookups.size() == 1);
}

TEST_CASE("queries at once are bounded") {
  World w;
  for (std::uint64_t i = 1; i <= 200; ++i) w.watch(i, ("c" + std::to_string(i)).c_str(), ("n" + std::to_string(i) + ".example").c_str(), dns::Family::kV4);
  CHECK(w.lookups.take_due(0).size() == dns::Lookups::kInFlightMax);
  CHECK(w.lookups.take_due(0).empty());
  w.lookups.failed({"n1.example", Type::kA}, 0);
  CHECK(w.lookups.take_due(0).size() == 1);
}
