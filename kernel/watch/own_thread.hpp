// The threads of the process that are the kernel's own, each for as long as it runs: what it is called, the stamp of its calls into
// plugins, and a stack for signal handlers, so that a report can be written when its own stack has overflowed.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "kernel/hooks/call_stamp.hpp"

namespace cleat::watch {

inline constexpr std::size_t kSignalStackBytes = 128 * 1024;

class OwnThread {
 public:
  OwnThread(std::string name, hooks::CallStamp* stamp);  // on that thread; nullptr: it calls no plugins
  OwnThread(const OwnThread&) = delete;
  OwnThread& operator=(const OwnThread&) = delete;
  ~OwnThread();

  static OwnThread* current();  // of the calling thread, or nullptr; in signal handlers too

  const std::string name;
  hooks::CallStamp* const stamp;
  const pthread_t id;

  // What the watchdog knows of the call that it saw here last; for its thread alone.
  struct Watched {
    std::uint64_t since_ms = 0, tell_ms = 0;  // seen first; told of next
    hooks::Hook hook = hooks::Hook::kNone;
    std::string source;                       // empty until it has been told of
  } watched;

 private:
  void take_signal_stack();
  void* stack_ = nullptr;
};

// [any] Every thread there is; none of them ends meanwhile.
void each_thread(const std::function<void(OwnThread&)>& fn);

}  // namespace cleat::watch
