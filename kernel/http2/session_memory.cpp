#include "kernel/http2/session_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace cleat::http2 {
namespace {

constexpr std::size_t kFrameBytes = 16 * 1024;  // of a frame's payload at most; nghttp2 adds its head and padding
constexpr std::size_t kAroundMax = 64;

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

SessionMemory::SessionMemory() : functions_{this, allocate, free, zeroed, resize} {}

void SessionMemory::give_back() {
  if (frames_ != nullptr) ::madvise(frames_, kFrameBytes / page_bytes() * page_bytes(), MADV_DONTNEED);
}

// The first of its size is the session's; more of them are for a head in several frames, and are freed with it.
void* SessionMemory::allocate(std::size_t size, void* self) {
  auto& memory = *static_cast<SessionMemory*>(self);
  if (memory.frames_ != nullptr || size < kFrameBytes || size > kFrameBytes + kAroundMax) return std::malloc(size);
  void* made = nullptr;
  if (::posix_memalign(&made, page_bytes(), size) != 0) return nullptr;
  return memory.frames_ = made;
}

void SessionMemory::free(void* data, void* self) {
  auto& memory = *static_cast<SessionMemory*>(self);
  if (data != nullptr && data == memory.frames_) memory.frames_ = nullptr;
  std::free(data);
}

void* SessionMemory::zeroed(std::size_t count, std::size_t size, void*) { return std::calloc(count, size); }

void* SessionMemory::resize(void* data, std::size_t size, void* self) {
  auto& memory = *static_cast<SessionMemory*>(self);
  if (data == nullptr) return allocate(size, self);
  if (data != memory.frames_) return std::realloc(data, size);
  void* const made = std::realloc(data, size);
  if (made != nullptr) memory.frames_ = nullptr;  // where it is now may share its pages with others
  return made;
}

}  // namespace cleat::http2
