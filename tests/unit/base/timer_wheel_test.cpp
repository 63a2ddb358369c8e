#include "kernel/base/timer_wheel.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace cleat;

namespace {

constexpr std::uint64_t kTurnMs = TimerWheel::kSlotMs * TimerWheel::kSlots;

struct Alarm {
  std::function<void()> then;
  int fired = 0;
  Timer timer{[](void* self) { static_cast<Alarm*>(self)->ring(); }, this};
  void ring() {
    ++fired;
    if (then) then();
  }
};

struct Late {
  int fired = 0;
  Deadline deadline;
  explicit Late(TimerWheel& wheel) : deadline(wheel, [](void* self) { ++static_cast<Late*>(self)->fired; }, this) {}
};

}  // namespace

TEST_CASE("timer wheel fires never early, and late by a slot at most") {
  for (const std::uint64_t start : {0ULL, 5ULL, 1'000'003ULL}) {
    for (const std::uint64_t in : {1ULL, 7ULL, 8ULL, 9ULL, 100ULL, 8'191ULL, 8'192ULL, 20'000ULL}) {
      CAPTURE(start, in);
      TimerWheel wheel;
      wheel.advance(start);
      Alarm alarm;
      wheel.arm(alarm.timer, start + in);
      std::uint64_t now = start;
      while (alarm.fired == 0 && now < start + in + 100) wheel.advance(++now);
      CHECK(now >= start + in);
      CHECK(now < start + in + TimerWheel::kSlotMs);
      CHECK_FALSE(alarm.timer.armed());
      wheel.advance(now + 2 * kTurnMs);
      CHECK(alarm.fired == 1);
    }
  }
}

TEST_CASE("timer wheel fires what is due already with the next slot") {
  TimerWheel wheel;
  wheel.advance(1000);
  Alarm alarm;
  wheel.arm(alarm.timer, 3);
  wheel.advance(1000 + TimerWheel::kSlotMs);
  CHECK(alarm.fired == 1);
}

TEST_CASE("timer wheel leaves a timer of a later turn in its slot") {
  TimerWheel wheel;
  wheel.advance(0);
  Alarm near, far;
  wheel.arm(near.timer, 80);
  wheel.arm(far.timer, 80 + kTurnMs);  // the same slot
  wheel.advance(80);
  CHECK(near.fired == 1);
  CHECK(far.fired == 0);
  CHECK(far.timer.armed());
  wheel.advance(80 + kTurnMs);
  CHECK(far.fired == 1);
}

TEST_CASE("timer wheel catches up after a pause longer than a turn") {
  TimerWheel wheel;
  wheel.advance(0);
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    alarms.push_back(std::make_unique<Alarm>());
    wheel.arm(alarms.back()->timer, i * 777);
  }
  wheel.advance(10 * kTurnMs);
  for (const auto& alarm : alarms) CHECK(alarm->fired == 1);
}

TEST_CASE("timer wheel forgets a cancelled timer, and one that is destroyed") {
  TimerWheel wheel;
  wheel.advance(0);
  Alarm kept;
  wheel.arm(kept.timer, 50);
  kept.timer.cancel();
  kept.timer.cancel();
  {
    Alarm gone;
    wheel.arm(gone.timer, 50);
  }
  CHECK(wheel.wait_ms(0) == -1);
  wheel.advance(100);
  CHECK(kept.fired == 0);
}

TEST_CASE("timer wheel moves an armed timer both ways") {
  TimerWheel wheel;
  wheel.advance(0);
  Alarm alarm;
  wheel.arm(alarm.timer, 400);
  wheel.arm(alarm.timer, 40);
  CHECK(alarm.timer.at_ms() == 40);
  wheel.arm(alarm.timer, 800);
  wheel.advance(480);
  CHECK(alarm.fired == 0);
  wheel.advance(800);
  CHECK(alarm.fired == 1);
}

TEST_CASE("timers may arm, cancel and destroy one another while they fire") {
  TimerWheel wheel;
  wheel.advance(0);
  Alarm again, victim;
  auto doomed = std::make_unique<Alarm>();
  // All in one slot. Whoever of the two comes first ends the other.
  again.then = [&] {
    victim.timer.cancel();
    doomed.reset();
    if (again.fired < 3) wheel.arm(again.timer, wheel.now_ms());
  };
  wheel.arm(again.timer, 16);
  wheel.arm(victim.timer, 16);
  wheel.arm(doomed->timer, 16);
  wheel.advance(16);
  CHECK(again.fired == 1);  // a timer that arms itself for now does not hold the loop
  CHECK(victim.fired == 0);
  wheel.advance(24);
  CHECK(again.fired == 2);
  wheel.advance(32);
  CHECK(again.fired == 3);
  wheel.advance(4000);
  CHECK(again.fired == 3);
}

TEST_CASE("timer wheel knows how long nothing will be due") {
  TimerWheel wheel;
  wheel.advance(1000);
  CHECK(wheel.wait_ms(1000) == -1);
  Alarm soon, later;
  wheel.arm(later.timer, 1000 + 4 * kTurnMs);
  CHECK(wheel.wait_ms(1000) > 0);  // its slot must be looked at once a turn
  CHECK(wheel.wait_ms(1000) <= static_cast<int>(kTurnMs));
  wheel.arm(soon.timer, 1100);
  CHECK(wheel.wait_ms(1000) >= 100);
  CHECK(wheel.wait_ms(1000) < 100 + static_cast<int>(TimerWheel::kSlotMs));
  CHECK(wheel.wait_ms(1200) == 0);
  wheel.advance(1000 + static_cast<std::uint64_t>(wheel.wait_ms(1000)));
  CHECK(soon.fired == 1);
}

TEST_CASE("timer wheel waits for the first slot that has a timer, whatever was armed and cancelled before") {
  TimerWheel wheel;
  std::mt19937_64 random(11);
  std::uint64_t now = 1'000'000;
  wheel.advance(now);
  std::vector<std::unique_ptr<Alarm>> all(40);
  for (auto& one : all) one = std::make_unique<Alarm>();
  for (int round = 0; round < 5'000; ++round) {
    Alarm& one = *all[random() % all.size()];
    if (random() % 2 == 0) {
      one.timer.cancel();
    } else {
      wheel.arm(one.timer, now + random() % (kTurnMs / 2));
    }
    if (random() % 8 == 0) wheel.advance(now += random() % 100);
    std::uint64_t first = UINT64_MAX;
    for (const auto& each : all) {
      if (each->timer.armed()) first = std::min(first, each->timer.at_ms());
    }
    const int wait = wheel.wait_ms(now);
    CAPTURE(round, now, first, wait);
    if (first == UINT64_MAX) {
      REQUIRE(wait == -1);
    } else {
      REQUIRE(now + static_cast<std::uint64_t>(wait) >= first);
      REQUIRE(now + static_cast<std::uint64_t>(wait) < std::max(first, now + 1) + 2 * TimerWheel::kSlotMs);
    }
  }
}

TEST_CASE("timer wheel, waited for as the reactor does, fires every one of many timers in time") {
  TimerWheel wheel;
  std::mt19937_64 random(7);
  std::uint64_t now = 123'456;
  wheel.advance(now);
  struct Timed : Alarm {
    std::uint64_t at = 0, fired_at = 0;
  };
  std::vector<std::unique_ptr<Timed>> all;
  for (int i = 0; i < 500; ++i) {
    Timed& one = *all.emplace_back(std::make_unique<Timed>());
    one.at = now + random() % (3 * kTurnMs);
    one.then = [&one, &now] { one.fired_at = now; };
    wheel.arm(one.timer, one.at);
  }
  for (int wait = wheel.wait_ms(now); wait >= 0; wait = wheel.wait_ms(now)) {
    now += static_cast<std::uint64_t>(wait);
    wheel.advance(now);
  }
  for (const auto& one : all) {
    CAPTURE(one->at, one->fired_at);
    CHECK(one->fired == 1);
    CHECK(one->fired_at >= one->at);
    CHECK(one->fired_at <= one->at + 2 * TimerWheel::kSlotMs);
  }
}

TEST_CASE("deadline that is moved on fires once, at its last time") {
  TimerWheel wheel;
  wheel.advance(0);
  Late late(wheel);
  std::uint64_t now = 0;
  for (; now < 1000; now += 10) {
    late.deadline.set(now + 100);
    wheel.advance(now);
  }
  CHECK(late.fired == 0);
  wheel.advance(late.deadline.at_ms() - 1);
  CHECK(late.fired == 0);
  wheel.advance(late.deadline.at_ms() + TimerWheel::kSlotMs);
  CHECK(late.fired == 1);
  CHECK(late.deadline.at_ms() == 0);
  wheel.advance(5000);
  CHECK(late.fired == 1);
}

TEST_CASE("deadline moves to an earlier time, and fires into nothing once cleared") {
  TimerWheel wheel;
  wheel.advance(0);
  Late sooner(wheel), cleared(wheel), again(wheel);
  sooner.deadline.set(1000);
  sooner.deadline.set(100);
  cleared.deadline.set(100);
  cleared.deadline.clear();
  again.deadline.set(100);
  again.deadline.clear();
  again.deadline.set(300);  // the timer is armed for the old time still
  wheel.advance(104);
  CHECK(sooner.fired == 1);
  CHECK(again.fired == 0);
  wheel.advance(2000);
  CHECK(sooner.fired == 1);
  CHECK(cleared.fired == 0);
  CHECK(again.fired == 1);
}

TEST_CASE("deadline may be set anew while it fires") {
  TimerWheel wheel;
  wheel.advance(0);
  struct Repeating {
    int fired = 0;
    Deadline deadline;
    explicit Repeating(TimerWheel& of)
        : deadline(of, [](void* self) {
            auto* repeating = static_cast<Repeating*>(self);
            ++repeating->fired;
            repeating->deadline.set(repeating->deadline.at_ms() + 1'000);
          }, this) {}
  } repeating(wheel);
  repeating.deadline.set(10);
  wheel.advance(16);
  CHECK(repeating.fired == 1);
  wheel.advance(1'024);
  CHECK(repeating.fired == 2);
}
