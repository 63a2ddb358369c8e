#include "state.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using dns::Type;

constexpr std::size_t kMany = 1'000'000;

const dns::State kState{"127.0.0.1:53 ",
                        {{"a.example", Type::kA, {{"192.0.2.1"}, {"192.0.2.2"}}, 12'345},
                         {"a.example", Type::kAAAA, {}, UINT64_MAX},
                         {"b.example", Type::kAAAA, {{"2001:db8::1"}}, 0},
                         {"_http._tcp.example", Type::kSrv, {{"one.example", 10, 5, 80}, {"two.example", 20, 0, 81}}, 7}}};

std::string encoded(const dns::Known& one) { return dns::encode({"", {one}}, kMany); }

}  // namespace

TEST_CASE("a state is read as it was written") {
  const std::optional<dns::State> read = dns::decode(dns::encode(kState, kMany));
  REQUIRE(read.has_value());
  CHECK(read->servers == kState.servers);
  CHECK(read->names == kState.names);
  CHECK(dns::decode(dns::encode({}, kMany)).has_value());
}

TEST_CASE("names that do not fit are left out of a state") {
  const std::string all = dns::encode(kState, kMany);
  CHECK(dns::encode(kState, all.size()) == all);
  const std::optional<dns::State> less = dns::decode(dns::encode(kState, all.size() - 1));
  REQUIRE(less.has_value());
  CHECK(less->names.size() == kState.names.size() - 1);
}

TEST_CASE("a state that was cut off is none, but between two names") {
  const std::string all = dns::encode(kState, kMany);
  std::size_t whole = 0;
  for (std::size_t size = 0; size < all.size(); ++size) {
    if (const std::optional<dns::State> read = dns::decode(std::string_view(all).substr(0, size))) {
      CHECK(read->names.size() == whole);
      ++whole;
    }
  }
  CHECK(whole == kState.names.size());
}

TEST_CASE("a state with what no answer would have told is none") {
  const dns::Known good{"a.example", Type::kA, {{"192.0.2.1"}}, 1};
  CHECK(dns::decode(encoded(good)).has_value());
  const auto refused = [&](auto change) {
    dns::Known bad = good;
    change(bad);
    return !dns::decode(encoded(bad)).has_value();
  };
  CHECK(refused([](dns::Known& one) { one.name = ""; }));
  CHECK(refused([](dns::Known& one) { one.name = "A.example"; }));
  CHECK(refused([](dns::Known& one) { one.name = "a..example"; }));
  CHECK(refused([](dns::Known& one) { one.type = static_cast<Type>(5); }));
  CHECK(refused([](dns::Known& one) { one.type = Type::kAAAA; }));
  CHECK(refused([](dns::Known& one) { one.records[0].address = "2001:db8::1"; }));
  CHECK(refused([](dns::Known& one) { one.records[0].address = "192.0.2.01"; }));
  CHECK(refused([](dns::Known& one) { one.records[0].address = ""; }));
  CHECK(refused([](dns::Known& one) { one.type = Type::kSrv, one.records[0] = {"one.example", 1, 1, 0}; }));
  CHECK(refused([](dns::Known& one) { one.type = Type::kSrv, one.records[0] = {"One.example", 1, 1, 80}; }));
  CHECK_FALSE(dns::decode("\xff\xff").has_value());
  CHECK_FALSE(dns::decode(encoded(good) + "x").has_value());
}
