// TimerWheel: the coarse timers of one worker. Slots of 8 ms in a ring; a timer further away than one turn stays in its
// slot and is looked at once a turn. Arming and cancelling are a few stores. Never early, late by a slot and by what the worker
// is doing. One thread.
//
// Deadline is the form the data path uses: moving a deadline later is one store, and the ring is touched only when it
// fires or moves earlier, so that a timeout that is renewed for each request costs nothing.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace cleat {

class TimerWheel;

class Timer {
 public:
  using Fn = void (*)(void* owner);
  Timer(Fn fn, void* owner) : fn_(fn), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }
  bool armed() const { return next_ != nullptr; }
  std::uint64_t at_ms() const { return at_ms_; }
  inline void cancel();

 private:
  friend class TimerWheel;
  Fn fn_;
  void* owner_;
  Timer* next_ = nullptr;
  Timer* before_ = nullptr;
  TimerWheel* wheel_ = nullptr;
  std::uint64_t at_ms_ = 0;
};

class TimerWheel {
 public:
  static constexpr std::uint64_t kSlotMs = 8;
  static constexpr std::size_t kSlots = 1024;

  TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  void arm(Timer& timer, std::uint64_t at_ms);  // re-arms an armed one
  void advance(std::uint64_t now_ms);           // fires what is due; a fired timer may arm itself anew
  // Milliseconds until something may be due (0 = now), or -1 where nothing is armed.
  int wait_ms(std::uint64_t now_ms);
  std::uint64_t now_ms() const { return now_ms_; }

 private:
  friend class Timer;
  struct Slot {
    Timer head{nullptr, nullptr};
  };
  std::array<Slot, kSlots> slots_;
  // A bit for each slot that timers were put into, until a look finds it empty: the next one is found without a walk over the ring.
  std::array<std::uint64_t, kSlots / 64> filled_{};
  std::uint64_t now_ms_ = 0;
  std::uint64_t turned_ = 0;  // the last slot number (time / kSlotMs) whose timers were looked at
  std::uint64_t armed_ = 0;
};

inline void Timer::cancel() {
  if (next_ == nullptr) return;
  next_->before_ = before_;
  before_->next_ = next_;
  next_ = before_ = nullptr;
  --wheel_->armed_;
}

constexpr std::uint64_t ms(std::chrono::milliseconds span) { return static_cast<std::uint64_t>(span.count()); }

// When the time is over that `bound` gives from `since_ms` on; 0, as a bound and as the answer, is never.
constexpr std::uint64_t end_of(std::chrono::milliseconds bound, std::uint64_t since_ms) { return bound.count() == 0 ? 0 : since_ms + ms(bound); }

// A deadline that moves often. `set` later than the armed time is one store.
class Deadline {
 public:
  using Fn = void (*)(void* owner);
  Deadline(TimerWheel& wheel, Fn fn, void* owner) : wheel_(wheel), fn_(fn), owner_(owner), timer_(&Deadline::fired, this) {}
  void set(std::uint64_t at_ms) {
    at_ms_ = at_ms;
    if (!timer_.armed() || timer_.at_ms() > at_ms) wheel_.arm(timer_, at_ms);
  }
  void set_or_clear(std::uint64_t at_ms) {  // 0: never
    if (at_ms != 0) {
      set(at_ms);
    } else {
      clear();
    }
  }
  void clear() { at_ms_ = 0; }  // the timer may stay in the ring and fire into nothing
  std::uint64_t at_ms() const { return at_ms_; }

 private:
  static void fired(void* self) {
    auto* d = static_cast<Deadline*>(self);
    if (d->at_ms_ == 0) return;
    if (d->at_ms_ > d->wheel_.now_ms()) {
      d->wheel_.arm(d->timer_, d->at_ms_);
      return;
    }
    d->at_ms_ = 0;
    d->fn_(d->owner_);
  }
  TimerWheel& wheel_;
  Fn fn_;
  void* owner_;
  std::uint64_t at_ms_ = 0;
  Timer timer_;
};

}  // namespace cleat
