// PluginTimers: the timers that plugins armed on one worker, and posts that came before their instance was started there. A slab of
// entries named by handles; those of an exchange or a connection hang on a list in it, and end with it. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel/base/timer_wheel.hpp"
#include "plugin_api/ext/timer.h"

namespace cleat {

class Exchange;
class Connection;
class Worker;

class PluginTimers {
 public:
  static constexpr std::uint32_t kTimersMax = 1U << 20;          // of one worker, all owners together
  static constexpr std::uint32_t kInstanceTimersMax = 65'536;    // of one instance that owns them itself
  static constexpr std::uint64_t kDelayMaxMs = std::uint64_t{1} << 31;
  static constexpr std::uint64_t kLaterMs = 8;
  static constexpr std::size_t kLaterMax = 65'536;

  explicit PluginTimers(Worker& worker) : worker_(worker) {}
  PluginTimers(const PluginTimers&) = delete;
  PluginTimers& operator=(const PluginTimers&) = delete;

  // Whose timer it is. list: the head of its owner's list, which lives until cancel_all; nullptr for an instance's own.
  struct Owner {
    std::uint64_t handle;
    std::uint32_t* list;
    std::uint32_t* count;
    std::uint32_t most;
  };
  Owner owner(Exchange& x);
  Owner owner(Connection& connection, cleat_conn handle);
  Owner owner(cleat_instance instance);

  // 0 when the owner or the worker has too many.
  cleat_timer arm(cleat_instance instance, const Owner& owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user);
  bool rearm(cleat_timer timer, std::uint64_t delay_ms);  // false: there is none of that handle
  bool cancel(cleat_timer timer);

  void cancel_all(Exchange& x);                 // after its on_end
  void cancel_all(Connection& connection);     // after its on_connection_end
  // At the instance's worker_stop: neither timers nor posts call into it on this worker any more. For every instance, also for one that
  // has no worker_stop.
  void cancel_all(cleat_instance instance);
  bool stopped(cleat_instance instance) const { return !stopped_.empty() && stopped_.contains(instance); }

  // Runs the task a little later; false when too many wait.
  bool later(std::function<void()> task);

  std::uint32_t armed() const { return static_cast<std::uint32_t>(entries_.size() - free_.size()); }

 private:
  static constexpr std::uint32_t kNone = 0;     // in lists: index + 1

  struct Entry {
    Entry(PluginTimers& timers_, std::uint32_t index_) : timers(timers_), index(index_), timer(&PluginTimers::fired, this) {}
    PluginTimers& timers;
    const std::uint32_t index;
    std::uint32_t generation = 1;
    bool used = false;
    std::uint32_t next = kNone, before = kNone;
    cleat_instance instance = 0;
    Owner owner{};
    cleat_timer_fn fn = nullptr;
    void* user = nullptr;
    Timer timer;
  };
  struct Later {
    Later(PluginTimers& timers_, std::function<void()> task_) : timers(timers_), task(std::move(task_)), timer(&PluginTimers::late, this) {}
    PluginTimers& timers;
    std::function<void()> task;
    std::list<Later>::iterator place;
    Timer timer;
  };

  static void fired(void* entry);
  static void late(void* task);
  Entry* find(cleat_timer timer);
  void release(Entry& entry);
  void cancel_list(std::uint32_t& list);

  Worker& worker_;
  std::deque<Entry> entries_;                   // entries never move
  std::vector<std::uint32_t> free_;
  std::unordered_map<cleat_instance, std::uint32_t> counts_;  // of timers that instances own themselves
  std::unordered_set<cleat_instance> stopped_;  // on this worker, and not destroyed yet
  std::list<Later> later_;
};

}  // namespace cleat
