// The harness, by its C++ header: that it hosts as the kernel does, and that it finds what a plugin does against ABI.md.
#include "plugin_api/harness/harness.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <csignal>
#include <filesystem>

#include "rogue.hpp"

namespace {

using namespace cleat::harness;

Options rogue() { return {.entry = rogue_v1, .clusters = "auth", .flags = CLEAT_HARNESS_QUIET}; }

Request asking(const std::string& what) { return {.headers = {{"x-do", what}, {"x-a", "some text"}}}; }

// Lets a request that asks for this pass, and says what was found.
std::vector<Finding> found_of(const std::string& what, std::size_t times = 1) {
  Host host(rogue());
  for (std::size_t i = 0; i < times; ++i) {
    host.begin(asking(what));
    if (const Outgoing up = host.outgoing()) up.answer({});
  }
  return host.finish();
}

bool has(const std::vector<Finding>& all, std::uint32_t rule, const std::string& section, const std::string& function) {
  for (const Finding& one : all) {
    if (one.rule == rule && one.section == section && one.function == function) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("an exchange passes the plugin, goes to a cluster and comes back") {
  Host host(rogue());
  const auto x = host.begin({.method = "POST", .target = "/a?b=c", .headers = {{"X-One", "1"}}, .body = "abc"});
  CHECK(x.state() == CLEAT_HARNESS_UPSTREAM);
  const auto up = host.outgoing();
  REQUIRE(up);
  const auto seen = up.seen();
  CHECK(seen.cluster == "origin");
  CHECK(seen.method == "POST");
  CHECK(seen.target == "/a?b=c");
  CHECK(seen.authority == "example.org");
  CHECK(seen.get("x-one") == "1");
  CHECK(seen.body == "abc");
  CHECK(seen.whole);
  CHECK(seen.exchange == x.id());
  CHECK(seen.attempt == 1);
  up.answer({.status = 201, .headers = {{"X-Two", "2"}}, .body = "made"});
  CHECK(x.over());
  const auto response = x.response();
  CHECK(response.status == 201);
  CHECK(response.body == "made");
  CHECK(response.get("x-two") == "2");
  CHECK(response.get("x-rogue") == "seen");
  CHECK(response.whole);
  CHECK_FALSE(response.local);
  CHECK(host.calls("on_end") == 1);
  CHECK(x.metadata("rogue.end") == "over");
  CHECK_FALSE(host.outgoing());
  CHECK(host.finish().empty());
}

TEST_CASE("a reply of the plugin's is told with whose it is and why") {
  Host host(rogue());
  const auto before = host.metric("rogue_ends_total").value_or(0);
  const auto x = host.begin(asking("deny"));
  const auto response = x.response();
  CHECK(response.status == 403);
  CHECK(response.body == "said no\n");
  CHECK(response.flag == "plugin_reply");
  CHECK(response.by == "plugin");
  CHECK(response.reason == "denied");
  CHECK(host.metric("rogue_ends_total") == before + 1);
  CHECK(host.finish().empty());
}

TEST_CASE("bodies come in pieces, both ways, and trailers after them") {
  Host host(rogue());
  const auto x = host.begin({.method = "POST", .body_follows = true});
  const auto up = host.outgoing();
  REQUIRE(up);
  CHECK(x.body("one,"));
  CHECK(up.seen().body == "one,");
  CHECK(x.body("two"));
  x.body_end({{"x-sum", "7"}});
  CHECK(up.seen().body == "one,two");
  CHECK(up.seen().whole);
  CHECK(find(up.seen().trailers, "x-sum") == "7");
  up.answer({.body_follows = true});
  CHECK(up.body("three,"));
  CHECK(x.response().body == "three,");
  CHECK_FALSE(x.response().whole);
  up.body_end({{"x-end", "yes"}});
  CHECK(x.response().whole);
  CHECK(find(x.response().trailers, "x-end") == "yes");
  CHECK(x.over());
  CHECK(host.finish().empty());
}

TEST_CASE("what the kernel refuses is refused as the kernel does") {
  Host host(rogue());
  const auto x = host.begin({.headers = {{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}});
  CHECK(x.response().status == 400);
  CHECK(x.response().flag == "bad_request");
  CHECK(host.calls("on_request") == 0);
  CHECK(host.calls("on_end") == 1);
  CHECK(host.finish().empty());
}

TEST_CASE("an attempt fails as the test says") {
  Host host(rogue());
  const auto refused = host.begin({});
  host.outgoing().fail(CLEAT_END_CONNECT_FAILED);
  CHECK(refused.response().status == 503);
  CHECK(refused.response().flag == "connect_failed");
  const auto broken = host.begin({});
  const auto up = host.outgoing();
  up.answer({.body_follows = true});
  CHECK(up.body("half"));
  up.fail(CLEAT_END_RESET);
  CHECK(broken.response().cut);
  CHECK(up.seen().released);
  CHECK_THROWS(up.answer({}));
  CHECK(host.finish().empty());
}

TEST_CASE("time passes when it is stepped, and timers fire then") {
  Host host(rogue());
  const auto x = host.begin(asking("wait"));
  CHECK(x.suspended());
  CHECK(x.suspended_in() == "on_request");
  host.step(90);
  CHECK(x.suspended());
  host.step(30);
  CHECK(x.state() == CLEAT_HARNESS_UPSTREAM);
  const auto late = host.begin({});
  host.step(3'600'000);
  CHECK(late.response().status == 504);
  CHECK(host.finish().empty());
}

TEST_CASE("a callout is answered by the test") {
  Host host(rogue());
  const auto allowed = host.begin(asking("ask"));
  CHECK(allowed.suspended());
  const auto call = host.outgoing();
  REQUIRE(call);
  CHECK(call.seen().is_call);
  CHECK(call.seen().cluster == "auth");
  CHECK(call.seen().target == "/check");
  SECTION("with a no") {
    call.answer({.status = 401});
    CHECK(allowed.response().status == 403);
    CHECK(host.finish().empty());
  }
  SECTION("with nothing in time") {
    host.step(1'100);
    CHECK(allowed.response().status == 403);
    CHECK(host.finish().empty());
  }
  SECTION("with a yes, whose body the plugin keeps too long") {
    call.answer({.status = 200, .body = "fine"});
    const auto up = host.outgoing();
    REQUIRE(up);
    CHECK_FALSE(up.seen().is_call);
    up.answer({});
    CHECK(allowed.response().status == 200);
    CHECK(has(host.finish(), 6, "rule 6", "cleat_call_event"));
  }
}

TEST_CASE("a thread of the plugin's own is waited for") {
  Host host(rogue());
  const auto x = host.begin(asking("own thread"));
  for (int i = 0; i < 100 && x.suspended(); ++i) host.wait(100);
  CHECK(x.state() == CLEAT_HARNESS_UPSTREAM);
}

TEST_CASE("a reload makes another instance, and a refused one changes nothing") {
  Host host(rogue());
  REQUIRE(host.reload("{}"));
  const auto x = host.begin(asking("deny"));
  CHECK(x.response().status == 403);
  CHECK_FALSE(host.reload("{surely: unknown}"));
  CHECK(host.error().find("surely") != std::string::npos);
  CHECK(host.begin(asking("deny")).response().status == 403);
  CHECK(host.finish().empty());
}

TEST_CASE("a reload hands the state on, and a view of it that is kept is found") {
  const auto took_over = [](Host& host, const std::string& words) {
    const auto lines = host.log();
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(words) != std::string::npos; });
  };
  Host host(rogue());
  REQUIRE(host.reload("{}"));
  CHECK_FALSE(took_over(host, "state"));
  host.begin(asking("state well"));
  REQUIRE(host.reload("{}"));
  CHECK(took_over(host, "took over 4 bytes of state, format 2"));
  host.begin(asking("state keep!"));
  REQUIRE(host.reload("{}"));
  CHECK(took_over(host, "took over 5 bytes of state, format 2"));
  host.begin(asking("look"));
  const auto found = host.finish();
  REQUIRE(found.size() == 1);
  CHECK(has(found, 6, "rule 6", "take"));
}

TEST_CASE("what a configuration has wrong is said in its own lines") {
  Options options = rogue();
  options.config = "# a comment\nsurely: unknown\n";
  try {
    Host host(options);
    FAIL("it was taken");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()).find("config:2:1:") != std::string::npos);
  }
}

TEST_CASE("a view that is kept is found when it is used") {
  CHECK(has(found_of("keep"), 6, "rule 6", "header_get"));
}

TEST_CASE("reading past a view's end is found, and so is writing to it") {
  const auto beyond = found_of("beyond"), write = found_of("write");
  REQUIRE(has(beyond, 6, "rule 6", "header_get"));
  CHECK(beyond.front().text.starts_with("what is behind the view"));
  REQUIRE(has(write, 6, "rule 6", "header_get"));
  CHECK(write.front().hook == "on_request");
}

TEST_CASE("a piece of a body that was seen before it was changed is found when it is used") {
  Host host(rogue());
  host.begin({.method = "POST", .headers = {{"x-do", "body"}}, .body = "abc"});
  const auto up = host.outgoing();
  REQUIRE(up);
  CHECK(up.seen().body == "abc!");
  up.answer({});
  CHECK(has(host.finish(), 6, "rule 6", "view"));
}

TEST_CASE("calls on the wrong thread, at the wrong time and on what is over are found") {
  CHECK(has(found_of("thread"), 8, "rule 8", "field_get"));
  CHECK(has(found_of("early"), 8, "rule 8", "status_set"));
  CHECK(has(found_of("stale", 2), 5, "rule 5", "field_get"));
}

TEST_CASE("a second harness at the same time is refused, and one after the other is not") {
  Host one(rogue());
  CHECK_THROWS(Host(rogue()));
  CHECK(one.finish().empty());
  Host two(rogue());
  CHECK(two.begin(asking("deny")).response().status == 403);
  CHECK(two.finish().empty());
}

TEST_CASE("a thread may ask whether it is a worker") {
  CHECK(found_of("where").empty());
}

TEST_CASE("tickets that are resumed twice, or never, are found") {
  CHECK(has(found_of("twice"), 0, "SUSPEND", "resume"));
  CHECK(has(found_of("forget"), 0, "SUSPEND", "suspend"));
  Host host(rogue());
  host.begin(asking("forget"));
  host.step(3'600'000);
  CHECK(has(host.finish(), 0, "SUSPEND", "suspend"));
}

TEST_CASE("verdicts that are none, or were not earned, are found") {
  const std::string what = GENERATE("junk", "unmade", "unsaid", "ticketless");
  CHECK(has(found_of(what), 0, "FAIL", ""));
}

TEST_CASE("an exception that leaves a hook is found") {
  CHECK(has(found_of("throw"), 3, "rule 3", ""));
}

TEST_CASE("an exception that leaves the function of a call is found") {
  Host host(rogue());
  host.begin(asking("ask"));
  host.outgoing().answer({.status = 599});
  CHECK(has(host.finish(), 3, "rule 3", ""));
}

TEST_CASE("an exception that leaves the function of a timer or a post is found") {
  const std::string what = GENERATE("throw later", "throw elsewhere");
  Host host(rogue());
  host.begin(asking(what));
  host.step(200);
  CHECK(has(host.finish(), 3, "rule 3", ""));
}

TEST_CASE("a panic that an SDK has made a FAIL is found") {
  CHECK(has(found_of("panic"), 0, "panic", ""));
}

TEST_CASE("a process that is left otherwise than it was is found") {
  const std::string here = std::filesystem::current_path().string();
  const std::string what = GENERATE("signal", "folder");
  CHECK(has(found_of(what), 0, "process", ""));
  std::signal(SIGHUP, SIG_DFL);
  std::filesystem::current_path(here);
}

TEST_CASE("what is left open or running is found") {
  CHECK(has(found_of("open"), 6, "rule 6", ""));
  CHECK(has(found_of("run"), 7, "rule 7", ""));
}
