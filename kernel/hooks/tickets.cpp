#include "kernel/hooks/tickets.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

namespace cleat::hooks::tickets {
namespace {

constexpr std::uint32_t kWorkers = 256;        // 8 bits of a ticket
constexpr std::uint32_t kSlots = 1U << 22;     // 22 bits of a ticket
constexpr std::uint32_t kChunkSlots = 1024;

using Entry = std::atomic<std::uint64_t>;      // generation << 32 | number; 0: no ticket is out
using Chunk = std::array<Entry, std::size_t{kChunkSlots} * kLanes>;
using Table = std::array<std::atomic<Chunk*>, kSlots / kChunkSlots>;

constinit std::array<std::atomic<Table*>, kWorkers> tables{};

std::size_t entry_index(std::uint32_t slot, std::uint32_t lane) { return std::size_t{slot % kChunkSlots} * kLanes + lane; }

Entry* find(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane) {
  if (worker >= kWorkers || slot >= kSlots || lane >= kLanes) return nullptr;
  Table* const table = tables[worker].load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  Chunk* const chunk = (*table)[slot / kChunkSlots].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[entry_index(slot, lane)];
}

// The part that is not there yet is made by the one thread that issues for this worker: nobody else stores these pointers.
template <class T>
T* make(std::atomic<T*>& at) {
  T* made = at.load(std::memory_order_relaxed);
  if (made != nullptr) return made;
  made = new (std::nothrow) T{};
  if (made != nullptr) at.store(made, std::memory_order_release);
  return made;
}

Entry* find_or_make(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane) {
  if (worker >= kWorkers || slot >= kSlots || lane >= kLanes) return nullptr;
  Table* const table = make(tables[worker]);
  if (table == nullptr) return nullptr;
  Chunk* const chunk = make((*table)[slot / kChunkSlots]);
  return chunk == nullptr ? nullptr : &(*chunk)[entry_index(slot, lane)];
}

std::uint64_t pack(std::uint32_t number, std::uint32_t generation) { return std::uint64_t{generation} << 32 | number; }

}  // namespace

bool issue(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t generation) {
  Entry* const entry = find_or_make(worker, slot, lane);
  if (entry == nullptr) return false;
  entry->store(pack(number, generation), std::memory_order_release);
  return true;
}

void drop(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane) {
  if (Entry* const entry = find(worker, slot, lane)) entry->store(0, std::memory_order_release);
}

bool claim(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t& generation) {
  Entry* const entry = find(worker, slot, lane);
  if (entry == nullptr || number == 0) return false;
  std::uint64_t out = entry->load(std::memory_order_acquire);
  if (static_cast<std::uint32_t>(out) != number) return false;
  if (!entry->compare_exchange_strong(out, 0, std::memory_order_acq_rel)) return false;
  generation = static_cast<std::uint32_t>(out >> 32);
  return true;
}

void restore(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t generation) {
  Entry* const entry = find(worker, slot, lane);
  if (entry == nullptr) return;
  std::uint64_t none = 0;
  entry->compare_exchange_strong(none, pack(number, generation), std::memory_order_acq_rel);
}

}  // namespace cleat::hooks::tickets
