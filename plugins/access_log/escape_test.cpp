// Escaping and time: what a client sends can neither end a line nor leave its quotes.
#include "escape.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace access_log;

namespace {

std::string text(std::string_view in) {
  std::string out(in.size() * kTextGrowth + 8, '\0');
  out.resize(static_cast<std::size_t>(escape_text(out.data(), in) - out.data()));
  return out;
}

std::string json(std::string_view in) {
  std::string out(in.size() * kJsonGrowth + 8, '\0');
  out.resize(static_cast<std::size_t>(escape_json(out.data(), in) - out.data()));
  return out;
}

using namespace std::string_view_literals;

}  // namespace

TEST_CASE("text escaping keeps printable ASCII and hex-escapes all other bytes") {
  CHECK(text("") == "");
  CHECK(text("/a/b?c=d e~") == "/a/b?c=d e~");
  CHECK(text("say \"hi\"") == "say \\x22hi\\x22");
  CHECK(text("back\\slash") == "back\\x5cslash");
  CHECK(text("one\r\ntwo\t\0three\x1b[31m\x7f"sv) == "one\\x0d\\x0atwo\\x09\\x00three\\x1b[31m\\x7f");
  CHECK(text("\xc3\xa9\xff") == "\\xc3\\xa9\\xff");
}

TEST_CASE("every byte is escaped the same at every position of a word") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool plain = byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
    char hex[5];
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(byte));
    for (std::size_t size = 1; size <= 20; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string in(size, 'a');
        in[at] = static_cast<char>(byte);
        const std::string expected = in.substr(0, at) + (plain ? in.substr(at, 1) : hex) + in.substr(at + 1);
        REQUIRE(text(in) == expected);
      }
    }
  }
}

TEST_CASE("JSON escaping keeps UTF-8 and makes every other byte an escape") {
  CHECK(json("plain text of some length") == "plain text of some length");
  CHECK(json("a\"b\\c") == "a\\\"b\\\\c");
  CHECK(json("a\nb\0"sv) == "a\\u000ab\\u0000");
  CHECK(json("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(json("\xff") == "\\u00ff");
  CHECK(json("\xc3") == "\\u00c3");                              // cut short
  CHECK(json("\xc0\xaf") == "\\u00c0\\u00af");                   // overlong
  CHECK(json("\xed\xa0\x80") == "\\u00ed\\u00a0\\u0080");        // a surrogate
  CHECK(json("\xf4\x90\x80\x80") == "\\u00f4\\u0090\\u0080\\u0080");  // beyond U+10FFFF
  CHECK(json("1234567\xe2\x82\xac") == "1234567\xe2\x82\xac");    // across a word's border
}

TEST_CASE("time is ISO 8601 in UTC with milliseconds") {
  TimeText time;
  CHECK(time.of(0) == "1970-01-01T00:00:00.000Z");
  CHECK(time.of(1'795'482'123'456'789) == "2026-11-24T01:02:03.456Z");
  CHECK(time.of(1'795'482'123'456'001) == "2026-11-24T01:02:03.456Z");
  CHECK(time.of(1'795'482'123'999'999) == "2026-11-24T01:02:03.999Z");
  CHECK(time.of(1'795'482'124'000'000) == "2026-11-24T01:02:04.000Z");
  CHECK(time.of(1'795'482'123'001'000) == "2026-11-24T01:02:03.001Z");  // back again: exchanges end out of order
  CHECK(time.of(951'782'400'000'000) == "2000-02-29T00:00:00.000Z");
  CHECK(time.of(-1) == "1969-12-31T23:59:59.999Z");
}
