// The process's memory against its budget (memory_max). The watchdog's thread looks; over the budget exchanges that begin get a 503, until it
// is well below again. What has begun goes on.
#pragma once

#include <atomic>
#include <cstdint>

namespace cleat::watch {

void set_memory_max(std::uint64_t bytes);          // [any] 0: no budget
void look_at_memory(std::uint64_t now_ms);         // [the watchdog] at most every kMemoryLookMs it does something
inline constexpr std::uint64_t kMemoryLookMs = 50;

extern std::atomic<bool> memory_short;
inline bool short_of_memory() { return memory_short.load(std::memory_order_relaxed); }  // [any]

}  // namespace cleat::watch
