// SessionMemory: what an nghttp2 session allocates. All is the system's, but for the buffer in which the session builds frames: 16 KiB that
// it keeps for its life, and whose content is of no use between two frames. That one is on pages of its own, so that an idle connection can
// give them back to the system: they are there again, and zero, when they are next written.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace cleat::http2 {

class SessionMemory {
 public:
  SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  nghttp2_mem* functions() { return &functions_; }  // must outlive the session
  // REQUIRES: the session has nothing to send and is not called now.
  void give_back();

 private:
  static void* allocate(std::size_t size, void* self);
  static void free(void* data, void* self);
  static void* zeroed(std::size_t count, std::size_t size, void* self);
  static void* resize(void* data, std::size_t size, void* self);

  nghttp2_mem functions_;
  void* frames_ = nullptr;  // nullptr: the session has asked for no such buffer, or has freed it
};

}  // namespace cleat::http2
