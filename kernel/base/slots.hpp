// Slots: a registry that names objects by handles which any thread may hold on to and look up. A handle is a slot's number in its low
// kBits and, above, the count of handles given out so far: none comes twice, and a late one finds nothing. Lookups take no lock. The
// registry is never destroyed: make it with new, once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace cleat {

template <class T, unsigned kBits>
class Slots {
  struct Slot;

 public:
  // [any] 0 when all 2^kBits slots are taken.
  std::uint64_t enter(T* object) {
    const std::lock_guard lock(mutex_);
    std::uint32_t number = 0;
    if (!free_.empty()) {
      number = free_.back();
      free_.pop_back();
    } else if (next_ < 1U << kBits) {
      number = next_++;
      if (number % kSlotsInChunk == 0) chunks_[number / kSlotsInChunk].store(new Chunk, std::memory_order_release);
    } else {
      return 0;
    }
    const std::uint64_t handle = ++given_ << kBits | number;
    Slot* const slot = slot_of(handle);
    slot->object.store(object, std::memory_order_relaxed);
    slot->handle.store(handle, std::memory_order_release);
    return handle;
  }

  // [any] Waits for pins. REQUIRES: `enter` gave the handle.
  void leave(std::uint64_t handle) {
    Slot* const slot = slot_of(handle);
    {
      const std::unique_lock pins(slot->pinned);
      slot->handle.store(0, std::memory_order_relaxed);
      slot->object.store(nullptr, std::memory_order_relaxed);
    }
    const std::lock_guard lock(mutex_);
    free_.push_back(number_of(handle));
  }

  // [any] nullptr when it has left. Whether it stays while the pointer is used is the caller's knowledge; who has none pins.
  T* find(std::uint64_t handle) const {
    const Slot* const slot = slot_of(handle);
    if (slot == nullptr || handle == 0 || slot->handle.load(std::memory_order_acquire) != handle) return nullptr;
    return slot->object.load(std::memory_order_relaxed);
  }

  // [any] Keeps an object from leaving. Short: `leave` waits for it.
  class Pin {
   public:
    Pin(Slots& slots, std::uint64_t handle) : slot_(slots.slot_of(handle)) {
      if (slot_ == nullptr) return;
      slot_->pinned.lock_shared();
      object_ = slots.find(handle);
      if (object_ == nullptr) slot_->pinned.unlock_shared();
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() {
      if (object_ != nullptr) slot_->pinned.unlock_shared();
    }
    T* get() const { return object_; }

   private:
    Slot* slot_;
    T* object_ = nullptr;
  };

  // [any] Each one that is entered, pinned while `fn` runs.
  template <class Fn>
  void each(Fn&& fn) {
    for (const auto& entry : chunks_) {
      Chunk* const chunk = entry.load(std::memory_order_acquire);
      if (chunk == nullptr) return;
      for (Slot& slot : *chunk) {
        const Pin object(*this, slot.handle.load(std::memory_order_acquire));
        if (object.get() != nullptr) fn(*object.get());
      }
    }
  }

 private:
  static constexpr std::uint32_t kSlotsInChunk = 256;
  struct Slot {
    std::atomic<std::uint64_t> handle{0};  // 0 while free
    std::atomic<T*> object{nullptr};
    std::shared_mutex pinned;              // shared by pins; exclusive to leave
  };
  using Chunk = std::array<Slot, kSlotsInChunk>;

  static std::uint32_t number_of(std::uint64_t handle) { return static_cast<std::uint32_t>(handle & ((std::uint64_t{1} << kBits) - 1)); }
  Slot* slot_of(std::uint64_t handle) const {
    const std::uint32_t number = number_of(handle);
    Chunk* const chunk = chunks_[number / kSlotsInChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &(*chunk)[number % kSlotsInChunk];
  }

  // Made as they are needed and never freed, so that a lookup needs no lock.
  std::array<std::atomic<Chunk*>, (1U << kBits) / kSlotsInChunk> chunks_{};
  std::mutex mutex_;                       // of what follows
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
  std::uint64_t given_ = 0;
};

}  // namespace cleat
