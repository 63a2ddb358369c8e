// A chain's calls of the hooks of heads, made ready for each worker: one pass over a chain reads these, one behind the other, and nothing else.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/hooks/call_stamp.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat {
struct Chain;
}

namespace cleat::hooks {

struct ChainCall {
  void* self;              // what create returned
  void (*entry)();         // of that hook, in the instance's table
  HookCounters* counters;  // of that worker and hook
  Instance* instance;
  std::uint32_t stamp;     // StampedHook::word of the hook and the position
  std::uint8_t index;      // among the chain's of that hook

  Hook hook() const { return static_cast<Hook>(static_cast<std::uint8_t>(stamp)); }
  std::uint8_t position() const { return static_cast<std::uint8_t>(stamp >> StampedHook::kPositionShift); }
};

class ReadyCalls {
 public:
  // [control] Of a chain whose instances have been created: their tables do not change any more.
  void prepare(const Chain& chain, std::uint32_t workers);
  // In calling order, as the chain's positions are; of all other hooks: nothing.
  using Row = std::pair<const ChainCall*, const ChainCall*>;  // from the first to behind the last
  Row of(std::uint32_t worker, Hook hook) const { return rows_[worker * kHooks + static_cast<std::size_t>(hook)]; }

 private:
  std::vector<Row> rows_;  // by worker and hook
  std::vector<ChainCall> calls_;
};

}  // namespace cleat::hooks
