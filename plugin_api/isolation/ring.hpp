// A ring of messages in memory that two processes share: one writes, one reads. The other side is not trusted: whoever reads looks at every number
// that comes out of the shared memory before it uses it, and a message is copied out before it is understood.
//
// A message is a 32-bit size and that many bytes, padded to 8; one that does not fit before the end of the memory goes to its beginning, and a size of
// kSkip stands where it would have been. Positions count bytes since the beginning and never come back to 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cleat::isolation {

struct RingMemory {  // at the front of the mapping; `capacity` bytes follow
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> read;
  alignas(64) std::atomic<std::uint32_t> asleep;  // the reader is about to wait: who writes then wakes it
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(RingMemory) == 192);

inline constexpr std::uint32_t kSkip = UINT32_MAX;
constexpr std::uint64_t ring_bytes(std::uint64_t capacity) { return sizeof(RingMemory) + capacity; }

class RingWriter {
 public:
  RingWriter() = default;
  RingWriter(void* memory, std::uint64_t capacity)  // capacity: a power of two, at least 4,096; the memory is zeroed
      : ring_(static_cast<RingMemory*>(memory)), bytes_(static_cast<char*>(memory) + sizeof(RingMemory)), capacity_(capacity) {}

  std::uint64_t message_max() const { return capacity_ / 2 - 8; }
  // False: there is no room for it now, or ever (over message_max). Nothing was written.
  bool write(std::string_view message) {
    if (message.size() > message_max()) return false;
    const std::uint64_t whole = (message.size() + 4 + 7) & ~std::uint64_t{7};
    const std::uint64_t read = ring_->read.load(std::memory_order_acquire);
    if (written_ - read > capacity_) return false;  // rubbish from the other side
    std::uint64_t at = written_ & (capacity_ - 1);
    const std::uint64_t left = capacity_ - at;
    const std::uint64_t needed = whole <= left ? whole : left + whole;
    if (capacity_ - (written_ - read) < needed) return false;
    if (whole > left) {
      std::memcpy(bytes_ + at, &kSkip, sizeof kSkip);
      at = 0;
    }
    const auto size = static_cast<std::uint32_t>(message.size());
    std::memcpy(bytes_ + at, &size, sizeof size);
    std::memcpy(bytes_ + at + 4, message.data(), message.size());
    written_ += needed;
    ring_->written.store(written_, std::memory_order_seq_cst);
    return true;
  }
  // After one or more writes: is the reader to be woken (once; it says anew that it sleeps)?
  bool reader_sleeps() { return ring_->asleep.exchange(0, std::memory_order_seq_cst) != 0; }

 private:
  RingMemory* ring_ = nullptr;
  char* bytes_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t written_ = 0;
};

class RingReader {
 public:
  enum class Got : std::uint8_t { kMessage, kNothing, kBroken };

  RingReader() = default;
  RingReader(void* memory, std::uint64_t capacity)
      : ring_(static_cast<RingMemory*>(memory)), bytes_(static_cast<const char*>(memory) + sizeof(RingMemory)), capacity_(capacity) {}

  // The next message, copied. kBroken: what is in the ring cannot be; it is not to be used any more.
  Got read(std::string& message) {
    for (;;) {
      const std::uint64_t written = ring_->written.load(std::memory_order_acquire);
      if (written == read_) return Got::kNothing;
      const std::uint64_t there = written - read_;
      if (there > capacity_ || (there & 7) != 0) return Got::kBroken;
      const std::uint64_t at = read_ & (capacity_ - 1);
      std::uint32_t size;
      std::memcpy(&size, bytes_ + at, sizeof size);
      std::uint64_t whole = capacity_ - at;
      const bool skip = size == kSkip;
      if (!skip) whole = (std::uint64_t{size} + 4 + 7) & ~std::uint64_t{7};
      if (whole > there || at + whole > capacity_) return Got::kBroken;
      if (!skip) message.assign(bytes_ + at + 4, size);
      read_ += whole;
      ring_->read.store(read_, std::memory_order_release);
      if (!skip) return Got::kMessage;
    }
  }
  // Says that the reader is about to wait. False: there is something to read after all, do not wait.
  bool sleep() {
    ring_->asleep.store(1, std::memory_order_seq_cst);
    if (ring_->written.load(std::memory_order_seq_cst) == read_) return true;
    ring_->asleep.store(0, std::memory_order_relaxed);
    return false;
  }

 private:
  RingMemory* ring_ = nullptr;
  const char* bytes_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace cleat::isolation
