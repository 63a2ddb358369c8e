#include "kernel/hooks/config_host.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>
#include <thread>

#include "kernel/hooks/instance.hpp"

using namespace cleat;
using hooks::kHostConfig;
using hooks::to_str;
using hooks::to_view;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Reading {
  config::Diagnostics diagnostics{"/etc/cleat/test.yaml"};
  config::Document document;
  std::unique_ptr<hooks::ConfigCall> call;
  cleat_config root = 0;

  explicit Reading(const std::string& yaml) {
    document = config::parse_document(yaml, diagnostics);
    REQUIRE(document.root != nullptr);
    call = std::make_unique<hooks::ConfigCall>(document.root.get(), nullptr, diagnostics);
    root = call->root();
  }
  cleat_config get(std::string_view key) {
    cleat_config node = 0;
    REQUIRE(kHostConfig.get(root, to_str(key), &node) == CLEAT_OK);
    return node;
  }
};

}  // namespace

TEST_CASE("config gives scalars in every form") {
  Reading reading("{text: hello, integer: -3, number: 1.5, boolean: true, duration: 2s, bytes: 16KiB, path: keys/a.pem, absolute: /k}");
  cleat_str text;
  REQUIRE(kHostConfig.text(reading.get("text"), &text) == CLEAT_OK);
  CHECK(to_view(text) == "hello");
  std::int64_t integer = 0;
  CHECK(kHostConfig.integer(reading.get("integer"), -5, 5, &integer) == CLEAT_OK);
  CHECK(integer == -3);
  double number = 0;
  CHECK(kHostConfig.number(reading.get("number"), &number) == CLEAT_OK);
  CHECK(number == 1.5);
  std::uint32_t boolean = 7;
  CHECK(kHostConfig.boolean(reading.get("boolean"), &boolean) == CLEAT_OK);
  CHECK(boolean == 1);
  std::uint64_t count = 0;
  CHECK(kHostConfig.duration_ms(reading.get("duration"), &count) == CLEAT_OK);
  CHECK(count == 2000);
  CHECK(kHostConfig.bytes(reading.get("bytes"), &count) == CLEAT_OK);
  CHECK(count == 16'384);
  REQUIRE(kHostConfig.path(reading.get("path"), &text) == CLEAT_OK);
  CHECK(to_view(text) == "/etc/cleat/keys/a.pem");
  REQUIRE(kHostConfig.path(reading.get("absolute"), &text) == CLEAT_OK);
  CHECK(to_view(text) == "/k");
  CHECK(reading.call->accept());
}

TEST_CASE("config records what is out of form, and lets the plugin read on") {
  Reading reading("{integer: 12, boolean: maybe, duration: soon, list: [1]}");
  std::int64_t integer = 99;
  CHECK(kHostConfig.integer(reading.get("integer"), 0, 10, &integer) == CLEAT_INVALID);
  CHECK(integer == 99);
  std::uint32_t boolean = 7;
  CHECK(kHostConfig.boolean(reading.get("boolean"), &boolean) == CLEAT_INVALID);
  std::uint64_t duration = 7;
  CHECK(kHostConfig.duration_ms(reading.get("duration"), &duration) == CLEAT_INVALID);
  cleat_config node = 0;
  CHECK(kHostConfig.get(reading.get("list"), to_str("x"), &node) == CLEAT_INVALID);
  CHECK(kHostConfig.error(reading.get("list"), to_str("no lists on Mondays")) == CLEAT_OK);
  CHECK(reading.diagnostics.count() == 5);
  CHECK_THAT(reading.diagnostics.text(), ContainsSubstring("list: no lists on Mondays"));
  CHECK_FALSE(reading.call->accept());
}

TEST_CASE("config walks lists and maps in file order, and `at` counts as asking") {
  Reading reading("{b: 1, a: [x, y]}");
  std::uint64_t count = 0;
  CHECK(kHostConfig.count(reading.root, &count) == CLEAT_OK);
  CHECK(count == 2);
  cleat_str key;
  cleat_config node = 0;
  CHECK(kHostConfig.at(reading.root, 0, &key, &node) == CLEAT_OK);
  CHECK(to_view(key) == "b");
  CHECK(kHostConfig.at(reading.root, 1, nullptr, &node) == CLEAT_OK);
  std::uint32_t type = 9;
  CHECK(kHostConfig.type(node, &type) == CLEAT_OK);
  CHECK(type == CLEAT_CONFIG_LIST);
  cleat_config second = 0;
  CHECK(kHostConfig.at(node, 1, &key, &second) == CLEAT_OK);
  CHECK(key.size == 0);
  CHECK(kHostConfig.at(node, 2, &key, &second) == CLEAT_NOT_FOUND);
  CHECK(kHostConfig.count(second, &count) == CLEAT_INVALID);  // a scalar
  CHECK(reading.diagnostics.count() == 1);
}

TEST_CASE("config of an instance that has none reads as an empty map") {
  config::Diagnostics diagnostics("test.yaml");
  hooks::ConfigCall call(nullptr, nullptr, diagnostics);
  std::uint32_t type = 9;
  CHECK(kHostConfig.type(call.root(), &type) == CLEAT_OK);
  CHECK(type == CLEAT_CONFIG_NULL);
  cleat_config node = 0;
  CHECK(kHostConfig.get(call.root(), to_str("key"), &node) == CLEAT_NOT_FOUND);
  std::uint64_t count = 9;
  CHECK(kHostConfig.count(call.root(), &count) == CLEAT_OK);
  CHECK(count == 0);
  CHECK(call.accept());
  cleat_str text;
  CHECK(kHostConfig.text(call.root(), &text) == CLEAT_INVALID);
  CHECK(call.failed());
}

TEST_CASE("config shows a subtree as JSON and counts it as asked for") {
  Reading reading("{rules: {deny: [1, \"2\", true]}}");
  cleat_str text;
  REQUIRE(kHostConfig.json(reading.get("rules"), &text) == CLEAT_OK);
  CHECK(to_view(text) == R"({"deny":[1,"2",true]})");
  CHECK(reading.call->accept());
}

TEST_CASE("config reports keys that nobody asked for, and values that nobody looked at") {
  Reading keys("{isuer: b}");
  cleat_config node = 0;
  CHECK(kHostConfig.get(keys.root, to_str("issuer"), &node) == CLEAT_NOT_FOUND);
  CHECK_FALSE(keys.call->accept());
  CHECK_THAT(keys.diagnostics.text(), ContainsSubstring("did you mean \"issuer\""));
  Reading list("[1, 2]");
  CHECK_FALSE(list.call->accept());
  CHECK_THAT(list.diagnostics.text(), ContainsSubstring("reads no configuration"));
}

TEST_CASE("config nodes are stale after the call, foreign on another thread, and never followed") {
  Reading reading("{a: {b: 1}}");
  const cleat_config node = reading.get("a");
  std::uint32_t type = 0;
  std::thread([&] {
    std::uint32_t other = 0;
    CHECK(kHostConfig.type(node, &other) == CLEAT_WRONG_THREAD);
  }).join();
  CHECK(kHostConfig.type(node + 1, &type) == CLEAT_INVALID);
  CHECK(kHostConfig.type(0, &type) == CLEAT_STALE);
  CHECK(kHostConfig.type(std::numeric_limits<cleat_config>::max(), &type) == CLEAT_STALE);
  CHECK(kHostConfig.type(node, nullptr) == CLEAT_INVALID);
  CHECK(kHostConfig.get(node, cleat_str{nullptr, 3}, nullptr) == CLEAT_INVALID);
  {
    Reading inner("{c: 1}");  // a call inside a call: both are readable
    CHECK(kHostConfig.type(node, &type) == CLEAT_OK);
    inner.get("c");
  }
  reading.call.reset();
  reading.document.root.reset();
  CHECK(kHostConfig.type(node, &type) == CLEAT_STALE);
  cleat_str text;
  CHECK(kHostConfig.text(node, &text) == CLEAT_STALE);
  CHECK(kHostConfig.error(node, to_str("late")) == CLEAT_STALE);
}
