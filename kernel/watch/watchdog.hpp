// The watchdog: a thread that looks at what the others are calling, several times in `watchdog.stall`. A plugin's call that it meets for
// that long is told of, with its stack, and again at growing intervals while it lasts; it counts against the instance's quarantine each
// time. It cannot be ended: native code that is stopped at any point leaves locks held and memory half written.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "kernel/config/model.hpp"

namespace cleat::watch {

class OwnThread;

// [control] What the configuration says of stalls and crash reports, from now on.
void configure(const config::Model& model);

class Watchdog {
 public:
  Watchdog();  // [control]
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace cleat::watch
