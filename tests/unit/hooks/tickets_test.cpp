#include "kernel/hooks/tickets.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

namespace tickets = cleat::hooks::tickets;

namespace {

constexpr std::uint32_t kWorker = 200;  // of these tests alone: the table is the process's

bool claim(std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t* generation = nullptr) {
  std::uint32_t ignored = 0;
  return tickets::claim(kWorker, slot, lane, number, generation != nullptr ? *generation : ignored);
}

}  // namespace

TEST_CASE("tickets are worth one claim") {
  REQUIRE(tickets::issue(kWorker, 3, 1, 77, 5));
  CHECK_FALSE(claim(3, 1, 76));
  CHECK_FALSE(claim(3, 2, 77));
  CHECK_FALSE(claim(4, 1, 77));
  std::uint32_t generation = 0;
  CHECK(claim(3, 1, 77, &generation));
  CHECK(generation == 5);
  CHECK_FALSE(claim(3, 1, 77));
}

TEST_CASE("tickets that were dropped or replaced are worth nothing") {
  REQUIRE(tickets::issue(kWorker, 8, 0, 1, 1));
  tickets::drop(kWorker, 8, 0);
  CHECK_FALSE(claim(8, 0, 1));
  REQUIRE(tickets::issue(kWorker, 8, 0, 2, 1));
  REQUIRE(tickets::issue(kWorker, 8, 0, 3, 1));
  CHECK_FALSE(claim(8, 0, 2));
  CHECK(claim(8, 0, 3));
}

TEST_CASE("tickets come back when they could not be delivered, unless another took their place") {
  REQUIRE(tickets::issue(kWorker, 9, 0, 10, 4));
  REQUIRE(claim(9, 0, 10));
  tickets::restore(kWorker, 9, 0, 10, 4);
  std::uint32_t generation = 0;
  CHECK(claim(9, 0, 10, &generation));
  CHECK(generation == 4);
  REQUIRE(tickets::issue(kWorker, 9, 0, 11, 4));
  tickets::restore(kWorker, 9, 0, 10, 4);
  CHECK_FALSE(claim(9, 0, 10));
  CHECK(claim(9, 0, 11));
}

TEST_CASE("tickets of no number, lane, slot or worker are refused") {
  CHECK_FALSE(claim(0, 0, 0));
  CHECK_FALSE(claim(1U << 21, 0, 1));       // nothing was ever issued there
  CHECK_FALSE(claim(UINT32_MAX, 0, 1));
  CHECK_FALSE(claim(0, tickets::kLanes, 1));
  CHECK_FALSE(tickets::issue(256, 0, 0, 1, 1));
  CHECK_FALSE(tickets::issue(kWorker, 1U << 22, 0, 1, 1));
  CHECK_FALSE(tickets::issue(kWorker, 0, tickets::kLanes, 1, 1));
  tickets::drop(256, UINT32_MAX, UINT32_MAX);
  tickets::restore(kWorker, UINT32_MAX, 0, 1, 1);
  CHECK(tickets::issue(kWorker, (1U << 22) - 1, tickets::kConnectionLane, 1, 1));
  CHECK(claim((1U << 22) - 1, tickets::kConnectionLane, 1));
}

TEST_CASE("tickets are claimed by exactly one of many threads", "[threads]") {
  // The worker issues one number after another over two chunks of the table, and drops some; the others claim whatever they see.
  constexpr std::uint32_t kRounds = 20'000;
  constexpr std::uint32_t kFirstSlot = 1020;
  std::atomic<std::uint32_t> out{0};  // the number that is out
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> claims{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop.load()) {
        const std::uint32_t number = out.load();
        std::uint32_t generation = 0;
        if (number == 0 || !tickets::claim(kWorker, kFirstSlot + number % 8, 0, number, generation)) continue;
        claims.fetch_add(1);
        if (generation != number * 3) wrong.fetch_add(1);
      }
    });
  }
  std::uint64_t own = 0;
  for (std::uint32_t number = 1; number <= kRounds; ++number) {
    const std::uint32_t slot = kFirstSlot + number % 8;
    REQUIRE(tickets::issue(kWorker, slot, 0, number, number * 3));
    out.store(number);
    if (number % 3 == 0) std::this_thread::yield();
    std::uint32_t generation = 0;
    if (tickets::claim(kWorker, slot, 0, number, generation)) ++own;  // or another thread has: one of the two
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  CHECK(claims.load() + own == kRounds);
  CHECK(wrong.load() == 0);
}
