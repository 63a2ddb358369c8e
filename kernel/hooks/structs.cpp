#include "kernel/hooks/structs.hpp"

#include <algorithm>

namespace cleat::hooks {

const char* read_struct(const void* from, std::size_t least, void* to, std::size_t size) {
  if (from == nullptr) return "it is NULL";
  std::uint32_t theirs;
  std::memcpy(&theirs, from, sizeof theirs);
  if (theirs < least) return "its size is too small: set it to sizeof of the struct";
  if (theirs > kStructBytesMax || theirs % 4 != 0) return "its size is not that of a struct: set it to sizeof of the struct";
  const std::size_t common = std::min<std::size_t>(theirs, size);
  std::memcpy(to, from, common);
  std::memset(static_cast<char*>(to) + common, 0, size - common);
  const char* bytes = static_cast<const char*>(from);
  return std::any_of(bytes + common, bytes + theirs, [](char c) { return c != 0; }) ? kSetsUnknownFields : nullptr;
}

std::vector<std::size_t> entries_beyond(const void* table, std::size_t known, std::size_t size) {
  std::vector<std::size_t> set;
  for (std::size_t at = (known + 7) / 8 * 8; at + 8 <= size; at += 8) {
    std::uint64_t entry;
    std::memcpy(&entry, static_cast<const char*>(table) + at, sizeof entry);
    if (entry != 0) set.push_back(at / 8);
  }
  return set;
}

}  // namespace cleat::hooks
