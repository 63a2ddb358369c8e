#include "lookups.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>

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
  bool takes = true;
  dns::Lookups lookups{settings, [this](const std::string& cluster, const auto& targets) {
                         given.push_back({cluster, targets});
                         return takes;
                       }, [] { return 0u; }};

  void watch(std::uint64_t id, const char* cluster, const char* name, dns::Family family = dns::Family::kPreferV4, bool srv = false, std::uint64_t now = 0) {
    dns::Wanted wanted;
    wanted.name = name;
    wanted.port = srv ? 0 : 80;
    wanted.srv = srv;
    wanted.family = family;
    lookups.watch(id, cluster, wanted, now);
  }
  void take(Type type, const char* name, const char* address) {
    lookups.take_due(0);
    lookups.answered({name, type}, {.kind = Answer::Kind::kRecords, .records = {{address}}, .ttl_s = 60, .cut = false}, 0);
  }
};

Answer records(std::vector<dns::Record> all, std::uint32_t ttl_s = 60) {
  return {.kind = all.empty() ? Answer::Kind::kNoRecords : Answer::Kind::kRecords, .records = std::move(all), .ttl_s = ttl_s, .cut = false};
}

const Answer kNoName{.kind = Answer::Kind::kNoName, .records = {}, .ttl_s = 0, .cut = false};

}  // namespace

TEST_CASE("a cluster that wants both families gets its first list when both have been asked") {
  World w;
  w.watch(1, "app", "a.example", dns::Family::kAll);
  CHECK(w.lookups.take_due(0) == std::vector<Key>{{"a.example", Type::kA}, {"a.example", Type::kAAAA}});
  CHECK(w.lookups.take_due(0).empty());
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}, {"192.0.2.2"}}), 5);
  CHECK(w.given.empty());
  w.lookups.answered({"a.example", Type::kAAAA}, records({{"2001:db8::1"}}), 6);
  REQUIRE(w.given.size() == 1);
  CHECK(w.given[0].cluster == "app");
  CHECK(w.given[0].targets == std::vector<dns::Target>{{"192.0.2.1:80", 1}, {"192.0.2.2:80", 1}, {"[2001:db8::1]:80", 1}});
}

// AAAA queries that a server never answers held up the addresses that A had brought for all tries, 14 s by default.
TEST_CASE("a query that stalls holds up what is known no longer than the bound, and not at all where the preferred family is there") {
  World w;
  w.watch(1, "prefers", "a.example");
  w.watch(2, "all", "a.example", dns::Family::kAll);
  w.watch(3, "six", "a.example", dns::Family::kPreferV6);
  w.lookups.take_due(0);
  w.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}}, 100), 5);
  REQUIRE(w.given.size() == 1);
  CHECK(w.given[0].cluster == "prefers");
  CHECK(w.lookups.next_due_ms() == dns::Lookups::kWaitMs);
  w.lookups.take_due(dns::Lookups::kWaitMs - 1);
  CHECK(w.given.size() == 1);
  w.lookups.take_due(dns::Lookups::kWaitMs);
  REQUIRE(w.given.size() == 3);
  CHECK(w.given[2].targets == std::vector<dns::Target>{{"192.0.2.1:80", 1}});
  CHECK(w.lookups.next_due_ms() == 100'005);  // no wait is left
  w.lookups.failed({"a.example", Type::kAAAA}, 14'000);
  CHECK(w.given.size() == 3);
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
  w.lookups.unwatch(1, 0);
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
  w.lookups.unwatch(1, 0);
  CHECK(w.lookups.size() == 1);
  CHECK(w.given.size() == 1);
}

// A refused reload ended the later watch first: the earlier one was never heard again, and the later one's addresses stayed.
TEST_CASE("when the later of two watches ends first the earlier one speaks again") {
  World w;
  w.watch(1, "app", "old.example", dns::Family::kV4);
  w.take(Type::kA, "old.example", "192.0.2.1");
  w.watch(2, "app", "new.example", dns::Family::kV4);
  w.take(Type::kA, "new.example", "192.0.2.2");
  w.take(Type::kA, "old.example", "192.0.2.3");  // not given while the other one speaks
  REQUIRE(w.given.size() == 2);
  w.lookups.unwatch(2, 0);
  REQUIRE(w.given.size() == 3);
  CHECK(w.given[2].targets == std::vector<dns::Target>{{"192.0.2.3:80", 1}});
  w.take(Type::kA, "old.example", "192.0.2.4");
  REQUIRE(w.given.size() == 4);
  w.lookups.unwatch(1, 0);
  CHECK(w.lookups.size() == 0);
  CHECK(w.lookups.next_due_ms() == UINT64_MAX);
}

TEST_CASE("one that has nothing to say takes back what the later one gave") {
  World w;
  w.watch(1, "app", "old.example", dns::Family::kV4);
  w.lookups.take_due(0);
  w.lookups.failed({"old.example", Type::kA}, 0);
  w.watch(2, "app", "new.example", dns::Family::kV4);
  w.take(Type::kA, "new.example", "192.0.2.2");
  w.lookups.unwatch(2, 0);
  REQUIRE(w.given.size() == 2);
  CHECK(w.given[1].targets.empty());
}

TEST_CASE("an address is a list of one, which an earlier watch of a name does not change") {
  World w;
  w.watch(1, "app", "old.example", dns::Family::kV4);
  dns::Wanted fixed;
  fixed.address = "192.0.2.9";
  fixed.port = 80;
  w.lookups.watch(2, "app", fixed, 0);
  REQUIRE(w.given.size() == 1);
  w.take(Type::kA, "old.example", "192.0.2.1");
  REQUIRE(w.given.size() == 1);
  CHECK(w.given[0].targets == std::vector<dns::Target>{{"192.0.2.9:80", 1}});
}

TEST_CASE("a list that the host did not take is offered again") {
  World w;
  w.takes = false;
  w.watch(1, "app", "a.example", dns::Family::kV4);
  w.take(Type::kA, "a.example", "192.0.2.1");
  w.takes = true;
  w.take(Type::kA, "a.example", "192.0.2.1");
  CHECK(w.given.size() == 2);
  w.take(Type::kA, "a.example", "192.0.2.1");
  CHECK(w.given.size() == 2);
}

// In the order of their names, those that always stall took all turns of those behind them.
TEST_CASE("what has been due longest is asked for first") {
  World w;
  const auto name = [](std::uint64_t i) { return (i < 100 ? "n0" : "n") + std::to_string(i) + ".example"; };
  for (std::uint64_t i = 10; i < 210; ++i) w.watch(i, ("c" + std::to_string(i)).c_str(), name(i).c_str(), dns::Family::kV4, false, i);
  std::uint64_t now = 1'000;
  std::set<Key> asked;
  for (int round = 0; round < 4; ++round, now += 60'000) {  // longer than any back-off: all of them are due again
    const std::vector<Key> due = w.lookups.take_due(now);
    for (const Key& key : due) w.lookups.failed(key, now);
    asked.insert(due.begin(), due.end());
  }
  CHECK(asked.size() == 200);
}

TEST_CASE("queries at once are bounded") {
  World w;
  for (std::uint64_t i = 1; i <= 200; ++i) w.watch(i, ("c" + std::to_string(i)).c_str(), ("n" + std::to_string(i) + ".example").c_str(), dns::Family::kV4);
  CHECK(w.lookups.take_due(0).size() == dns::Lookups::kInFlightMax);
  CHECK(w.lookups.take_due(0).empty());
  w.lookups.failed({"n1.example", Type::kA}, 0);
  CHECK(w.lookups.take_due(0).size() == 1);
}

// A next instance, which has learnt what the last one knew.
struct Next : World {
  explicit Next(const World& last, bool fresh = true, std::uint64_t now = 1'000) { lookups.learn(last.lookups.known(), fresh, now); }
};

TEST_CASE("what was learnt makes a list at once, and is asked for again when its time has come") {
  World last;
  last.watch(1, "app", "a.example", dns::Family::kAll);
  last.take(Type::kA, "a.example", "192.0.2.1");
  last.lookups.answered({"a.example", Type::kAAAA}, records({}), 0);
  Next next(last);
  next.watch(1, "app", "a.example", dns::Family::kAll, false, 1'000);
  REQUIRE(next.given.size() == 1);
  CHECK(next.given[0].targets == std::vector<dns::Target>{{"192.0.2.1:80", 1}});
  CHECK(next.lookups.take_due(1'000).empty());
  CHECK(next.lookups.next_due_ms() == 30'000);  // ttl.none
  CHECK(next.lookups.take_due(30'000) == std::vector<Key>{{"a.example", Type::kAAAA}});
  CHECK(next.lookups.take_due(60'000) == std::vector<Key>{{"a.example", Type::kA}});
  next.lookups.failed({"a.example", Type::kA}, 60'000);
  CHECK(next.given.size() == 1);  // what was known last stays
}

TEST_CASE("what was learnt of services leads to what was learnt of their hosts") {
  World last;
  last.watch(1, "app", "_s._tcp.example", dns::Family::kV4, true);
  last.lookups.take_due(0);
  last.lookups.answered({"_s._tcp.example", Type::kSrv}, records({{"one.example", 1, 5, 80}}), 0);
  last.lookups.take_due(0);
  last.lookups.answered({"one.example", Type::kA}, records({{"192.0.2.1"}}), 0);
  Next next(last);
  next.watch(1, "app", "_s._tcp.example", dns::Family::kV4, true, 1'000);
  REQUIRE(next.given.size() == 1);
  CHECK(next.given[0].targets == std::vector<dns::Target>{{"192.0.2.1:80", 5}});
  CHECK(next.lookups.take_due(1'000).empty());
}

TEST_CASE("what was learnt from other servers is what was known last: it is asked for at once") {
  World last;
  last.watch(1, "app", "a.example", dns::Family::kV4);
  last.take(Type::kA, "a.example", "192.0.2.1");
  Next next(last, false);
  next.watch(1, "app", "a.example", dns::Family::kV4, false, 1'000);
  CHECK(next.given.size() == 1);
  CHECK(next.lookups.take_due(1'000) == std::vector<Key>{{"a.example", Type::kA}});
}

TEST_CASE("names without a good answer are not handed on, and those that fail are due at once") {
  World last;
  last.watch(1, "app", "a.example", dns::Family::kV4);
  last.watch(2, "other", "b.example", dns::Family::kV4);
  last.take(Type::kA, "a.example", "192.0.2.1");
  last.lookups.failed({"a.example", Type::kA}, 500);
  last.lookups.failed({"b.example", Type::kA}, 500);
  REQUIRE(last.lookups.known().size() == 1);
  CHECK(last.lookups.known()[0].next_ms == 0);
  Next next(last);
  next.watch(1, "app", "a.example", dns::Family::kV4, false, 1'000);
  CHECK(next.given.size() == 1);
  CHECK(next.lookups.stale() == 0);
  CHECK(next.lookups.take_due(1'000) == std::vector<Key>{{"a.example", Type::kA}});
}

TEST_CASE("what was learnt is within this instance's own bounds, and is forgotten if nobody wants it") {
  World last;
  last.watch(1, "app", "a.example", dns::Family::kV4);
  last.lookups.take_due(0);
  last.lookups.answered({"a.example", Type::kA}, records({{"192.0.2.1"}, {"192.0.2.2"}}, 300), 0);
  Next next(last, true, 0);
  next.settings.records_max = 1;
  next.settings.ttl_max = std::chrono::seconds(5);
  next.lookups.learn(last.lookups.known(), true, 0);
  next.watch(1, "app", "a.example", dns::Family::kV4);
  REQUIRE(next.given.size() == 1);
  CHECK(next.given[0].targets.size() == 1);
  CHECK(next.lookups.next_due_ms() == 5'000);

  Next late(last, true, 0);
  late.lookups.take_due(dns::Lookups::kLearntMs);
  late.watch(1, "app", "a.example", dns::Family::kV4, false, dns::Lookups::kLearntMs);
  CHECK(late.given.empty());
}
