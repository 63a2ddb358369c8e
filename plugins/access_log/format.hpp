// Formats, compiled once when an instance is created into a list of segments; rendering a line walks it. Pure: knows the
// numbers of attributes, no host function. [control]
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace access_log {

inline constexpr std::size_t kLineBytesMax = 64 * 1024;  // one line
inline constexpr std::size_t kValueBytesMax = 4096;      // of a value, before escaping
inline constexpr std::size_t kFixedBytesMax = 16 * 1024; // of a format's own text
inline constexpr std::size_t kShortBytesMax = 32;        // a number, a time, null, quotes: room set aside for each field

enum class Source : std::uint8_t {
  kNone,              // only the literal
  kTextAttribute,     // id: CLEAT_ATTR_*
  kIntegerAttribute,  // id: CLEAT_ATTR_*
  kHeadField,         // id: CLEAT_METHOD ...
  kHeader,            // id: cleat_part, name
  kMetadata,          // name; id: its key, once resolve_metadata has been called
  kSourceIp,
  kTime,
  kDuration,
  kUpstreamDuration,
};

struct Field {
  Source source = Source::kNone;
  std::uint32_t id = 0;
  std::string name;
};

enum class Mode : std::uint8_t {
  kText,       // escaped for text; "-" if absent
  kJsonInner,  // inside quotes that the literals hold; "-" if absent
  kJsonValue,  // a whole value: number, quoted string or null
};

struct Segment {
  std::string literal;  // goes before the field
  Field field;
  Mode mode = Mode::kText;
};

struct Format {
  std::vector<Segment> segments;
  std::size_t fixed_bytes = 0;  // literals, and kShortBytesMax for each field
};

using Members = std::vector<std::pair<std::string, std::string>>;  // JSON member -> format

// Each answers an empty string, or what is wrong in words for the operator. The line ends in a newline.
std::string parse_field(std::string_view name, Field& field);
std::string compile_text(std::string_view line, Format& format);
std::string compile_member(std::string_view member_format, Format& format);  // only checks one: for errors at the right line
std::string compile_json(const Members& members, Format& format);

std::string_view default_line();
const Members& default_members();

}  // namespace access_log
