// The process of a plugin, from the first word on the socket to its end.
#include <catch2/catch_test_macros.hpp>

#include <csignal>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/plugin.h"
#include "tests/isolation/driver.hpp"

namespace cleat::isolation::test {
namespace {

using Operations = std::vector<std::string>;

// A plugin `acts` that runs.
struct Running : Kernel {
  explicit Running(std::uint32_t workers = 1, std::uint64_t capacity = 64 * 1024) : Kernel(workers, capacity) {
    REQUIRE(load(plugin_file("acts")).status == CLEAT_OK);
    REQUIRE(create("").empty());
    start_workers();
  }
};

HookCall request(std::string act, std::uint64_t subject = exchange(0)) {
  HookCall call;
  call.subject = subject;
  call.request.emplace_back("act", std::move(act));
  return call;
}

void end(Kernel& kernel, std::uint64_t subject = exchange(0)) {
  HookCall call;
  call.subject = subject;
  call.hook = HookNumber::kEnd;
  kernel.hook(call);
}

void forget(Kernel& kernel, std::uint64_t subject) {
  Writer writer;
  writer.number(ToProcess::kForget);
  writer.number(subject);
  kernel.send(handle_worker(subject), writer.bytes);
}

}  // namespace

TEST_CASE("a plugin lives from load to destroy, and its process ends with it") {
  Kernel kernel(2);
  const Answer loaded = kernel.load(plugin_file("acts"));
  REQUIRE(loaded.status == CLEAT_OK);
  Reader reader(loaded.rest);
  const auto hooks = reader.number<std::uint64_t>();
  CHECK((hooks >> static_cast<unsigned>(HookNumber::kRequest) & 1) == 1);
  CHECK((hooks >> static_cast<unsigned>(HookNumber::kReply) & 1) == 0);
  CHECK(reader.number<std::uint8_t>() == 1);
  CHECK(reader.number<std::uint8_t>() == 1);
  CHECK(reader.number<std::uint8_t>() == 0);
  CHECK(reader.count(4) == 0);
  CHECK((reader.ok() && reader.at_end()));
  CHECK(kernel.create(R"({"greeting": "hello", "file": "data/x.txt", "wait": "250ms"})").empty());
  CHECK(kernel.logged("path: /etc/example/data/x.txt") == 1);
  CHECK(kernel.logged("wait: 250") == 1);
  CHECK(kernel.logged("create: kv=0 version=55") == 1);
  CHECK(kernel.keys == Operations{"acts.value"});
  CHECK(kernel.defined == Operations{"acts_total", "acts_size"});
  CHECK(kernel.subscribed == Operations{"acts.*"});
  kernel.start_workers();
  CHECK(kernel.wait_for_log("worker_start: 1 1"));
  CHECK(kernel.wait_for_log("worker_start: 0 0"));
  for (std::uint32_t i = 0; i < 2; ++i) {
    Writer writer;
    writer.number(ToProcess::kWorkerStop);
    kernel.send(i, writer.bytes);
    const std::string stopped = kernel.receive(i);
    REQUIRE(stopped.size() == 1);
    CHECK(static_cast<FromProcess>(stopped[0]) == FromProcess::kWorkerStopped);
  }
  CHECK(kernel.ask(Function::kDestroy, {}).status == CLEAT_OK);
  CHECK(kernel.logged("worker_stop: 1") == 1);
  CHECK(kernel.logged("destroyed") == 1);
  CHECK(kernel.wait_for_end() == 0);
}

TEST_CASE("what is in the ring when the plugin is to be destroyed is done before") {
  Running kernel;
  constexpr std::uint32_t kEnds = 200;
  for (std::uint32_t i = 0; i < kEnds; ++i) end(kernel, exchange(0, i));
  Writer writer;
  writer.number(ToProcess::kWorkerStop);
  kernel.send(0, writer.bytes);
  CHECK(kernel.ask(Function::kDestroy, {}).status == CLEAT_OK);
  CHECK(kernel.logged("end: state=") == kEnds);
  CHECK(kernel.logged("worker_stop: 0") == 1);
  CHECK(kernel.logs.back().second == "destroyed");
  CHECK(kernel.wait_for_end() == 0);
}

TEST_CASE("configuration errors come back with the place, and keys that nobody asked for are errors") {
  Kernel kernel;
  REQUIRE(kernel.load(plugin_file("acts")).status == CLEAT_OK);
  const Pairs errors = kernel.create(R"({"greetings": "x", "limits": [{"most": 11}], "wait": "5 parsecs"})");
  for (const auto& [path, words] : errors) UNSCOPED_INFO(path + ": " + words);
  CHECK(errors == Pairs{{"limits[0].most", "must be a whole number from 1 to 10, not \"11\""}, {"wait", "must be a duration such as 250ms, 2s, 1m or 1h, not \"5 parsecs\""},
              {"greetings", "unknown key (did you mean \"greeting\"?)"}});
}

TEST_CASE("quotes that JSON needs and the operator did not write make no difference; those of a number do") {
  for (const auto& [most, error] : Pairs{{"\"007\"", ""}, {"\"7\"", "must be a whole number from 1 to 10, not \"7\" in quotes"}, {"7", ""}}) {
    Kernel kernel;
    REQUIRE(kernel.load(plugin_file("acts")).status == CLEAT_OK);
    const Pairs errors = kernel.create(R"({"limits": [{"most": )" + most + "}]}");
    CHECK(errors == (error.empty() ? Pairs{} : Pairs{{"limits[0].most", error}}));
  }
}

TEST_CASE("create's own words, and what it throws, are errors of the whole") {
  for (const auto& [config, words] : Pairs{{R"({"greeting": "refuse"})", "create failed: no such greeting"}, {R"({"greeting": "throw"})", "create failed: it threw: in create"}}) {
    Kernel kernel;
    REQUIRE(kernel.load(plugin_file("acts")).status == CLEAT_OK);
    CHECK(kernel.create(config) == Pairs{{"", words}});
  }
}

TEST_CASE("a plugin that only is validated needs no rings") {
  Kernel kernel;
  REQUIRE(kernel.load(plugin_file("acts"), true).status == CLEAT_OK);
  CHECK(kernel.create(R"({"unknown": 1})", true) == Pairs{{"unknown", "unknown key"}});
  CHECK(kernel.ask(Function::kDestroy, {}).status == CLEAT_OK);
  CHECK(kernel.wait_for_end() == 0);
}

TEST_CASE("a plugin is refused that requires what a process of its own does not have, or that cannot be loaded") {
  Kernel kernel;
  const Answer refused = kernel.load(plugin_file("wants_balancer"));
  CHECK(refused.status == CLEAT_UNSUPPORTED);
  CHECK(refused.error.starts_with("requires cleat.balancer/1, which"));
  const Answer missing = kernel.load("/nowhere/x.so");
  CHECK(missing.status == CLEAT_FAILED);
  CHECK(missing.error == "No such file or directory");
}

TEST_CASE("routes are created, told to hooks, and destroyed") {
  Running kernel;
  Writer writer;
  writer.number(std::uint32_t{9});
  writer.text(std::string_view(R"({"name": "nine"})"));
  CHECK(kernel.ask(Function::kRouteCreate, writer.bytes).rest == std::string(4, '\0'));
  HookCall call;
  call.hook = HookNumber::kRoute;
  call.route = 9;
  CHECK(kernel.run(call).operations == Operations{"header_set 0 x-route nine", "cluster_set other", "reroute", "exchange_timeout 2500"});
  call.route = 0;
  CHECK(kernel.run(call).operations.at(0) == "header_set 0 x-route -6");
  call.texts[CLEAT_ATTR_ROUTE] = "main/0";
  CHECK(kernel.run(call).operations.at(0) == "header_set 0 x-route -3");
  writer.clear();
  writer.number(std::uint32_t{10});
  writer.text(std::string_view(R"({"nam": "nine"})"));
  const Answer refused = kernel.ask(Function::kRouteCreate, writer.bytes);
  Reader errors(refused.rest);
  CHECK(errors.count(8) == 1);
  CHECK(errors.text().empty());
  CHECK(errors.text() == "route_create of \"acts\" failed: a route has a name");
  writer.clear();
  writer.number(std::uint32_t{9});
  CHECK(kernel.ask(Function::kRouteDestroy, writer.bytes).status == CLEAT_OK);
}

TEST_CASE("what a hook did to the head goes out with its verdict, and is seen by itself at once") {
  Running kernel;
  HookCall call = request("heads");
  call.request.emplace_back("gone", "soon");
  const Done done = kernel.run(call);
  CHECK(done.verdict == CLEAT_CONTINUE);
  CHECK(done.operations == Operations{"header_set 0 x-a 1", "header_add 0 x-a 2", "header_remove 0 gone", "field_set 4 /new/./here?q=1"});
  CHECK(kernel.wait_for_log("heads: set=0 add=0 remove=0 missing=-3 framing=-2 value=-2 target=0 response=-6 status=-6 trailers=-6 retry=-6 count=4 second=2 "
                            "path=/new/here gone="));
}

TEST_CASE("a reply is told with its verdict; REPLIED alone is for the kernel to judge") {
  Running kernel;
  const Done replied = kernel.run(request("reply"));
  CHECK(replied.verdict == CLEAT_REPLIED);
  CHECK(replied.operations == Operations{"reply 403 x-why because no refused_here"});
  const Done alone = kernel.run(request("replied"));
  CHECK(alone.verdict == CLEAT_REPLIED);
  CHECK(alone.operations.empty());
}

TEST_CASE("what is wrong with a hook's answer becomes FAIL with words") {
  Running kernel;
  for (const auto& [act, words] : Pairs{{"throw", "threw: of this kind"}, {"throw-int", "threw: an exception of unknown type"}, {"junk", "answered 77, which is no verdict"},
                                        {"fail", "that is why"}, {"suspend-nothing", "answered SUSPEND without a ticket"}}) {
    const Done done = kernel.run(request(act));
    CHECK(done.verdict == CLEAT_FAIL);
    CHECK(done.words == words);
  }
}

TEST_CASE("a suspended hook is done when it is resumed, by a timer, a thread, or before it has returned") {
  Running kernel;
  const Done timer = kernel.run(request("suspend-timer"));
  CHECK(timer.verdict == CLEAT_CONTINUE);
  CHECK(timer.operations == Operations{"header_set 0 x-late yes"});
  CHECK(kernel.wait_for_log("resumed: first=0 second=-1"));
  CHECK(kernel.run(request("suspend-thread")).verdict == CLEAT_UNSUBSCRIBE);
  CHECK(kernel.run(request("suspend-now", exchange(0, 2))).verdict == CLEAT_CONTINUE);
}

TEST_CASE("a hook that the kernel has given up is done, and its ticket worth nothing, when the next one comes") {
  Running kernel;
  const std::uint64_t first = kernel.hook(request("suspend-keep"));
  const std::uint64_t second = kernel.hook(request("stale"));
  const Done given_up = kernel.done();
  CHECK(given_up.call == first);
  CHECK(given_up.operations.empty());
  CHECK(kernel.done().call == second);
  CHECK(kernel.wait_for_log("ticket=-1"));
}

TEST_CASE("a reset goes out at once while its hook is suspended") {
  Running kernel;
  kernel.hook(request("suspend-reset"));
  CHECK(kernel.receive(0, 300).empty());
  REQUIRE(kernel.outside.size() == 1);
  CHECK(kernel.outside[0].second == Operations{"reset"});
}

TEST_CASE("late handles and tickets are stale, and other threads and workers are told so") {
  Running kernel(2);
  kernel.run(request("keep", exchange(0, 7)));
  const std::uint64_t suspended = kernel.hook(request("suspend-keep", exchange(0, 8)));
  end(kernel, exchange(0, 7));
  end(kernel, exchange(0, 8));
  CHECK(kernel.done().call == suspended);  // each hook is done once, also one that nobody resumed
  CHECK(kernel.run(request("stale")).verdict == CLEAT_CONTINUE);
  CHECK(kernel.wait_for_log("stale: get=-1 timer=-1 ticket=-1 thread=-7 worker=-7 none=-1"));
}

TEST_CASE("state is zeroed, kept over the hooks of an exchange, and gone with it") {
  Running kernel;
  kernel.run(request("state"));
  CHECK(kernel.wait_for_log("state: none=-3 made=0 large=-2 over=-5"));
  end(kernel);
  CHECK(kernel.wait_for_log("end: state=1 timer=-6 set=-6"));
  kernel.run(request("state"));
  end(kernel);
  kernel.run(request("nothing"));
  while (kernel.serve_control(50)) {
  }
  CHECK(kernel.logged("end: state=1") == 2);
  kernel.run(request("state", exchange(0, 3)));
  forget(kernel, exchange(0, 3));
  kernel.run(request("state", exchange(0, 3)));
  end(kernel, exchange(0, 3));
  kernel.run(request("keep"));
  while (kernel.serve_control(50)) {
  }
  CHECK(kernel.logged("end: state=1") == 3);
}

TEST_CASE("an exchange that unsubscribed is forgotten") {
  Running kernel;
  kernel.run(request("keep"));
  CHECK(kernel.run(request("unsubscribe")).verdict == CLEAT_UNSUBSCRIBE);
  kernel.run(request("stale", exchange(0, 2)));
  CHECK(kernel.wait_for_log("stale: get=-1"));
}

TEST_CASE("attributes and metadata are those that were told, and what is set is seen and told") {
  Running kernel;
  HookCall call = request("facts");
  call.texts[CLEAT_ATTR_LISTENER] = "public";
  call.integers[CLEAT_ATTR_ATTEMPTS] = 3;
  call.metadata[1] = "told";
  CHECK(kernel.run(call).operations == Operations{"metadata_integer 1 42"});
  CHECK(kernel.wait_for_log("facts: listener=0,public route=-3 attempts=0,3 wrong=-2 get=0,told set=0 again=0,42 type=-2"));
}

TEST_CASE("outside of hooks operations go out by themselves") {
  Running kernel;
  kernel.run(request("after"));
  REQUIRE(kernel.wait_for_log("after: reply=-6"));
  kernel.run(request("post"));
  REQUIRE(kernel.wait_for_log("posted: status=0"));
  kernel.run(request("nothing"));
  CHECK(kernel.outside == std::vector<std::pair<std::uint64_t, Operations>>{{exchange(0), {"metadata_text 1 from a timer"}}, {exchange(0), {"metadata_text 1 from a post"}}});
  end(kernel);
  kernel.run(request("post-control"));
  CHECK(kernel.wait_for_log("posted: status=0"));
}

TEST_CASE("a timer of an exchange that has ended does not fire") {
  Running kernel;
  kernel.run(request("after"));
  end(kernel);
  kernel.run(request("after", exchange(0, 2)));
  REQUIRE(kernel.wait_for_log("after: reply=-6"));
  CHECK(kernel.receive(0, 50).empty());
  CHECK(kernel.logged("after:") == 1);
}

TEST_CASE("metrics are gathered and told under numbers that were introduced, those of other threads by worker 0") {
  Running kernel(2);
  kernel.run(request("metrics", exchange(1)));
  CHECK(kernel.wait_for_log("metrics: negative=-2 bogus=-1 observe=-2"));
  for (int i = 0; i < 100 && kernel.metrics.size() < 2; ++i) kernel.receive(1, 20);
  CHECK(kernel.metrics == std::map<std::string, std::int64_t>{{"101 a", 5}, {"102 observed", 7}});
  for (int i = 0; i < 100 && kernel.metrics["101 a"] < 105; ++i) kernel.receive(0, 20);
  CHECK(kernel.metrics["101 a"] == 105);
}

namespace {

void write_series(Writer& writer, std::uint32_t kind, std::string_view name, std::string_view help, const Pairs& labels, std::int64_t value,
                  const std::vector<std::uint64_t>& bounds) {
  writer.number(kind);
  writer.text(name);
  writer.text(help);
  writer.number(static_cast<std::uint32_t>(labels.size()));
  for (const auto& [label, is] : labels) {
    writer.text(std::string_view(label));
    writer.text(std::string_view(is));
  }
  writer.number(value);
  writer.number(static_cast<std::uint32_t>(bounds.size()));
  for (const std::uint64_t bound : bounds) writer.number(bound);
  writer.number(static_cast<std::uint32_t>(bounds.empty() ? 0 : bounds.size() + 1));
  for (std::uint64_t i = 0; !bounds.empty() && i <= bounds.size(); ++i) writer.number(i);
}

}  // namespace

TEST_CASE("all metrics are read in pieces, by a hook or through worker 0; what cannot be is a failure") {
  Running kernel(2);
  Writer all;
  write_series(all, 1, "a_total", "A.", {{"l", "one"}}, 3, {});
  write_series(all, 1, "", "", {{"l", "two"}}, 4, {});
  write_series(all, 3, "b", "B.", {}, 50, {10, 20});
  std::vector<std::uint64_t> asked_at;
  std::uint64_t whole = all.bytes.size();
  kernel.asked = [&](std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments) {
    CHECK(function == Function::kMetricsVisit);
    asked_at.push_back(arguments.number<std::uint64_t>());
    Writer writer;
    writer.number(whole);
    writer.text(std::string_view(all.bytes).substr(asked_at.back(), 100));
    kernel.answer(worker, number, CLEAT_OK, {}, writer.bytes);
  };
  const std::string seen = "visit: 0 a_total(A.)l:one=3 a_total(A.)l:two=4 b(B.)=50,10/0,20/1,2";
  kernel.run(request("visit", exchange(1)));
  CHECK(kernel.wait_for_log(seen));
  CHECK(asked_at == std::vector<std::uint64_t>{0, 100});
  kernel.run(request("visit-thread", exchange(1, 2)));
  for (int i = 0; i < 100 && kernel.logged(seen) < 2; ++i) kernel.receive(0, 20);
  CHECK(kernel.logged(seen) == 2);
  --whole;  // less than there is
  kernel.run(request("visit", exchange(1, 3)));
  CHECK(kernel.wait_for_log("visit: -9"));
}

TEST_CASE("a question is answered while hooks that come meanwhile wait their turn") {
  Running kernel;
  int questions = 0;
  std::uint64_t next = 0;
  kernel.asked = [&](std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments) {
    ++questions;
    Writer writer;
    if (function == Function::kKvGet) {
      CHECK(arguments.number<std::uint64_t>() == 7);
      CHECK(arguments.text() == "key");
      CHECK(arguments.number<std::uint64_t>() == 4);
      CHECK((arguments.ok() && arguments.at_end()));
      next = kernel.hook(request("nothing", exchange(0, 2)));
      writer.text(std::string_view("valu"));
      writer.number(std::uint64_t{5});
      writer.number(std::uint64_t{12});
      kernel.answer(worker, number, CLEAT_TOO_SMALL, "too small", writer.bytes);
    } else if (function == Function::kKvAdd) {
      writer.number(std::int64_t{6});
      kernel.answer(worker, number, CLEAT_OK, "", writer.bytes);
    } else {
      kernel.answer(worker, number, CLEAT_STALE, "kv: the key has another version", "");
    }
  };
  CHECK(kernel.run(request("kv")).verdict == CLEAT_CONTINUE);
  CHECK(questions == 3);
  CHECK(kernel.wait_for_log("kv: get=-4 needed=5 version=12 add=0 value=6 set_if=-1 text=kv: the key has another version"));
  CHECK(kernel.done().call == next);
}

TEST_CASE("a question of a thread of the plugin's own goes through worker 0") {
  Running kernel(2);
  std::uint32_t asked_on = 99;
  kernel.asked = [&](std::uint32_t worker, std::uint32_t number, Function function, Reader&) {
    CHECK(function == Function::kKvAdd);
    asked_on = worker;
    kernel.answer(worker, number, CLEAT_LIMIT, "kv: the space is full", "");
  };
  kernel.run(request("kv-thread", exchange(1)));
  for (int i = 0; i < 100 && kernel.logged("kv-thread") == 0; ++i) kernel.receive(0, 20);
  CHECK(asked_on == 0);
  CHECK(kernel.logged("kv-thread: add=-5 value=0 text=kv: the space is full") == 1);
}

TEST_CASE("a call is started by the kernel, and its event is told to the plugin") {
  Running kernel;
  kernel.asked = [&](std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments) {
    CHECK(function == Function::kCallStart);
    CHECK(arguments.number<std::uint64_t>() == exchange(0));
    CHECK(arguments.number<std::uint32_t>() == 0);
    CHECK(arguments.text() == "auth");
    for (const std::string_view expected : {"", "/check", ""}) CHECK(arguments.text() == expected);
    CHECK(arguments.count(8) == 1);
    CHECK(arguments.text() == "x-token");
    CHECK(arguments.text() == "abc");
    CHECK(arguments.text().empty());
    CHECK(arguments.number<std::uint64_t>() == 1000);
    CHECK(arguments.number<std::uint64_t>() == 0);
    CHECK((arguments.ok() && arguments.at_end()));
    Writer writer;
    writer.number(std::uint64_t{77});
    kernel.answer(worker, number, CLEAT_OK, "", writer.bytes);
    writer.clear();
    writer.number(ToProcess::kCallEvent);
    writer.number(std::uint64_t{77});
    writer.number(exchange(0));
    for (const std::uint32_t part : {CLEAT_CALL_DONE, 0U, 204U, 0U}) writer.number(part);
    writer.text(std::string_view("body"));
    writer.number(std::uint32_t{0});
    writer.text(std::string_view());
    kernel.send(worker, writer.bytes);
  };
  CHECK(kernel.run(request("call")).verdict == CLEAT_CONTINUE);
  CHECK(kernel.wait_for_log("called: kind=1 status=204 body=body owner=x"));
}

TEST_CASE("a body's piece is changed here, also while its hook is suspended, and told whole") {
  Running kernel;
  CHECK(kernel.run(request("subscribe")).operations == Operations{"body_subscribe 0 1 0"});
  CHECK(kernel.wait_for_log("subscribe: large=-5"));
  const std::string piece = "abc";
  HookCall call;
  call.hook = HookNumber::kRequestBody;
  call.extra = CLEAT_BODY_END;
  call.piece = &piece;
  CHECK(kernel.run(call).operations == Operations{"body_replace 0 bc!"});
  CHECK(kernel.wait_for_log("piece: bc! other=-6"));
  call.request.emplace_back("act", "suspend-timer");
  CHECK(kernel.run(call).operations == Operations{"body_replace 0 abc later"});
}

TEST_CASE("retries and statuses are judged by what was told") {
  Running kernel;
  HookCall call;
  call.hook = HookNumber::kAttemptEnd;
  call.status = 503;
  CHECK(kernel.run(call).operations == Operations{"header_set 0 x-retry -5 1234"});
  call.attempt_flags = CLEAT_ATTEMPT_CAN_RETRY;
  CHECK(kernel.run(call).operations == Operations{"retry 1 20", "header_set 0 x-retry 0 1234"});
  call.hook = HookNumber::kResponse;
  CHECK(kernel.run(call).operations == Operations{"status_set 504", "header_set 1 x-status 504"});
  call.integers[CLEAT_ATTR_RESPONSE_STATUS] = 503;  // the head has been sent
  CHECK(kernel.run(call).operations.empty());
}

TEST_CASE("a connection has facts and may be suspended; what has no hook is answered CONTINUE") {
  Running kernel;
  HookCall call;
  call.hook = HookNumber::kConnection;
  call.subject = connection(0);
  call.texts[CLEAT_ATTR_SOURCE_ADDRESS] = "192.0.2.1:5";
  CHECK(kernel.run(call).verdict == CLEAT_REPLIED);
  CHECK(kernel.wait_for_log("connection: source=0,192.0.2.1:5 protocol=-8 id=-3"));
  call.hook = HookNumber::kTls;
  CHECK(kernel.run(call).verdict == CLEAT_CONTINUE);
  call.hook = HookNumber::kConnectionEnd;
  kernel.hook(call);
  HookCall reply;
  reply.hook = HookNumber::kReply;
  reply.status = 404;
  CHECK(kernel.run(reply).verdict == CLEAT_CONTINUE);
}

TEST_CASE("events, a drain, and what a plugin publishes") {
  Running kernel;
  Writer writer;
  writer.number(CLEAT_EVENT_NAMED);
  writer.text(std::string_view("acts.x"));
  writer.text(std::string_view("a=1"));
  kernel.tell(Function::kEvent, writer.bytes);
  CHECK(kernel.wait_for_log("event: 2 acts.x a=1"));
  writer.clear();
  writer.number(std::uint64_t{88});
  CHECK(kernel.ask(Function::kDrain, writer.bytes).status == CLEAT_OK);
  CHECK(kernel.completed == std::vector<std::uint64_t>{88});
  CHECK(kernel.wait_for_log("drain: 0 -1"));
  writer.clear();
  writer.number(std::uint64_t{89});
  CHECK(kernel.ask(Function::kShutdown, writer.bytes).status == CLEAT_OK);  // it has no such hook
  CHECK(kernel.completed == std::vector<std::uint64_t>{88, 89});
  kernel.asked = [&](std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments) {
    CHECK(function == Function::kEventPublish);
    CHECK(arguments.text() == "acts.done");
    CHECK(arguments.text() == "x=1");
    kernel.answer(worker, number, CLEAT_OK, "", "");
  };
  kernel.run(request("publish"));
  CHECK(kernel.wait_for_log("publish: 0"));
}

TEST_CASE("a hook that did more than a ring takes fails, and says so") {
  Running kernel(1, 4096);
  const Done done = kernel.run(request("many"));
  CHECK(done.verdict == CLEAT_FAIL);
  CHECK(done.words == "what it did is more than can be told to the kernel at once");
  CHECK(done.operations.empty());
}

TEST_CASE("log lines that the kernel does not take are dropped and counted, and hold nobody up") {
  Running kernel;
  CHECK(kernel.run(request("chatter")).verdict == CLEAT_CONTINUE);
  for (int i = 0; i < 50 && kernel.logged("lines dropped") == 0; ++i) {
    while (kernel.serve_control(20)) {
    }
    kernel.run(request("state"));
  }
  CHECK(kernel.logged("lines dropped: the kernel did not take them") != 0);
}

TEST_CASE("many hooks on two workers at once are each done once, and in order") {
  Running kernel(2);
  constexpr std::uint32_t kEach = 2000;
  std::vector<std::uint64_t> sent[2], got[2];
  for (std::uint32_t i = 0; i < kEach; ++i) {
    for (std::uint32_t worker = 0; worker < 2; ++worker) {
      sent[worker].push_back(kernel.hook(request("nothing", exchange(worker, i % 50))));
      if (i >= 30) got[worker].push_back(kernel.done(worker).call);
    }
  }
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    while (got[worker].size() < kEach) got[worker].push_back(kernel.done(worker).call);
    CHECK(got[worker] == sent[worker]);
    CHECK(kernel.receive(worker, 20).empty());
  }
}

TEST_CASE("signals to the whole group leave it; it ends by itself, the plugin destroyed, when the socket closes") {
  Running kernel;
  CHECK(kernel.run(request("nothing")).verdict == CLEAT_CONTINUE);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) ::kill(kernel.pid(), one);
  CHECK(kernel.run(request("nothing")).verdict == CLEAT_CONTINUE);
  kernel.hang_up();
  CHECK(kernel.wait_for_end() == 0);
  CHECK(kernel.logged("worker_stop: 0") == 1);
  CHECK(kernel.logged("destroyed") == 1);
}

TEST_CASE("a hook that never returns does not keep the process when the kernel is gone") {
  Running kernel;
  kernel.hook(request("hang"));
  REQUIRE(kernel.wait_for_log("hanging"));
  kernel.hang_up();
  CHECK(kernel.wait_for_end() == 1);
  CHECK(kernel.logged("a hook still runs although the kernel is gone") == 1);
  CHECK(kernel.logged("destroyed") == 0);
}

TEST_CASE("a message that cannot be ends the process with a line") {
  SECTION("a hook's call that is cut off") {
    Running kernel;
    Writer writer;
    writer.number(ToProcess::kHook);
    writer.number(std::uint64_t{1});
    writer.number(HookNumber::kRequest);
    writer.number(exchange(0));
    kernel.send(0, writer.bytes);
    CHECK(kernel.wait_for_end() == 1);
    CHECK(kernel.wait_for_log("a hook's call is not whole"));
  }
  SECTION("an unknown type") {
    Running kernel;
    kernel.send(0, "\xff");
    CHECK(kernel.wait_for_end() == 1);
    CHECK(kernel.wait_for_log("a message of an unknown type came from the kernel"));
  }
  SECTION("numbers in the ring") {
    Running kernel;
    kernel.ring_to(0)->written.store(1 << 30);
    kernel.wake(0);
    CHECK(kernel.wait_for_end() == 1);
    CHECK(kernel.wait_for_log("the ring from the kernel holds what cannot be"));
  }
  SECTION("a control frame of no size") {
    Kernel kernel;
    kernel.raw(std::string(4, '\0'));
    CHECK(kernel.wait_for_end() == 1);
    CHECK(kernel.wait_for_log("a control frame of 0 bytes cannot be"));
  }
  SECTION("a request to load that is cut off") {
    Kernel kernel;
    kernel.tell(Function::kLoad, "x");
    CHECK(kernel.wait_for_end() == 1);
    CHECK(kernel.wait_for_log("a request to load cannot be"));
  }
}

}  // namespace cleat::isolation::test
