// Times and allocations of a plugin's hooks, taken where the kernel calls them: what the host does for the plugin within a hook is in it, what
// the kernel does around it is not. One plugin, one worker.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/hooks/instance.hpp"

namespace cleat::kit {

struct HookMeasure {
  std::uint64_t calls = 0, ns = 0, allocations = 0;
};

using HookMeasures = std::array<HookMeasure, hooks::kHooks>;
HookMeasures& measures();         // [the worker, or while it waits]; `ns` with what looking at the clock costs
double clock_ns();                // that, of one call: the mean of many looks with nothing between
void measure_tables(hooks::Instance& instance);
std::uint64_t now_ns();           // monotonic

}  // namespace cleat::kit
