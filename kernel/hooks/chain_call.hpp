// A chain's calls of the hooks of heads, made ready for each worker: one pass over a chain reads these, one behind the other, and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

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
};

class ReadyCalls {
 public:
  // [control] Of a chain whose instances have been created: their tables do not change any more.
  void prepare(const Chain& chain, std::uint32_t workers);
  // In calling order, as the chain's positions are.
  std::span<const ChainCall> of(std::uint32_t worker, Hook hook) const {
    const Part part = parts_[static_cast<std::size_t>(hook)];
    return {calls_.data() + worker * of_worker_ + part.first, part.count};
  }

 private:
  static constexpr Hook kHeads[] = {Hook::kRequest, Hook::kRoute, Hook::kAttempt, Hook::kAttemptEnd, Hook::kReply, Hook::kResponse, Hook::kEnd};
  struct Part {
    std::uint32_t first = 0, count = 0;
  };
  std::array<Part, kHooks> parts_;  // of all other hooks: nothing
  std::size_t of_worker_ = 0;
  std::vector<ChainCall> calls_;
};

}  // namespace cleat::hooks
