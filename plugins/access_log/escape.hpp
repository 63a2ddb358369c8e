// Escaping of values for log lines. Pure: bytes in, bytes out, no allocation. The fast path copies eight bytes at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace access_log {

inline constexpr std::size_t kTextGrowth = 4;  // one byte becomes at most \xHH
inline constexpr std::size_t kJsonGrowth = 6;  // one byte becomes at most \u00HH
inline constexpr std::size_t kTimeBytes = 24;  // 2026-11-24T01:02:03.456Z

// Both write at `out` and return the end of what was written. REQUIRES: room for the growth times in.size(), plus 8.
// Text: bytes outside 0x20..0x7e and '"' and '\' become \xHH.
char* escape_text(char* out, std::string_view in);
// The inside of a JSON string (RFC 8259 7). Valid UTF-8 is kept; any other byte becomes \u00HH.
char* escape_json(char* out, std::string_view in);

// ISO 8601 in UTC with milliseconds. Formats once for each millisecond, and the date only once for each second.
class TimeText {
 public:
  std::string_view of(std::int64_t unix_us);  // the view lives until the next call

 private:
  std::int64_t ms_ = INT64_MIN;
  std::int64_t second_ = INT64_MIN;
  char text_[kTimeBytes] = {};
};

}  // namespace access_log
