// The host table as a thread of nobody's sees it: what works anywhere, and that the rest says so.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>

#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"

using namespace cleat::hooks;

namespace {

const cleat_host& host() { return *host_table(); }

std::string last_error() {
  std::string text(256, '\0');
  std::uint64_t needed = 0;
  host().error_text(text.data(), text.size(), &needed);
  text.resize(needed);
  return text;
}

}  // namespace

TEST_CASE("host table has every entry, and finds exactly the promised extensions") {
  CHECK(host().size == sizeof(cleat_host));
  CHECK(host().abi == CLEAT_ABI);
  CHECK(to_view(host().name) == "cleat");
  CHECK_FALSE(to_view(host().version).empty());
  const char* const bytes = reinterpret_cast<const char*>(&host());
  for (std::size_t at = offsetof(cleat_host, find); at < sizeof(cleat_host); at += 8) {
    std::uint64_t entry;
    std::memcpy(&entry, bytes + at, sizeof entry);
    CHECK(entry != 0);
  }
  for (const std::string_view id : {"cleat.config/1", "cleat.body/1", "cleat.attributes/1", "cleat.metadata/1", "cleat.timer/1", "cleat.post/1",
                                    "cleat.metrics/1", "cleat.balancer/1", "cleat.handler/1", "cleat.events/1", "cleat.control/1",
                                    "cleat.config_source/1", "cleat.kv/1", "cleat.http_call/1", "cleat.tls/1", "cleat.handover/1"}) {
    CHECK(host_has(id));
    const void* const table = host().find(to_str(id));
    REQUIRE(table != nullptr);
    std::uint32_t size = 0;
    std::memcpy(&size, table, sizeof size);
    CHECK(size > 8);
    for (std::size_t at = 8; at < size; at += 8) {
      std::uint64_t entry;
      std::memcpy(&entry, static_cast<const char*>(table) + at, sizeof entry);
      CHECK(entry != 0);
    }
  }
  for (const std::string_view id : {"", "cleat.body", "cleat.body/2", "cleat.body/1 ", "cleat.later/1"}) CHECK(host().find(to_str(id)) == nullptr);
  CHECK(host().find(cleat_str{nullptr, 5}) == nullptr);
}

TEST_CASE("host functions of workers refuse other threads") {
  const cleat_exchange x = 1ULL << 54 | 1;
  cleat_str text{};
  std::uint64_t number = 0;
  std::uint32_t small = 0;
  void* pointer = nullptr;
  cleat_ticket ticket = 0;
  CHECK(host().worker_index(&small) == CLEAT_WRONG_THREAD);
  CHECK(host().header_get(x, CLEAT_REQUEST, to_str("a"), 0, &text) == CLEAT_WRONG_THREAD);
  CHECK(host().header_count(x, CLEAT_REQUEST, &number) == CLEAT_WRONG_THREAD);
  CHECK(host().header_set(x, CLEAT_REQUEST, to_str("a"), to_str("b")) == CLEAT_WRONG_THREAD);
  CHECK(host().exchange_state(x, 8, &pointer) == CLEAT_WRONG_THREAD);
  CHECK(host().suspend(x, &ticket) == CLEAT_WRONG_THREAD);
  CHECK(host().suspend(2ULL << 54 | 1, &ticket) == CLEAT_WRONG_THREAD);
  CHECK(host().reset(x) == CLEAT_WRONG_THREAD);
  CHECK(kHostTimer.cancel(3ULL << 54 | 1) == CLEAT_WRONG_THREAD);
  CHECK(kHostMetadata.set_integer(x, 1, 1) == CLEAT_WRONG_THREAD);
  CHECK_FALSE(last_error().empty());
}

TEST_CASE("host functions refuse null outputs and junk") {
  CHECK(host().worker_index(nullptr) == CLEAT_INVALID);
  CHECK(host().suspend(1, nullptr) == CLEAT_INVALID);
  CHECK(host().set_error({nullptr, 3}) == CLEAT_INVALID);
  CHECK(host().resume(1, CLEAT_SUSPEND) == CLEAT_INVALID);
  CHECK(host().resume(1, 77) == CLEAT_INVALID);
  CHECK(host().resume(0, CLEAT_CONTINUE) == CLEAT_STALE);
  CHECK(host().resume(UINT64_MAX, CLEAT_CONTINUE) == CLEAT_STALE);
  CHECK(host().complete(UINT64_MAX) == CLEAT_STALE);
  CHECK(kHostTimer.arm(1, 1, 1, nullptr, nullptr, nullptr) == CLEAT_INVALID);
  CHECK(kHostAttributes.text(1, CLEAT_ATTR_LISTENER, nullptr) == CLEAT_INVALID);
  cleat_str text{};
  CHECK(kHostAttributes.text(1, CLEAT_ATTR_START_UNIX_US, &text) == CLEAT_INVALID);
  CHECK(kHostAttributes.text(1, UINT32_MAX, &text) == CLEAT_INVALID);
  std::uint64_t count = 0;
  CHECK(kHostBalancer.in_flight(12345, 0, &count) == CLEAT_STALE);
  CHECK(kHostBalancer.health_set(1, 0, 2) == CLEAT_INVALID);
}

TEST_CASE("host posts need a callback, an instance and an owner") {
  const cleat_post_fn fn = [](void*, cleat_status, std::uint64_t, void*) {};
  const Instance instance;
  CHECK(kHostPost.post(instance.handle, 1ULL << 54 | 1, nullptr, nullptr) == CLEAT_INVALID);
  CHECK(kHostPost.post(12345, 1ULL << 54 | 1, fn, nullptr) == CLEAT_STALE);
  CHECK(kHostPost.post(instance.handle, instance.handle, fn, nullptr) == CLEAT_INVALID);
  CHECK(kHostPost.post_worker(instance.handle, 300, fn, nullptr) == CLEAT_INVALID);
}
