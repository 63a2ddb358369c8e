#include "kernel/hooks/instance.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/unit/hooks/build_plugin.hpp"

using namespace cleat::hooks;

TEST_CASE("instance handles go stale and never come back") {
  std::vector<cleat_instance> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto instance = std::make_unique<Instance>();
    REQUIRE(instance->handle != 0);
    REQUIRE(find_instance(instance->handle) == instance.get());
    for (const cleat_instance old : seen) REQUIRE(old != instance->handle);
    seen.push_back(instance->handle);
  }
  for (const cleat_instance old : seen) REQUIRE(find_instance(old) == nullptr);
}

TEST_CASE("instance lookup answers nothing for handles that were never given") {
  for (const cleat_instance forged : {cleat_instance{0}, cleat_instance{1}, cleat_instance{0xffff}, ~cleat_instance{0}, cleat_instance{0x10ffff}}) {
    CHECK(find_instance(forged) == nullptr);
    CHECK_FALSE(InstancePin(forged));
    CHECK(host_log(forged, CLEAT_ERROR, to_str("forged")) == CLEAT_STALE);
  }
}

TEST_CASE("instance slots run out at 65536 and come free again") {
  std::vector<std::unique_ptr<Instance>> all;
  for (;;) {
    all.push_back(std::make_unique<Instance>());
    if (all.back()->handle == 0 || all.size() > 70'000) break;
  }
  CHECK(all.size() == 65'537);
  all.clear();
  CHECK(Instance().handle != 0);
}

TEST_CASE("instance pins hold destruction back", "[threads]") {
  // Other threads look the instance up and read it while it is destroyed: they see it whole, or not at all.
  std::atomic<cleat_instance> handle{0};
  std::atomic<bool> stop{false};
  std::atomic<int> seen{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop.load()) {
        const InstancePin pin(handle.load());
        if (pin && pin->name.size() == 24) seen.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 2000 || (seen.load() == 0 && i < 10'000'000); ++i) {
    Instance instance;
    instance.name = "a name of 24 characters.";
    handle.store(instance.handle);
    while (i % 64 == 0 && seen.load() == 0) std::this_thread::yield();
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  CHECK(seen.load() > 0);
}

TEST_CASE("hooks have names") {
  CHECK(hook_name(Hook::kRequest) == "on_request");
  CHECK(hook_name(Hook::kPick) == "pick");
  CHECK(hook_name(Hook::kRouteDestroy) == "route_destroy");
  CHECK(hook_name(Hook::kCount) == "none");
}

TEST_CASE("error texts are kept for each thread and answered in part") {
  CHECK(fail_call(CLEAT_NOT_FOUND, "no such header") == CLEAT_NOT_FOUND);
  char buffer[32] = {};
  std::uint64_t needed = 0;
  CHECK(error_text(buffer, sizeof buffer, &needed) == CLEAT_OK);
  CHECK(std::string_view(buffer, needed) == "no such header");
  CHECK(error_text(buffer, 2, &needed) == CLEAT_TOO_SMALL);
  CHECK(needed == 14);
  CHECK(error_text(nullptr, 0, &needed) == CLEAT_TOO_SMALL);
  CHECK(error_text(nullptr, 5, nullptr) == CLEAT_INVALID);
  std::thread([] {
    std::uint64_t size = 1;
    CHECK(error_text(nullptr, 0, &size) == CLEAT_OK);
    CHECK(size == 0);
  }).join();
  CHECK(set_call_error("one") == CLEAT_OK);
  CHECK(set_call_error(std::string(5000, 'x')) == CLEAT_OK);
  CHECK(take_plugin_error().size() == 1024);
  CHECK(take_plugin_error().empty());
}
