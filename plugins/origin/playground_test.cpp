// The playground's paths, and the body whose bytes tell their place.
#include "playground.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace origin;

namespace {

bool is(std::string_view path, Action action, std::uint64_t number = 0, std::string_view text = {}) {
  const Command command = parse(path);
  return command.action == action && command.number == number && command.text == text;
}

}  // namespace

TEST_CASE("paths of the playground carry their arguments") {
  CHECK(is("/", Action::kIndex));
  CHECK(is("/echo", Action::kEcho));
  CHECK(is("/delay/250ms", Action::kDelay, 250));
  CHECK(is("/delay/2s", Action::kDelay, 2000));
  CHECK(is("/delay-body/1m", Action::kDelayBody, 60'000));
  CHECK(is("/status/503", Action::kStatus, 503));
  CHECK(is("/bytes/0", Action::kBytes, 0));
  CHECK(is("/chunked/1048576", Action::kChunked, 1'048'576));
  CHECK(is("/flaky/a/2", Action::kFlaky, 2, "a"));
  CHECK(is("/abort", Action::kAbort));
  CHECK(is("/abort-body", Action::kAbortBody));
  CHECK(is("/trailers", Action::kTrailers));
}

TEST_CASE("what is not a path of the playground is unknown, what is nearly one is malformed") {
  for (const auto* path : {"", "/ech", "/echo/", "/echo/x", "/delay", "/abort-bod"}) CHECK(parse(path).action == Action::kUnknown);
  for (const auto* path : {"/delay/", "/delay/5", "/delay/ms", "/delay/-1ms", "/delay/61m", "/delay/3600001ms", "/status/", "/status/199",
                           "/status/600", "/status/2e2", "/bytes/", "/bytes/+1", "/bytes/1099511627777", "/bytes/99999999999999999999999",
                           "/chunked/1x", "/flaky/a", "/flaky//1", "/flaky/a/", "/flaky/a/b"}) {
    CHECK(parse(path).action == Action::kMalformed);
    CHECK(!parse(path).text.empty());
  }
}

TEST_CASE("the pattern repeats every 64 bytes") {
  REQUIRE(pattern().size() == kPatternBytes);
  CHECK(pattern().substr(0, 10) == "0123456789");
  CHECK(pattern()[63] == '\n');
  for (std::size_t i = kPatternPeriod; i < kPatternBytes; ++i) REQUIRE(pattern()[i] == pattern()[i - kPatternPeriod]);
}
