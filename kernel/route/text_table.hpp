// A hash table from (tag, text) to a number: filled, frozen, then only read, by any thread. The caller brings the hash of
// the text, so that one pass over a request's path serves every look-up of its prefixes.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cleat::route {

inline std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 32);
}

// Eight bytes at a time; the last ones by loads that overlap and never pass the end. Requests cannot add keys, so it need not
// resist floods: the length of a search is fixed by the configuration.
inline std::uint64_t hash_text(std::uint64_t seed, std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = seed + left;
  for (; left > 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = mix(hash, word);
  }
  if (left >= 4) {
    std::uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + left - 4, 4);
    return mix(hash, low | static_cast<std::uint64_t>(high) << 32);
  }
  if (left == 0) return mix(hash, 0);
  const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])); };
  return mix(hash, byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16);
}

class TextTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  bool empty() const { return slots_.empty(); }

  // REQUIRES: not frozen. The number of the key, which is how many were added before it, were it new.
  std::uint32_t add(std::uint32_t tag, std::string_view text, std::uint64_t hash) {
    const auto next = static_cast<std::uint32_t>(keys_.size());
    return keys_.emplace(std::pair(tag, std::string(text)), std::pair(next, hash)).first->second.first;
  }

  // Numbers become `values[number]`, if there are values.
  void freeze(const std::vector<std::uint32_t>& values = {}) {
    if (keys_.empty()) return;
    std::size_t size = 4;
    while (size < keys_.size() * 2) size *= 2;
    mask_ = static_cast<std::uint32_t>(size - 1);
    slots_.assign(size, Slot{});
    for (const auto& [key, number] : keys_) {
      const std::uint32_t hash = slot_hash(number.second, key.first);
      std::uint32_t i = hash & mask_;
      while (slots_[i].value != kNone) i = (i + 1) & mask_;
      slots_[i] = {hash, key.first, static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(key.second.size()),
                   values.empty() ? number.first : values[number.first]};
      text_ += key.second;
    }
    keys_.clear();
  }

  std::uint32_t find(std::uint32_t tag, std::string_view text, std::uint64_t hash) const {
    if (slots_.empty()) return kNone;
    const std::uint32_t wanted = slot_hash(hash, tag);
    for (std::uint32_t i = wanted & mask_;; i = (i + 1) & mask_) {  // ends: half of the slots are empty
      const Slot& slot = slots_[i];
      if (slot.value == kNone) return kNone;
      if (slot.hash == wanted && slot.tag == tag && slot.size == text.size() &&
          std::memcmp(text_.data() + slot.offset, text.data(), text.size()) == 0) {
        return slot.value;
      }
    }
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t tag = 0;
    std::uint32_t offset = 0;  // of the text, in text_
    std::uint32_t size = 0;
    std::uint32_t value = kNone;
  };
  static std::uint32_t slot_hash(std::uint64_t hash, std::uint32_t tag) { return static_cast<std::uint32_t>(mix(hash, tag)); }

  std::map<std::pair<std::uint32_t, std::string>, std::pair<std::uint32_t, std::uint64_t>> keys_;  // until frozen
  std::vector<Slot> slots_;
  std::string text_;
  std::uint32_t mask_ = 0;
};

}  // namespace cleat::route
