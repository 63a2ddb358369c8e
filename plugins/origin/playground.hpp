// What a path of the playground asks for. Pure: a path in, a command out.
#pragma once

#include <cstdint>
#include <string_view>

namespace origin {

inline constexpr std::uint64_t kBytesMost = std::uint64_t{1} << 40;  // of /bytes and /chunked
inline constexpr std::uint64_t kDelayMsMost = 3'600'000;
inline constexpr std::uint64_t kFlakyMost = 1'000'000;

enum class Action : std::uint8_t {
  kUnknown,    // no such path
  kMalformed,  // `text` says what the path should look like
  kIndex,
  kEcho,
  kDelay,      // number: milliseconds
  kDelayBody,  // number: milliseconds
  kStatus,     // number: status
  kBytes,      // number: bytes
  kChunked,    // number: bytes
  kTrailers,
  kFlaky,      // text: name; number: how often it fails
  kAbort,
  kAbortBody,
};

struct Command {
  Action action = Action::kUnknown;
  std::uint64_t number = 0;
  std::string_view text{};  // of the path, or of static lifetime
};

Command parse(std::string_view path);
std::string_view index_text();

// Byte i of a body made to a size is pattern()[i % kPatternPeriod]; pattern() is kPatternBytes long, whole periods.
inline constexpr std::size_t kPatternPeriod = 64;
inline constexpr std::size_t kPatternBytes = 32 * 1024;
std::string_view pattern();

}  // namespace origin
