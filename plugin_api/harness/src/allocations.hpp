// Allocations of a plugin: counted, and made to fail. The slots through which loaded files call malloc and its like are changed, so that
// nothing has to be preloaded; only for the process that asks for it, and for good. Not in builds with sanitizers, which have an allocator
// of their own.
#pragma once

#include <cstdint>

namespace cleat::kit::allocations {

bool supported();
bool wanted();           // watch() has been called
void watch();            // [control] of all files that are loaded now; again after another has been loaded

std::uint64_t count();   // [this thread] made while it was inside a plugin, so far
void fail_at(std::uint64_t number);  // [any] the plugin's `number`-th from now on fails, whatever the thread; 0: none
bool failed();           // [any] since fail_at was called, it has

// While it lives this thread is in the plugin, or back in the host.
class Inside {
 public:
  explicit Inside(bool plugin);
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

 private:
  bool before_;
};

}  // namespace cleat::kit::allocations
