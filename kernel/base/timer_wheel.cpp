#include "kernel/base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace cleat {

TimerWheel::TimerWheel() {
  for (Slot& slot : slots_) slot.head.next_ = slot.head.before_ = &slot.head;
}

TimerWheel::~TimerWheel() {
  for (Slot& slot : slots_) {
    while (slot.head.next_ != &slot.head) slot.head.next_->cancel();
    slot.head.next_ = slot.head.before_ = nullptr;
  }
}

void TimerWheel::arm(Timer& timer, std::uint64_t at_ms) {
  timer.cancel();
  timer.at_ms_ = at_ms;
  timer.wheel_ = this;
  // Rounded up: a slot is looked at when its time has wholly begun, so nothing fires early. What is due goes to the next slot.
  const std::uint64_t number = std::max((at_ms + kSlotMs - 1) / kSlotMs, turned_ + 1);
  Timer& head = slots_[number % kSlots].head;
  filled_[number % kSlots / 64] |= std::uint64_t{1} << number % 64;
  timer.before_ = head.before_;
  timer.next_ = &head;
  head.before_->next_ = &timer;
  head.before_ = &timer;
  ++armed_;
}

void TimerWheel::advance(std::uint64_t now_ms) {
  now_ms_ = now_ms;
  const std::uint64_t until = now_ms / kSlotMs;
  if (until <= turned_) return;
  const std::uint64_t from = std::max(turned_ + 1, until >= kSlots ? until - kSlots + 1 : 0);
  turned_ = until;
  if (armed_ == 0) return;
  for (std::uint64_t number = from; number <= until; ++number) {
    Slot& slot = slots_[number % kSlots];
    // The slot's timers move to a list of their own, so that a callback may arm and cancel as it likes.
    Timer due{nullptr, nullptr};
    if (slot.head.next_ == &slot.head) continue;
    due.next_ = slot.head.next_;
    due.before_ = slot.head.before_;
    due.next_->before_ = due.before_->next_ = &due;
    slot.head.next_ = slot.head.before_ = &slot.head;
    while (due.next_ != &due) {
      Timer& timer = *due.next_;
      timer.cancel();
      if (timer.at_ms_ <= now_ms) {
        timer.fn_(timer.owner_);
      } else {
        arm(timer, timer.at_ms_);
      }
    }
    due.next_ = due.before_ = nullptr;
  }
}

int TimerWheel::wait_ms(std::uint64_t now_ms) {
  if (armed_ == 0) return -1;
  const std::uint64_t end = turned_ + 1 + kSlots;
  for (std::uint64_t number = turned_ + 1; number < end;) {
    std::uint64_t& word = filled_[number % kSlots / 64];
    const std::uint64_t rest = word >> number % 64;
    if (rest == 0) {
      number += 64 - number % 64;
      continue;
    }
    number += static_cast<std::uint64_t>(std::countr_zero(rest));
    const Slot& slot = slots_[number % kSlots];
    if (slot.head.next_ == &slot.head) {
      word &= ~(std::uint64_t{1} << number % 64);
      continue;
    }
    const std::uint64_t at = number * kSlotMs;
    return at <= now_ms ? 0 : static_cast<int>(at - now_ms);
  }
  return -1;
}

}  // namespace cleat
