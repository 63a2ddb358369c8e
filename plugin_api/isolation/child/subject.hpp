// An exchange or a connection as this process knows it: what was told with its latest hook, what the plugin keeps with it, and what the plugin has
// done and the kernel has not been told yet. It belongs to one worker; see rules in worker.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/base/buffer.hpp"
#include "plugin_api/isolation/child/snapshot.hpp"
#include "plugin_api/types.h"

namespace cleat::isolation {

// Hooks that may be suspended beside one another, and the lane of their tickets: kernel/exchange.hpp's, and kernel/hooks/tickets.hpp's for connections.
enum class HookLane : std::uint8_t { kHead, kRequestBody, kResponseBody, kConnection };
constexpr HookLane lane_of(HookNumber hook) {
  if (is_of_connection(hook)) return HookLane::kConnection;
  if (hook == HookNumber::kRequestBody || hook == HookNumber::kRequestTrailers || hook == HookNumber::kHandleBody) return HookLane::kRequestBody;
  if (hook == HookNumber::kResponseBody || hook == HookNumber::kResponseTrailers) return HookLane::kResponseBody;
  return HookLane::kHead;
}

inline constexpr std::size_t kKeptBytes = 64 * 1024;  // of a buffer that is used again; what is larger is given back

// A list of operations as it goes out.
struct Operations {
  Writer writer;
  std::uint32_t count = 0;
  void clear() {
    if (writer.bytes.capacity() > kKeptBytes) writer.bytes = {};
    writer.clear();
    count = 0;
  }
};

// A hook that is running, or suspended.
struct Call {
  std::uint64_t number = 0;
  HookNumber hook = HookNumber::kCount;  // kCount: none
  std::uint32_t ticket = 0;              // that is out; 0: none
  bool suspended = false;                // it has answered SUSPEND
  Operations operations;
};

struct Subject {
  static constexpr std::size_t kArenaBytesMax = 2 * 1024 * 1024;  // the kernel's arena, and lists of it read anew
  static constexpr std::size_t kStateBytesMax = 4096;
  static constexpr std::size_t kTimersMax = 16;
  static constexpr std::size_t kOperationsBytesMax = 4 * 1024 * 1024;  // of one hook, but for a body piece or a reply
  static constexpr std::size_t kMetadataBytesMax = 64 * 1024;

  Subject(std::uint64_t handle_, BlockPool& pool) : handle(handle_), arena(pool, kArenaBytesMax) {}

  const std::uint64_t handle;
  std::string message;       // what `now` points into
  Arena arena;
  Snapshot now;
  std::uint64_t told_us = 0; // when it came, of this process's clock
  struct Piece {             // at hand while the body hook of that part runs or is suspended
    Buffer bytes;
    bool changed = false;
  };
  std::array<Piece, 2> pieces;                // CLEAT_REQUEST, CLEAT_RESPONSE
  HookNumber head_hook = HookNumber::kCount;  // the latest of the heads' lane
  bool replied = false;                       // a reply was made since its latest hook
  struct Handling {          // of an exchange that the plugin answers as its handler
    bool asked = false, ended = false;        // on_handle, on_handle_end were called
    std::uint64_t left = UINT64_MAX;          // of the Content-Length that its answer was started with; UINT64_MAX: any
    bool active() const { return asked && !ended; }
  } handling;
  std::array<Call, 4> calls;                  // by lane
  Operations outside;                         // outside of its hooks
  std::unique_ptr<void, decltype(&std::free)> state{nullptr, &std::free};
  std::uint64_t state_bytes = 0;
  std::size_t metadata_bytes = 0;
  std::vector<std::uint32_t> timers;          // places in the worker's list

  Piece* piece_of(HookNumber hook) {
    return hook == HookNumber::kRequestBody ? &pieces[CLEAT_REQUEST] : hook == HookNumber::kResponseBody ? &pieces[CLEAT_RESPONSE] : nullptr;
  }
  bool is_suspended(HookLane lane) const { return calls[static_cast<std::size_t>(lane)].suspended; }
  bool has_response() const { return now.has(kHasResponse); }
  bool head_sent() const;                     // as far as the latest hook told
};

}  // namespace cleat::isolation
