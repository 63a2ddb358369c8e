// Spaces of cleat.kv/1: what they keep, what they refuse, and what threads that share one see.
#include "kernel/kv.hpp"

#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

using namespace cleat::kv;

namespace {

struct Got {
  Outcome outcome;
  std::string value;
  std::uint64_t version = 0;
};

Got get(Space& space, std::string_view key) {
  Got got{};
  char buffer[256];
  std::uint64_t needed = 0;
  got.outcome = space.get(key, buffer, sizeof buffer, needed, got.version);
  if (got.outcome == Outcome::kDone) got.value.assign(buffer, std::min<std::size_t>(needed, sizeof buffer));
  return got;
}

std::vector<std::string> keys(Space& space, std::string_view prefix) {
  std::vector<std::string> all;
  char buffer[512];
  std::uint64_t needed = 0;
  std::string after;
  while (space.next(prefix, after, buffer, sizeof buffer, needed) == Outcome::kDone) all.push_back(after.assign(buffer, needed));
  return all;
}

}  // namespace

TEST_CASE("kv: what is set is there, under versions that never come twice") {
  Space space("test/one", 100'000);
  std::uint64_t first = 0, second = 0;
  CHECK(get(space, "a").outcome == Outcome::kNotFound);
  CHECK(space.set("a", "1", 0, std::nullopt, first) == Outcome::kDone);
  CHECK(get(space, "a").value == "1");
  CHECK(get(space, "a").version == first);
  CHECK(space.set("a", "2", 0, first, second) == Outcome::kDone);
  CHECK(space.set("a", "3", 0, first, first) == Outcome::kChanged);
  CHECK(space.set("a", "3", 0, 0, first) == Outcome::kChanged);
  CHECK(get(space, "a").value == "2");
  CHECK(space.remove("a", second + 100) == Outcome::kChanged);
  CHECK(space.remove("a", second) == Outcome::kDone);
  CHECK(space.remove("a", 0) == Outcome::kNotFound);
  CHECK(space.bytes() == 0);
  std::uint64_t third = 0;
  CHECK(space.set("a", "2", 0, 0, third) == Outcome::kDone);
  CHECK(third != second);
}

TEST_CASE("kv: integers are added in one step, and what is none is refused") {
  Space space("test/two", 100'000);
  std::int64_t value = 0;
  CHECK(space.add("n", 5, 0, value) == Outcome::kDone);
  CHECK(space.add("n", -7, 0, value) == Outcome::kDone);
  CHECK(value == -2);
  CHECK(get(space, "n").value == "-2");
  std::uint64_t version = 0;
  space.set("text", "5 apples", 0, std::nullopt, version);
  CHECK(space.add("text", 1, 0, value) == Outcome::kNoNumber);
  space.set("most", "9223372036854775807", 0, std::nullopt, version);
  CHECK(space.add("most", 1, 0, value) == Outcome::kNoNumber);
  CHECK(get(space, "most").value == "9223372036854775807");
  CHECK(space.bytes() == 3 * kEntryBytes + 1 + 2 + 4 + 8 + 4 + 19);
}

TEST_CASE("kv: keys are walked in their order, by prefix") {
  Space space("test/three", 100'000);
  std::uint64_t version = 0;
  for (const char* key : {"b/2", "a", "b/1", "b", "c", "b/10"}) space.set(key, "", 0, std::nullopt, version);
  CHECK(keys(space, "") == std::vector<std::string>{"a", "b", "b/1", "b/10", "b/2", "c"});
  CHECK(keys(space, "b/") == std::vector<std::string>{"b/1", "b/10", "b/2"});
  CHECK(keys(space, "d").empty());
}

TEST_CASE("kv: a full space refuses, and loses nothing that lives; what has expired makes room") {
  Space space("test/four", 10 * (kEntryBytes + 10));
  std::uint64_t version = 0;
  for (int i = 0; i < 10; ++i) REQUIRE(space.set("k" + std::to_string(i), "12345678", i < 5 ? 1 : 0, std::nullopt, version) == Outcome::kDone);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // their time to live
  CHECK(space.set("more", "123456", 0, std::nullopt, version) == Outcome::kDone);
  CHECK(get(space, "k1").outcome == Outcome::kNotFound);
  for (int i = 0; i < 4; ++i) CHECK(space.set("x" + std::to_string(i), "12345678", 0, std::nullopt, version) == Outcome::kDone);
  CHECK(space.set("one too many", "1", 0, std::nullopt, version) == Outcome::kLimit);
  for (int i = 5; i < 10; ++i) CHECK(get(space, "k" + std::to_string(i)).outcome == Outcome::kDone);
  CHECK(space.set("k5", "87654321", 0, std::nullopt, version) == Outcome::kLimit);  // the new one is reserved before the old one goes
  CHECK(space.remove("k9", 0) == Outcome::kDone);
  CHECK(space.set("k5", "87654321", 0, std::nullopt, version) == Outcome::kDone);
}

TEST_CASE("kv: spaces are shared by name, and gone with the last who uses them") {
  const std::uint64_t one = open(1001, "shared/a", 10'000);
  REQUIRE(one != 0);
  CHECK(open(1002, "shared/a", 20'000) == one);
  CHECK(open(1001, "shared/a", 10'000) == one);
  std::uint64_t version = 0;
  CHECK(Spaces::Pin(spaces(), one).get()->set("k", "v", 0, std::nullopt, version) == Outcome::kDone);
  release(1001);
  CHECK(get(*Spaces::Pin(spaces(), one).get(), "k").value == "v");
  release(1002);
  CHECK(Spaces::Pin(spaces(), one).get() == nullptr);
  const std::uint64_t again = open(1003, "shared/a", 10'000);
  CHECK(again != one);
  CHECK(get(*Spaces::Pin(spaces(), again).get(), "k").outcome == Outcome::kNotFound);
  for (std::size_t i = 1; i < kSpacesOfInstanceMax; ++i) CHECK(open(1003, "shared/" + std::to_string(i), 10'000) != 0);
  CHECK(open(1003, "shared/too many", 10'000) == 0);
  release(1003);
}

TEST_CASE("kv: threads that count together lose nothing", "[threads]") {
  Space space("test/five", 100'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&space, t] {
      std::int64_t value = 0;
      std::uint64_t version = 0;
      for (int i = 0; i < 1'000; ++i) {
        space.add("sum", 1, 0, value);
        space.set("own" + std::to_string(t), std::to_string(i), 0, std::nullopt, version);
        for (;;) {  // a counter by compare-and-set
          const Got is = get(space, "cas");
          const std::string next = std::to_string(is.value.empty() ? 1 : std::stoi(is.value) + 1);
          if (space.set("cas", next, 0, is.version, version) == Outcome::kDone) break;
        }
        get(space, "own" + std::to_string((t + 1) % 4));
        keys(space, "own");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(get(space, "sum").value == "4000");
  CHECK(get(space, "cas").value == "4000");
}
