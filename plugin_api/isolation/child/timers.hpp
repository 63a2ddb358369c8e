// The timers that the plugin armed on one worker. As kernel/hooks/plugin_timers.hpp, of one instance. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "kernel/base/timer_wheel.hpp"
#include "plugin_api/ext/timer.h"

namespace cleat::isolation {

struct Subject;

class Timers {
 public:
  static constexpr std::size_t kTimersMax = std::size_t{1} << 20;   // of one worker, all owners together
  static constexpr std::uint32_t kInstanceTimersMax = 65'536;       // that the instance owns itself
  static constexpr std::uint64_t kDelayMaxMs = std::uint64_t{1} << 31;

  // fire: calls the plugin, once the timer is gone.
  using Fire = std::function<void(std::uint64_t owner, cleat_timer_fn fn, void* user)>;
  Timers(std::uint32_t worker, Fire fire) : worker_(worker), fire_(std::move(fire)) {}
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // subject: the owner, or nullptr for the instance, whose handle `owner` is then. 0: it has too many.
  cleat_timer arm(Subject* subject, std::uint64_t owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user);
  bool rearm(cleat_timer timer, std::uint64_t delay_ms);
  bool cancel(cleat_timer timer);
  void cancel_all(Subject& subject);
  void cancel_all();
  void advance(std::uint64_t now_ms) { wheel_.advance(now_ms); }
  int wait_ms(std::uint64_t now_ms) { return wheel_.wait_ms(now_ms); }

 private:
  struct Entry {
    Entry(Timers& timers_, std::uint32_t index_) : timers(timers_), index(index_), timer(&Timers::fired, this) {}
    Timers& timers;
    const std::uint32_t index;
    std::uint32_t generation = 1;
    bool used = false;
    Subject* subject = nullptr;
    std::uint64_t owner = 0;
    cleat_timer_fn fn = nullptr;
    void* user = nullptr;
    Timer timer;
  };
  static void fired(void* entry);
  Entry* find(cleat_timer timer);
  void release(Entry& entry);

  const std::uint32_t worker_;
  const Fire fire_;
  TimerWheel wheel_;
  std::deque<Entry> entries_;  // never move
  std::vector<std::uint32_t> free_;
  std::uint32_t own_ = 0;      // the instance's
};

}  // namespace cleat::isolation
