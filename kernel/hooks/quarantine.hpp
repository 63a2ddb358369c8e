// Quarantine: an instance that failed or stalled too often within a window takes no part in what begins from then on, until its time is
// over. What had begun before calls it to its end, so that what it keeps for exchanges and connections stays balanced: each of them asks
// once, at its beginning. The time doubles when it has to go again soon.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "kernel/base/metrics.hpp"
#include "kernel/config/model.hpp"

namespace cleat {
class Exchange;
}

namespace cleat::hooks {

class Instance;

inline constexpr std::uint64_t kQuarantineMsMax = 5 * 60 * 1000;

struct QuarantineState {
  bool out = false;
  std::uint64_t since_unix_us = 0, until_unix_us = 0;  // of the running one, or the last; 0: never
  std::uint64_t times = 0;                             // that it was taken out
  std::size_t failures = 0, stalls = 0;                // within the window that ends now
};

class Quarantine {
 public:
  Quarantine() = default;
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;
  ~Quarantine();

  static void define_metrics();  // [control] before a plugin can take their names for something else
  // [control] Before anyone else has the instance. Without it the instance is never taken out.
  void begin(std::string instance, const config::Quarantine& policy);

  bool out() const { return out_.load(std::memory_order_relaxed); }  // [any]
  QuarantineState state() const;                                     // [any] takes a lock, as all below do

  void failed() { note(failures_, policy_.failures, "failures"); }   // [any] one more
  void stalled() { note(stalls_, policy_.stalls, "stalls"); }        // [any]
  void end_if_due();                                                 // [any]
  bool restore();                                                    // [any] now; false if it is not out

 private:
  using Times = std::deque<std::uint64_t>;  // in milliseconds, of the latest: as many as are too many
  void note(Times& times, std::uint32_t most, std::string_view what);
  void take_out(std::uint64_t now_ms, std::string_view why);
  void take_back(std::uint64_t now_ms, std::string_view why);

  std::atomic<bool> out_{false};
  mutable std::mutex mutex_;
  std::string instance_;
  config::Quarantine policy_{.failures = 0, .stalls = 0};
  Times failures_, stalls_;
  std::uint64_t since_ms_ = 0, until_ms_ = 0, back_ms_ = 0, lasts_ms_ = 0, since_unix_us_ = 0, times_ = 0;
  metrics::SeriesId gauge_ = 0, count_ = 0;
};

// How many instances of the process are out. One relaxed load tells an exchange that there is nothing to look at.
extern std::atomic<std::uint32_t> quarantined;
inline bool any_quarantined() { return quarantined.load(std::memory_order_relaxed) != 0; }

// [worker] At an exchange's beginning: hides it from the instances of its chain that are out, or, by position, have missed its
// connection's beginning. The first of them without which there shall be no exchange (on_failure: closed), or nullptr.
const Instance* leave_out_quarantined(Exchange& x, std::uint64_t missed);

void end_due_quarantines();                    // [any] now and then
bool restore_instance(std::string_view name);  // [any] false if no instance of that name is out

}  // namespace cleat::hooks
