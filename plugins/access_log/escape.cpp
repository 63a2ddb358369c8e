// See escape.hpp.
#include "escape.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace access_log {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHigh = 0x8080808080808080;

// Non-zero if a byte of the word may need escaping: control, DEL, '"', '\', or above ASCII. May err towards yes.
inline std::uint64_t suspicious(std::uint64_t word) {
  const auto has = [word](std::uint64_t byte) {
    const std::uint64_t y = word ^ (kOnes * byte);
    return (y - kOnes) & ~y;
  };
  const std::uint64_t control = (word - kOnes * 0x20) & ~word;
  return (word | control | has('"') | has('\\') | has(0x7f)) & kHigh;
}

// Copies words while they are clean; leaves `in` at the first that is not, or at the last few bytes.
inline char* copy_clean(char* out, const char*& in, const char* end) {
  while (end - in >= 8) {
    std::uint64_t word;
    std::memcpy(&word, in, 8);
    if (suspicious(word) != 0) break;
    std::memcpy(out, &word, 8);
    in += 8;
    out += 8;
  }
  return out;
}

// Copies a text of which no byte may need escaping; nullptr: there is one that may, and what was written means nothing. Most texts are this one's.
inline char* copy_whole(char* out, std::string_view text) {
  const char* const in = text.data();
  const std::size_t size = text.size();
  std::uint64_t word = 0;
  if (size >= 8) {
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) {
      std::memcpy(&word, in + i, 8);
      if (suspicious(word) != 0) return nullptr;
      std::memcpy(out + i, &word, 8);
    }
    std::memcpy(&word, in + size - 8, 8);  // the rest, and some bytes again
    if (suspicious(word) != 0) return nullptr;
    std::memcpy(out + size - 8, &word, 8);
  } else if (size >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, in, 4);
    std::memcpy(&last, in + size - 4, 4);
    if (suspicious(std::uint64_t{last} << 32 | first) != 0) return nullptr;
    std::memcpy(out, &first, 4);
    std::memcpy(out + size - 4, &last, 4);
  } else {
    word = kOnes * ' ';
    for (std::size_t i = 0; i < size; ++i) word ^= std::uint64_t{static_cast<unsigned char>(in[i] ^ ' ')} << (8 * i);
    if (suspicious(word) != 0) return nullptr;
    for (std::size_t i = 0; i < size; ++i) out[i] = in[i];
  }
  return out + size;
}

inline char* hex_byte(char* out, unsigned char byte) {
  *out++ = kHex[byte >> 4];
  *out++ = kHex[byte & 15];
  return out;
}

// The length of the well-formed UTF-8 sequence at `in` (Unicode 15, table 3-7), or 0.
std::size_t utf8_length(const char* in, const char* end) {
  const auto at = [in](std::size_t i) { return static_cast<unsigned char>(in[i]); };
  const auto left = static_cast<std::size_t>(end - in);
  const auto tail = [&](std::size_t i) { return i < left && (at(i) & 0xc0) == 0x80; };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f)) return 0;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

char* two(char* out, unsigned value) {
  *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

}  // namespace

char* escape_text(char* out, std::string_view text) {
  if (char* const whole = copy_whole(out, text)) return whole;
  const char* in = text.data();
  const char* const end = in + text.size();
  while (in != end) {
    out = copy_clean(out, in, end);
    const char* const stop = in + std::min<std::ptrdiff_t>(8, end - in);
    for (; in != stop; ++in) {
      const auto byte = static_cast<unsigned char>(*in);
      if (byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\') {
        *out++ = *in;
      } else {
        *out++ = '\\';
        *out++ = 'x';
        out = hex_byte(out, byte);
      }
    }
  }
  return out;
}

char* escape_json(char* out, std::string_view text) {
  if (char* const whole = copy_whole(out, text)) return whole;
  const char* in = text.data();
  const char* const end = in + text.size();
  while (in != end) {
    out = copy_clean(out, in, end);
    const char* const stop = in + std::min<std::ptrdiff_t>(8, end - in);
    while (in < stop) {
      const auto byte = static_cast<unsigned char>(*in);
      if (byte == '"' || byte == '\\') {
        *out++ = '\\';
        *out++ = *in++;
      } else if (const std::size_t length = byte < 0x20 ? 0 : utf8_length(in, end); length != 0) {
        std::memcpy(out, in, length);
        out += length;
        in += length;
      } else {
        std::memcpy(out, "\\u00", 4);
        out = hex_byte(out + 4, byte);
        ++in;
      }
    }
  }
  return out;
}

std::string_view TimeText::of(std::int64_t unix_us) {
  using namespace std::chrono;
  const std::int64_t ms = floor<milliseconds>(microseconds(unix_us)).count();
  if (ms == ms_) return {text_, kTimeBytes};
  const sys_seconds second = floor<seconds>(sys_time<milliseconds>(milliseconds(ms)));
  if (second.time_since_epoch().count() != second_) {
    const sys_days day = floor<days>(second);
    const year_month_day date(day);
    const hh_mm_ss time(second - day);
    const auto year = static_cast<unsigned>(std::clamp(static_cast<int>(date.year()), 0, 9999));
    char* out = two(two(text_, year / 100), year % 100);
    *out++ = '-';
    out = two(out, static_cast<unsigned>(date.month()));
    *out++ = '-';
    out = two(out, static_cast<unsigned>(date.day()));
    *out++ = 'T';
    out = two(out, static_cast<unsigned>(time.hours().count()));
    *out++ = ':';
    out = two(out, static_cast<unsigned>(time.minutes().count()));
    *out++ = ':';
    out = two(out, static_cast<unsigned>(time.seconds().count()));
    *out = '.';
    text_[kTimeBytes - 1] = 'Z';
    second_ = second.time_since_epoch().count();
  }
  const auto part = static_cast<unsigned>(ms - second_ * 1000);
  text_[20] = static_cast<char>('0' + part / 100);
  two(text_ + 21, part % 100);
  ms_ = ms;
  return {text_, kTimeBytes};
}

}  // namespace access_log
