// Structs of the ABI that begin with their size, filled in by the other side of the boundary. Rules 1 and 2 of the ABI live here:
// a field beyond `size` reads as zero, unknown trailing bytes are accepted only if zero. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "plugin_api/types.h"

namespace cleat::hooks {

// What ABI 0.9 had of the structs that plugins hand in: they may grow, these may not.
inline constexpr std::size_t kReplyLeast = offsetof(cleat_reply, reason) + sizeof(cleat_reply::reason);
inline constexpr std::size_t kRetryLeast = offsetof(cleat_retry, delay_ms) + sizeof(cleat_retry::delay_ms);

inline constexpr std::uint32_t kStructBytesMax = 16 * 1024;  // more is not a size but garbage

inline constexpr char kSetsUnknownFields[] = "it sets fields that this host does not know";

// A whole `to` from what is there of `from`. `least`: bytes that the oldest ABI had of it. What is wrong with it, or nullptr.
const char* read_struct(const void* from, std::size_t least, void* to, std::size_t size);
template <class T>
const char* read_struct(const T* from, std::size_t least, T& to) {
  return read_struct(from, least, &to, sizeof to);
}

// The 8-byte entries that are set beyond the `known` bytes of a table of `size` bytes, numbered as in the table.
std::vector<std::size_t> entries_beyond(const void* table, std::size_t known, std::size_t size);

}  // namespace cleat::hooks
