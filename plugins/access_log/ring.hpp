// A bounded queue of bytes between one worker, which adds whole lines, and the writer thread, which takes whatever is there.
// No lock: each side writes only its own position. Positions count bytes from the start and never wrap (2^64).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace access_log {

class Ring {
 public:
  // REQUIRES: capacity is a power of two. The memory is touched only as it is used.
  explicit Ring(std::size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

  // [worker] All of the line or, where there is no room, nothing: false.
  bool add(std::string_view line) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (capacity_ - (head - tail_seen_) < line.size()) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (capacity_ - (head - tail_seen_) < line.size()) return false;
    }
    const std::size_t at = head & (capacity_ - 1);
    const std::size_t first = std::min(line.size(), capacity_ - at);
    std::memcpy(bytes_.get() + at, line.data(), first);
    std::memcpy(bytes_.get(), line.data() + first, line.size() - first);
    // seq_cst: ordered before the worker's look at "is the writer asleep?"; pairs with empty().
    head_.store(head + line.size(), std::memory_order_seq_cst);
    return true;
  }
  // [worker] At least as many bytes as wait, as far as this side has seen.
  std::size_t waiting() const { return static_cast<std::size_t>(head_.load(std::memory_order_relaxed) - tail_seen_); }
  void look() { tail_seen_ = tail_.load(std::memory_order_acquire); }

  // [writer] The bytes that wait, in order: the second piece is what stands at the memory's start again.
  std::array<std::string_view, 2> peek() const {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const auto size = static_cast<std::size_t>(head_.load(std::memory_order_acquire) - tail);
    const std::size_t at = tail & (capacity_ - 1);
    const std::size_t first = std::min(size, capacity_ - at);
    return {std::string_view(bytes_.get() + at, first), std::string_view(bytes_.get(), size - first)};
  }
  void take(std::size_t count) { tail_.store(tail_.load(std::memory_order_relaxed) + count, std::memory_order_release); }
  // [writer]
  bool empty() const { return head_.load(std::memory_order_seq_cst) == tail_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<char[]> bytes_;
  const std::size_t capacity_;
  alignas(64) std::atomic<std::uint64_t> head_{0};  // the worker's
  std::uint64_t tail_seen_ = 0;                     // the worker's: tail_ as it last looked
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // the writer's
};

}  // namespace access_log
