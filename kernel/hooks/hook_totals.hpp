// What every call into plugins came to, by instance name and hook: summed over threads, over instances of one name in several
// generations, and over those that have ended, so that a name and a hook are one row and no total ever falls. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {

inline constexpr std::size_t kEndedNamesMax = 1'024;  // names of ended instances that are remembered; what further ones counted
                                                      // goes to "overflow"

struct HookTotal {
  std::uint64_t calls = 0, failures = 0;
  std::uint64_t sampled_ns = 0;                                // of the calls below
  std::array<std::uint64_t, HookCounters::kBuckets> times{};   // calls whose time was taken, by kHookTimeBounds
};

struct HookRow {
  std::string instance;
  Hook hook;
  HookTotal total;
};

// Upper bounds of the buckets of times, in nanoseconds, inclusive; the last bucket has none.
inline constexpr auto kHookTimeBounds = [] {
  std::array<std::uint64_t, HookCounters::kBuckets - 1> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = (std::uint64_t{1} << (i + 6)) - 1;
  return bounds;
}();

std::vector<HookRow> hook_totals();    // by name, then by hook; hooks that were never called are left out
void keep_totals(Instance& instance);  // [control] at its end, after the last call into it: from here on its name keeps them

}  // namespace cleat::hooks
