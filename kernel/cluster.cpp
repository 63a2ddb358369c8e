// A cluster's end, and the registry that cleat.balancer/1's handles name clusters by. A handle is a slot's number in its low 20
// bits and the process-wide count of clusters named in the upper 44: never reused. Lookups take no lock.
#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "kernel/base/log.hpp"
#include "kernel/generation.hpp"
#include "kernel/hooks/guard.hpp"

namespace cleat {
namespace {

constexpr std::uint32_t kSlotBits = 20;
constexpr std::uint32_t kSlotsInChunk = 1024;
constexpr std::uint32_t kChunks = (1U << kSlotBits) / kSlotsInChunk;

struct Slot {
  std::atomic<std::uint64_t> handle{0};  // 0 while free
  std::atomic<Cluster*> cluster{nullptr};
  std::shared_mutex pinned;              // shared by pins; exclusive to take a cluster out
};

struct Chunk {
  std::array<Slot, kSlotsInChunk> slots;
};

// Chunks are made as they are needed and never freed, so that a lookup needs no lock.
constinit std::array<std::atomic<Chunk*>, kChunks> chunks{};

struct Free {  // guarded by `mutex`
  std::mutex mutex;
  std::vector<std::uint32_t> slots;
  std::uint32_t next = 0;
  std::uint64_t named = 0;
};

Free& free_slots() {
  static Free* const all = new Free;  // never destroyed: plugins' threads may ask until the very end
  return *all;
}

std::uint32_t slot_number(std::uint64_t handle) { return static_cast<std::uint32_t>(handle & ((1U << kSlotBits) - 1)); }

Slot* slot_of(std::uint64_t handle) {
  const std::uint32_t number = slot_number(handle);
  Chunk* chunk = chunks[number / kSlotsInChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk->slots[number % kSlotsInChunk];
}

}  // namespace

bool Cluster::take_handle() {
  Free& all = free_slots();
  const std::lock_guard lock(all.mutex);
  std::uint32_t number = 0;
  if (!all.slots.empty()) {
    number = all.slots.back();
    all.slots.pop_back();
  } else if (all.next < kSlotsInChunk * kChunks) {
    number = all.next++;
    if (number % kSlotsInChunk == 0) chunks[number / kSlotsInChunk].store(new Chunk, std::memory_order_release);
  } else {
    return false;
  }
  handle = ++all.named << kSlotBits | number;
  Slot* slot = slot_of(handle);
  slot->cluster.store(this, std::memory_order_relaxed);
  slot->handle.store(handle, std::memory_order_release);
  return true;
}

Cluster::~Cluster() {
  // The plugin's state goes first: what the plugin asks about its endpoints until then is answered.
  if (balancer != nullptr && balancer->balancer != nullptr && balancer->balancer->set_destroy != nullptr && balancer_state != nullptr) {
    const hooks::CallOutcome outcome = hooks::call_plugin(nullptr, [this] {
      balancer->balancer->set_destroy(balancer->self, balancer_state);
      return CLEAT_OK;
    });
    if (!outcome.ok()) log::write(log::Level::kError, "plugin/" + balancer->name, "set_destroy failed: " + outcome.words);
  }
  if (handle == 0) return;
  Slot* slot = slot_of(handle);
  {
    const std::unique_lock pins(slot->pinned);
    slot->handle.store(0, std::memory_order_relaxed);
    slot->cluster.store(nullptr, std::memory_order_relaxed);
  }
  Free& all = free_slots();
  const std::lock_guard lock(all.mutex);
  all.slots.push_back(slot_number(handle));
}

Cluster* find_cluster(std::uint64_t handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr || handle == 0 || slot->handle.load(std::memory_order_acquire) != handle) return nullptr;
  return slot->cluster.load(std::memory_order_relaxed);
}

void each_cluster(const std::function<void(const Cluster&)>& fn) {
  for (const auto& entry : chunks) {
    Chunk* const chunk = entry.load(std::memory_order_acquire);
    if (chunk == nullptr) return;
    for (Slot& slot : chunk->slots) {
      const std::uint64_t handle = slot.handle.load(std::memory_order_acquire);
      if (handle == 0) continue;
      const ClusterPin cluster(handle);
      if (cluster) fn(*cluster.operator->());
    }
  }
}

ClusterPin::ClusterPin(std::uint64_t handle) : handle_(handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr) return;
  slot->pinned.lock_shared();
  cluster_ = find_cluster(handle);
  if (cluster_ == nullptr) slot->pinned.unlock_shared();
}

ClusterPin::~ClusterPin() {
  if (cluster_ != nullptr) slot_of(handle_)->pinned.unlock_shared();
}

}  // namespace cleat
