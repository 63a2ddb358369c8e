// Events from publish to on_event: who is told, in which order, how many fit, and what happens when instances come and go.
#include "kernel/events.hpp"

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "kernel/base/metrics.hpp"
#include "kernel/control.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "tests/unit/hooks/build_plugin.hpp"

using namespace cleat;

namespace {

using Instances = std::vector<std::shared_ptr<hooks::Instance>>;

// The control thread's queue, with instances of the events plugin.
struct Bus {
  config::Document document;
  Instances instances;
  char* journal = nullptr;

  explicit Bus(const std::string& list, bool fails = false) {
    open_control();
    config::Diagnostics diagnostics("events.yaml");
    document = config::parse_document("plugins: " + list + "\nlisteners: []\nclusters: []\n", diagnostics);
    config::Model model = config::read_model(document, diagnostics);
    INFO(diagnostics.text());
    REQUIRE_FALSE(diagnostics.failed());
    for (config::Instance& one : model.instances) one.use = test::build_plugin("events.c");
    instances = hooks::Loader({}, hooks::host_table(), 1).load(model.instances, {}, 1, false, diagnostics);
    INFO(diagnostics.text());
    REQUIRE(instances.empty() == fails);
    if (fails) return;
    journal = static_cast<char*>(const_cast<void*>(instances[0]->table.find(hooks::to_str("test.journal/1"))));
    journal[0] = '\0';
  }
  ~Bus() { close_control(); }
  std::string heard() {
    run_control_tasks();
    std::string all = journal;
    journal[0] = '\0';
    return all;
  }
};

std::int64_t drops() {
  std::int64_t found = 0;
  metrics::visit([&](const metrics::View& view) {
    if (view.definition->name == "cleat_events_dropped_total") found += view.value;
  });
  return found;
}

}  // namespace

TEST_CASE("events reach those who subscribed to the name or to what is above it, in order, not inside publish") {
  Bus bus("[{name: a, use: events, config: [app.x, app.x, 'cleat.*']}, {name: b, use: events, config: ['app.*']}, {name: c, use: events}]");
  CHECK(publish_event("app.x", "1"));
  CHECK(publish_event("app.y", "2"));
  CHECK(publish_event("app", "3"));
  CHECK(publish_event("application.x", "4"));
  CHECK(publish_event("cleat.generation.applied", "generation=2"));
  CHECK(std::string(bus.journal).empty());
  CHECK(bus.heard() == "a<app.x=1 b<app.x=1 b<app.y=2 a<cleat.generation.applied=generation=2 ");
}

TEST_CASE("events published inside on_event come after it, to the publisher too") {
  Bus bus("[{name: a, use: events, config: ['app.*']}]");
  CHECK(publish_event("app.ping", "x"));
  CHECK(publish_event("app.z", ""));
  CHECK(bus.heard() == "a<app.ping=x a<app.z= a<app.pong=x ");
}

TEST_CASE("events are for instances that are there when their turn comes") {
  Bus bus("[{name: a, use: events, config: ['app.*']}, {name: b, use: events, config: ['app.*']}]");
  CHECK(publish_event("app.x", "1"));
  bus.instances.pop_back();
  CHECK(bus.heard() == "a<app.x=1 ");
}

TEST_CASE("events that do not fit are counted and lost, and those that came first are delivered") {
  Bus bus("[{name: a, use: events, config: [app.last]}]");
  const std::int64_t before = drops();
  CHECK(publish_event("app.last", "first"));
  for (std::size_t i = 1; i < kEventsMax; ++i) REQUIRE(publish_event("app.x", ""));
  CHECK_FALSE(publish_event("app.last", "late"));
  CHECK(drops() == before + 1);
  for (std::size_t i = 0; i <= kEventsMax / 256; ++i) run_control_tasks();
  CHECK(publish_event("app.last", "again"));
  CHECK(bus.heard() == "a<app.last=first a<app.last=again ");
}

TEST_CASE("events: what a plugin may not do is answered") {
  Bus bus("[{name: a, use: events, config: ['app.*']}]");
  const cleat_instance self = bus.instances[0]->handle;
  const auto publish = [&](cleat_instance as, std::string_view name, const std::string& data) {
    return hooks::kHostEvents.publish(as, hooks::to_str(name), hooks::to_str(data));
  };
  CHECK(publish(self, "cleat.drain", "") == CLEAT_INVALID);
  CHECK(publish(self, "", "") == CLEAT_INVALID);
  CHECK(publish(self, "a b", "") == CLEAT_INVALID);
  CHECK(publish(self, "app.x", std::string(kEventDataMax + 1, 'x')) == CLEAT_INVALID);
  CHECK(publish(self + (1 << 16), "app.x", "") == CLEAT_STALE);
  CHECK(hooks::kHostEvents.publish(self, {nullptr, 1}, {}) == CLEAT_INVALID);
  CHECK(publish(self, "app.x", std::string(kEventDataMax, 'x')) == CLEAT_OK);

  const auto subscribe = [&](std::string_view pattern) { return hooks::kHostEvents.subscribe(self, hooks::to_str(pattern)); };
  for (const std::string_view wrong : {"", "*", "a*", ".*x", "a.*.*", "a b"}) CHECK(subscribe(wrong) == CLEAT_INVALID);
  for (std::size_t i = 1; i < kEventPatternsMax; ++i) CHECK(subscribe("n" + std::to_string(i)) == CLEAT_OK);
  CHECK(subscribe("one.more") == CLEAT_LIMIT);
  CHECK(subscribe("n1") == CLEAT_OK);
  cleat_status elsewhere = CLEAT_OK;
  std::thread([&] { elsewhere = subscribe("n1"); }).join();
  CHECK(elsewhere == CLEAT_WRONG_THREAD);
}

TEST_CASE("events: a wrong pattern refuses the instance that gives it") { Bus bus("[{name: a, use: events, config: ['*']}]", true); }

TEST_CASE("events may be published from many threads", "[threads]") {
  Bus bus("[{name: a, use: events, config: [app.n]}]");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 500; ++n) publish_event("app.n", "1");
    });
  }
  std::size_t told = 0;
  for (std::thread& thread : threads) {
    told += bus.heard().size() / std::string_view("a<app.n=1 ").size();
    thread.join();
  }
  for (int i = 0; i < 8; ++i) told += bus.heard().size() / std::string_view("a<app.n=1 ").size();
  CHECK(told == 2000);
}
