// Instances and the registry that their handles name. A handle is a slot's number and a count of the slot's uses, never reused in
// a process: slot in the low 16 bits, the process-wide count of instances made in the upper 48.
#include "kernel/hooks/instance.hpp"

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "kernel/base/log.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/kv.hpp"

namespace cleat::hooks {
namespace {

constexpr std::uint32_t kSlotsInChunk = 256;
constexpr std::uint32_t kChunks = 256;  // 65,536 instances of all generations together

struct Slot {
  std::atomic<cleat_instance> handle{0};  // 0 while free
  std::atomic<Instance*> instance{nullptr};
  std::shared_mutex pinned;  // shared by pins; exclusive to take an instance out
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
  std::uint64_t made = 0;
};

Free& free_slots() {
  static Free* const all = new Free;  // never destroyed: instances may outlive static destructors
  return *all;
}

Slot* slot_of(cleat_instance handle) {
  const auto number = static_cast<std::uint32_t>(handle & 0xffff);
  Chunk* chunk = chunks[number / kSlotsInChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk->slots[number % kSlotsInChunk];
}

cleat_instance enter(Instance* instance) {
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
    return 0;
  }
  const cleat_instance handle = ++all.made << 16 | number;
  Slot* slot = slot_of(handle);
  slot->instance.store(instance, std::memory_order_relaxed);
  slot->handle.store(handle, std::memory_order_release);
  return handle;
}

void leave(cleat_instance handle) {
  Slot* slot = slot_of(handle);
  {
    const std::unique_lock pins(slot->pinned);
    slot->handle.store(0, std::memory_order_relaxed);
    slot->instance.store(nullptr, std::memory_order_relaxed);
  }
  Free& all = free_slots();
  const std::lock_guard lock(all.mutex);
  all.slots.push_back(static_cast<std::uint32_t>(handle & 0xffff));
}

constexpr std::array<std::string_view, kHooks> kHookNames = {
    "none", "create", "worker_start", "worker_stop", "on_connection", "on_client_hello", "on_tls", "on_connection_end", "on_request", "on_route",
    "on_request_body", "on_request_trailers", "on_attempt", "on_attempt_end", "on_response", "on_response_body",
    "on_response_trailers", "on_reply", "on_end", "on_event", "on_drain", "on_shutdown", "on_handle", "on_handle_body",
    "on_writable", "on_handle_end", "timer", "post", "pick", "validate", "destroy", "route_create", "route_destroy",
    "watch", "unwatch", "committed", "give", "take", "load", "call",
};
static_assert(!kHookNames.back().empty());

}  // namespace

std::string_view hook_name(Hook hook) {
  const auto number = static_cast<std::size_t>(hook);
  return number < kHooks ? kHookNames[number] : kHookNames[0];
}

// In the body: other threads may find it from here on, so all of it must be there.
Instance::Instance() { handle = enter(this); }

Instance::~Instance() {
  if (created_ && table.destroy != nullptr) {
    const CallOutcome outcome = call_plugin(this, Hook::kDestroy, [this] {
      table.destroy(self);
      return CLEAT_OK;
    });
    if (!outcome.ok()) log::write(log::Level::kError, "plugin/" + name, "destroy failed: " + outcome.words);
  }
  if (handle != 0) kv::release(handle);
  if (created_) keep_totals(*this);
  if (handle != 0) leave(handle);
}

Instance* find_instance(cleat_instance handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr || handle == 0 || slot->handle.load(std::memory_order_acquire) != handle) return nullptr;
  return slot->instance.load(std::memory_order_relaxed);
}

void each_instance(const std::function<void(Instance&)>& fn) {
  for (const auto& entry : chunks) {
    Chunk* const chunk = entry.load(std::memory_order_acquire);
    if (chunk == nullptr) return;
    for (Slot& slot : chunk->slots) {
      const InstancePin instance(slot.handle.load(std::memory_order_acquire));
      if (instance) fn(*instance.operator->());
    }
  }
}

InstancePin::InstancePin(cleat_instance handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr) return;
  slot->pinned.lock_shared();
  instance_ = find_instance(handle);
  slot_ = static_cast<std::uint32_t>(handle & 0xffff);
  if (instance_ == nullptr) slot->pinned.unlock_shared();
}

InstancePin::~InstancePin() {
  if (instance_ != nullptr) slot_of(slot_)->pinned.unlock_shared();
}

}  // namespace cleat::hooks
