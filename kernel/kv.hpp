// Kv: spaces of keys and values in memory, which any thread may use. A space is in parts, each with a lock of its own, so that workers seldom
// wait for each other; its bound is checked before a lock is taken. Spaces live as long as an instance that has opened them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/metrics.hpp"
#include "kernel/base/slots.hpp"

namespace cleat::kv {

inline constexpr std::size_t kKeyBytesMax = 512;
inline constexpr std::size_t kValueBytesMax = 64 * 1024;
inline constexpr std::uint64_t kEntryBytes = 96;             // what an entry counts beside its key and value
inline constexpr std::uint64_t kSpaceBytesMin = 1024;
inline constexpr std::uint64_t kSpaceBytesMax = 1024 * 1024 * 1024;
inline constexpr std::size_t kSpacesOfInstanceMax = 16;
inline constexpr unsigned kSpaceBits = 10;                   // 1,024 spaces

enum class Outcome : std::uint8_t { kDone, kNotFound, kChanged, kLimit, kNoNumber };

class Space {
 public:
  Space(const std::string& name, std::uint64_t bytes_max);
  ~Space();
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  void widen(std::uint64_t bytes_max);  // never narrows

  // `buffer` gets as much of the value as it holds, `needed` its size.
  Outcome get(std::string_view key, char* buffer, std::uint64_t capacity, std::uint64_t& needed, std::uint64_t& version);
  // expected: nullopt = whatever is there; 0 = nothing.
  Outcome set(std::string_view key, std::string_view value, std::uint64_t ttl_ms, std::optional<std::uint64_t> expected, std::uint64_t& version);
  Outcome remove(std::string_view key, std::uint64_t expected);
  Outcome add(std::string_view key, std::int64_t amount, std::uint64_t ttl_ms, std::int64_t& value);
  Outcome next(std::string_view prefix, std::string_view after, char* buffer, std::uint64_t capacity, std::uint64_t& needed);

  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kParts = 16;
  static constexpr std::uint64_t kSweepAgainMs = 100;
  struct Entry {
    std::string value;
    std::uint64_t version = 0;
    std::uint64_t expires_ms = 0;  // 0: never
    bool gone(std::uint64_t now_ms) const { return expires_ms != 0 && expires_ms <= now_ms; }
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  struct alignas(64) Part {
    std::mutex mutex;
    Entries entries;
  };

  Part& part_of(std::string_view key) { return parts_[std::hash<std::string_view>{}(key) % kParts]; }
  Entries::iterator find(Part& part, std::string_view key, std::uint64_t now_ms);  // what is gone is erased; REQUIRES the lock, as below
  void erase(Part& part, Entries::iterator entry);
  std::uint64_t put(Part& part, Entries::iterator found, std::string_view key, std::string_view value, std::uint64_t expires_ms);
  bool reserve(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  void sweep(std::uint64_t now_ms);

  std::array<Part, kParts> parts_;
  std::atomic<std::uint64_t> bytes_{0}, bytes_max_, version_{0}, sweep_at_ms_{0};
  metrics::SeriesId bytes_gauge_, entries_gauge_;
};

using Spaces = Slots<Space, kSpaceBits>;
Spaces& spaces();

// [control] The handle of the space, made if there is none, for `user`; 0 over the bounds.
std::uint64_t open(std::uint64_t user, const std::string& name, std::uint64_t bytes_max);
void release(std::uint64_t user);  // [control] it uses none any longer; what nobody uses is gone

}  // namespace cleat::kv
