// A hook's call as a message: all that the plugin may ask of its subject, as it is now. A worker's thread, inside the hook.
#pragma once

#include <atomic>
#include <cstdint>

#include "host.hpp"
#include "plugin_api/isolation/protocol.hpp"

namespace isolation_process {

// The metadata keys that a process has asked for: added to by one thread, read by the workers.
class AskedKeys {
 public:
  static constexpr std::uint32_t kMax = 256;
  bool add(std::uint32_t key);  // false: there are kMax already
  std::uint32_t count() const { return count_.load(std::memory_order_acquire); }
  std::uint32_t at(std::uint32_t position) const { return keys_[position].load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> keys_[kMax] = {};
};

// end: of on_attempt_end, else nullptr.
void write_snapshot(cleat::isolation::Writer& out, const cleat::isolation::HookHead& head, const cleat_attempt_end* end, const AskedKeys& keys);

}  // namespace isolation_process
