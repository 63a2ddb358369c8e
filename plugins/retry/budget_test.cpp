// The budget: a minimum, a share of what passed in the window, and nothing of what has left it.
#include "budget.hpp"

#include <catch2/catch_test_macros.hpp>

using retry::Budget;

namespace {

int take_all(Budget& budget, std::uint64_t now_ms) {
  int taken = 0;
  while (taken < 1000 && budget.take(now_ms)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("without requests there is the minimum, and it comes back after the window") {
  Budget budget(20, 3, 10'000);
  CHECK(take_all(budget, 1'000'000) == 3);
  CHECK(take_all(budget, 1'005'000) == 0);
  CHECK(take_all(budget, 1'010'000) == 3);
}

TEST_CASE("requests add their share") {
  Budget budget(20, 0, 10'000);
  for (int i = 0; i < 99; ++i) budget.count_request(5'000);
  CHECK(take_all(budget, 5'000) == 19);
  budget.count_request(6'000);
  CHECK(take_all(budget, 6'000) == 1);
}

TEST_CASE("requests that left the window no longer count") {
  Budget budget(100, 0, 10'000);
  for (int i = 0; i < 10; ++i) budget.count_request(500);
  for (int i = 0; i < 10; ++i) budget.count_request(5'500);
  CHECK(take_all(budget, 9'999) == 20);
  Budget later(100, 0, 10'000);
  for (int i = 0; i < 10; ++i) later.count_request(500);
  for (int i = 0; i < 10; ++i) later.count_request(5'500);
  CHECK(take_all(later, 10'500) == 10);
  CHECK(take_all(later, 100'000) == 0);
}

TEST_CASE("no share and no minimum is no retry") {
  Budget budget(0, 0, 10'000);
  for (int i = 0; i < 100; ++i) budget.count_request(1);
  CHECK(take_all(budget, 1) == 0);
}
