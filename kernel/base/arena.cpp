#include "kernel/base/arena.hpp"

#include <cstdlib>
#include <new>

namespace cleat {
namespace {

constexpr std::size_t kLink = 16;  // a block's or large piece's link, kept so that what follows is aligned to 16

}  // namespace

BlockPool::~BlockPool() {
  for (char* block : free_) ::operator delete(block);
}

char* BlockPool::take() {
  if (free_.empty()) return static_cast<char*>(::operator new(kBlockBytes));
  char* block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::give(char* block) {
  if (free_.size() < kKept) {
    free_.push_back(block);
  } else {
    ::operator delete(block);
  }
}

void* Arena::allocate_slow(std::size_t size) {
  if (size + kLink > BlockPool::kBlockBytes / 2) {  // a piece of its own, so that the current block is not wasted
    if (size > bytes_max_ || used_ + size > bytes_max_) return nullptr;
    auto* piece = static_cast<Large*>(::operator new(kLink + size));
    piece->next = large_;
    large_ = piece;
    used_ += size;
    return reinterpret_cast<char*>(piece) + kLink;
  }
  if (used_ + BlockPool::kBlockBytes > bytes_max_ && block_ != nullptr) return nullptr;
  char* block = pool_.take();
  std::memcpy(block, &block_, sizeof block_);
  block_ = block;
  used_ += BlockPool::kBlockBytes;
  next_ = block + kLink + ((size + 15) & ~std::size_t{15});
  end_ = block + BlockPool::kBlockBytes;
  return block + kLink;
}

void Arena::clear() {
  while (block_ != nullptr) {
    char* before;
    std::memcpy(&before, block_, sizeof before);
    pool_.give(block_);
    block_ = before;
  }
  while (large_ != nullptr) {
    Large* next = large_->next;
    ::operator delete(large_);
    large_ = next;
  }
  next_ = end_ = nullptr;
  used_ = 0;
}

}  // namespace cleat
