// Arena: the memory of one exchange. Bump allocation from blocks that a worker recycles; everything is freed at once. One
// thread. Bounded: `allocate` answers nullptr past `bytes_max`, and the caller sheds the exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace cleat {

// Recycles the arenas' blocks of one worker. Keeps at most `kKept` free ones.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 4096;
  static constexpr std::size_t kKept = 1024;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  char* take();
  void give(char* block);

 private:
  std::vector<char*> free_;
};

class Arena {
 public:
  static constexpr std::size_t kDefaultMax = 1024 * 1024;

  explicit Arena(BlockPool& pool, std::size_t bytes_max = kDefaultMax) : pool_(pool), bytes_max_(bytes_max) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { clear(); }

  // `size` bytes aligned to `align` (a power of two <= 16), not zeroed; nullptr past the bound.
  void* allocate(std::size_t size, std::size_t align = 8) {
    const auto at = (reinterpret_cast<std::uintptr_t>(next_) + align - 1) & ~static_cast<std::uintptr_t>(align - 1);
    if (next_ != nullptr && at + size <= reinterpret_cast<std::uintptr_t>(end_)) {
      next_ = reinterpret_cast<char*>(at + size);
      return reinterpret_cast<void*>(at);
    }
    return allocate_slow(size);
  }

  // A copy of the text that lives as long as the arena; data() is nullptr past the bound (never for empty text).
  std::string_view copy(std::string_view text) {
    char* to = static_cast<char*>(allocate(text.size() + 1, 1));
    if (to == nullptr) return {};
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  void clear();
  std::size_t bytes_used() const { return used_; }

 private:
  struct Large {
    Large* next;
  };
  void* allocate_slow(std::size_t size);

  BlockPool& pool_;
  std::size_t bytes_max_;
  std::size_t used_ = 0;  // of whole blocks and large pieces
  char* next_ = nullptr;
  char* end_ = nullptr;
  char* block_ = nullptr;  // its first 16 bytes link to the block before
  Large* large_ = nullptr;
};

}  // namespace cleat
