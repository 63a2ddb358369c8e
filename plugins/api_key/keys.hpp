// The keys that are known: SHA-256 digests with owner and scopes, read from a file's text into an immutable table. Made on the
// control thread, read by workers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace api_key {

using Digest = std::array<unsigned char, 32>;

struct Key {
  Digest digest;
  std::string owner;
  std::vector<std::string> scopes;
  std::string scopes_text;  // as in the file: "read,write"
};

class KeyTable {
 public:
  static constexpr std::size_t kFileBytesMax = 64 * 1024 * 1024;
  static constexpr std::size_t kKeysMax = 1'000'000;
  static constexpr std::size_t kWordBytesMax = 128;  // of an owner, of a scope

  // Lines of `sha256:<64 hex digits> <owner> [<scope>,<scope>...]`; empty lines and lines that begin with # are passed over. On the
  // first mistake nothing, and "line 3: ..." in `error`.
  static std::optional<KeyTable> parse(std::string_view text, std::string& error);

  // The key of this digest, or nullptr. What the time depends on is the digest of what was presented: nothing about the
  // digests in the table can be learnt from it. Valid as long as the table.
  const Key* find(const Digest& digest) const;

  std::size_t size() const { return keys_.size(); }

 private:
  std::size_t home(const Digest& digest) const;

  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_;  // open addressing, at most half full: position in keys_ plus one, 0 = free
};

}  // namespace api_key
