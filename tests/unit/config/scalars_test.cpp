// Scalars: what each reader takes, and that a refusal leaves the value and names the node.
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "kernel/config/document.hpp"

namespace {

using namespace cleat::config;
using std::chrono::milliseconds;

struct One {
  explicit One(const std::string& scalar) : document(parse_document("v: " + scalar + "\n", diagnostics)) {
    REQUIRE(document.root != nullptr);
  }
  const Node& node() const { return *document.root->get("v"); }
  Diagnostics diagnostics{"f.yaml"};
  Document document;
};

std::optional<std::int64_t> integer(const std::string& scalar, std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) {
  One one(scalar);
  std::int64_t value = 77;
  const bool ok = read_integer(one.node(), one.diagnostics, least, most, value);
  CHECK(ok != one.diagnostics.failed());
  CHECK((ok || value == 77));
  return ok ? std::optional(value) : std::nullopt;
}

std::optional<milliseconds> duration(const std::string& scalar) {
  One one(scalar);
  milliseconds value{};
  return read_duration(one.node(), one.diagnostics, value) ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> bytes(const std::string& scalar) {
  One one(scalar);
  std::uint64_t value{};
  return read_bytes(one.node(), one.diagnostics, value) ? std::optional(value) : std::nullopt;
}

std::optional<double> number(const std::string& scalar) {
  One one(scalar);
  double value{};
  return read_number(one.node(), one.diagnostics, value) ? std::optional(value) : std::nullopt;
}

std::optional<bool> boolean(const std::string& scalar) {
  One one(scalar);
  bool value{};
  return read_boolean(one.node(), one.diagnostics, value) ? std::optional(value) : std::nullopt;
}

std::string json(const std::string& scalar) { return to_json(One(scalar).node()); }

}  // namespace

TEST_CASE("integers are decimal, plain and in range") {
  CHECK(integer("0") == 0);
  CHECK(integer("-12") == -12);
  CHECK(integer("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(integer("9223372036854775808"));
  CHECK_FALSE(integer("1.5"));
  CHECK_FALSE(integer("'1'"));
  CHECK_FALSE(integer("0x10"));
  CHECK_FALSE(integer("1 2"));
  CHECK_FALSE(integer(""));
  CHECK(integer("5", 1, 5) == 5);
  CHECK_FALSE(integer("6", 1, 5));
  CHECK_FALSE(integer("0", 1, 5));
}

TEST_CASE("numbers are finite and plain") {
  CHECK(number("0.25") == 0.25);
  CHECK(number("-1e3") == -1000);
  CHECK_FALSE(number(".inf"));
  CHECK_FALSE(number("inf"));
  CHECK_FALSE(number("nan"));
  CHECK_FALSE(number("1e999"));
  CHECK_FALSE(number("\"1\""));
}

TEST_CASE("booleans are true and false, and nothing else") {
  CHECK(boolean("true") == true);
  CHECK(boolean("false") == false);
  for (const char* other : {"yes", "no", "on", "off", "True", "1", "'true'", "", "[]"}) CHECK_FALSE(boolean(other));
}

TEST_CASE("durations carry a unit, but for zero") {
  CHECK(duration("250ms") == milliseconds(250));
  CHECK(duration("2s") == milliseconds(2'000));
  CHECK(duration("1m") == milliseconds(60'000));
  CHECK(duration("1h") == milliseconds(3'600'000));
  CHECK(duration("0") == milliseconds(0));
  CHECK(duration("'2s'") == milliseconds(2'000));
  for (const char* wrong : {"2", "s", "-1s", "1.5s", "2 s", "1d", "1m30s", "99999999999999999999s", "876001h", ""}) {
    CHECK_FALSE(duration(wrong));
  }
}

TEST_CASE("sizes may carry a unit, of a thousand or of 1024") {
  CHECK(bytes("512") == 512u);
  CHECK(bytes("16KiB") == 16u * 1024);
  CHECK(bytes("16KB") == 16'000u);
  CHECK(bytes("1MiB") == 1u << 20);
  CHECK(bytes("2GB") == 2'000'000'000u);
  CHECK(bytes("1GiB") == 1u << 30);
  CHECK(bytes("8B") == 8u);
  for (const char* wrong : {"1k", "1kb", "KiB", "-1", "1.5MiB", "99999999999GiB", "", "{}"}) CHECK_FALSE(bytes(wrong));
}

TEST_CASE("a refusal says what was wanted and what is there") {
  One one("'5'");
  std::int64_t value = 0;
  CHECK_FALSE(read_integer(one.node(), one.diagnostics, 1, 9, value));
  CHECK(one.diagnostics.text() == "f.yaml:1:4: v: must be a whole number from 1 to 9, not \"5\" in quotes\n");
  One list("[1]");
  std::string text = "before";
  CHECK_FALSE(read_text(list.node(), list.diagnostics, text));
  CHECK(text == "before");
  CHECK(list.diagnostics.text() == "f.yaml:1:4: v: must be text, not a list\n");
  One empty("");
  CHECK_FALSE(read_text(empty.node(), empty.diagnostics, text));
  CHECK(empty.diagnostics.text() == "f.yaml:1:1: v: must be text, not empty\n");
}

TEST_CASE("what is refused for its type is not reported again for its keys") {
  One one("{a: {b: c}}");
  std::string text;
  CHECK_FALSE(read_text(one.node(), one.diagnostics, text));
  report_unknown_keys(*one.document.root, one.diagnostics);
  CHECK(one.diagnostics.count() == 1);
}

TEST_CASE("a subtree becomes JSON, with plain scalars as what they look like") {
  CHECK(json("{a: 1, b: [true, null, 'true', \"1\"], c: {}, d: []}") ==
        R"({"a":1,"b":[true,null,"true","1"],"c":{},"d":[]})");
  CHECK(json("[-0.5e+3, 0, 007, +1, 1., .5, 0x1F, .inf, yes, '']") ==
        R"([-0.5e+3,0,"007","+1","1.",".5","0x1F",".inf","yes",""])");
  CHECK(json("\"q\\\"b\\\\n\\n\\u00e9\\x01\"") == "\"q\\\"b\\\\n\\u000a\xc3\xa9\\u0001\"");
}
