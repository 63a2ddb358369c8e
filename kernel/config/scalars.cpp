// Scalars of a document as values, and a subtree as JSON. A quoted scalar is text: it is never a number, a boolean or null.
#include <re2/re2.h>

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <utility>

#include "kernel/config/document.hpp"

namespace cleat::config {
namespace {

const char* type_name(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull: return "empty";
    case Node::Type::kScalar: return "text";
    case Node::Type::kList: return "a list";
    case Node::Type::kMap: return "a map";
  }
  return "";
}

// The error of a node that is not what was asked for. What is below it is not worth further words.
bool refuse(const Node& node, Diagnostics& diagnostics, std::string_view wanted) {
  node.ask_all();
  std::string text = "must be ";
  text += wanted;
  if (node.type == Node::Type::kScalar) {
    constexpr std::size_t kShown = 64;
    text += ", not \"" + node.scalar.substr(0, kShown) + (node.scalar.size() > kShown ? "...\"" : "\"");
    if (node.quoted) text += " in quotes";
  } else {
    text += std::string(", not ") + type_name(node);
  }
  diagnostics.error(node, text);
  return false;
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

// "<digits><unit>" with one of the units; `none` is the factor of a number without one, 0 = only 0 may go without.
bool parse_with_unit(std::string_view text, std::initializer_list<std::pair<std::string_view, std::uint64_t>> units,
                     std::uint64_t none, std::uint64_t most, std::uint64_t& value) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::uint64_t number = 0;
  if (!parse_whole(text.substr(0, digits), number)) return false;
  const std::string_view unit = text.substr(digits);
  std::uint64_t factor = 0;
  for (const auto& [name, size] : units) {
    if (unit == name) factor = size;
  }
  if (unit.empty()) factor = none != 0 ? none : (number == 0 ? 1 : 0);
  if (factor == 0 || number > most / factor) return false;
  value = number * factor;
  return true;
}

}  // namespace

bool read_text(const Node& node, Diagnostics& diagnostics, std::string& value) {
  if (node.type != Node::Type::kScalar) return refuse(node, diagnostics, "text");
  value = node.scalar;
  return true;
}

bool read_integer(const Node& node, Diagnostics& diagnostics, std::int64_t least, std::int64_t most, std::int64_t& value) {
  std::int64_t number = 0;
  const bool ok = node.type == Node::Type::kScalar && !node.quoted && parse_whole(node.scalar, number);
  if (!ok || number < least || number > most) {
    std::string wanted = "a whole number";
    if (most != std::numeric_limits<std::int64_t>::max()) {
      wanted += " from " + std::to_string(least) + " to " + std::to_string(most);
    } else if (least != std::numeric_limits<std::int64_t>::min()) {
      wanted += " of at least " + std::to_string(least);
    }
    return refuse(node, diagnostics, wanted);
  }
  value = number;
  return true;
}

bool read_number(const Node& node, Diagnostics& diagnostics, double& value) {
  double number = 0;
  const bool ok = node.type == Node::Type::kScalar && !node.quoted && parse_whole(node.scalar, number);
  if (!ok || !std::isfinite(number)) return refuse(node, diagnostics, "a number");
  value = number;
  return true;
}

bool read_boolean(const Node& node, Diagnostics& diagnostics, bool& value) {
  const bool plain = node.type == Node::Type::kScalar && !node.quoted;
  if (!plain || (node.scalar != "true" && node.scalar != "false")) return refuse(node, diagnostics, "true or false");
  value = node.scalar == "true";
  return true;
}

bool read_duration(const Node& node, Diagnostics& diagnostics, std::chrono::milliseconds& value) {
  constexpr std::uint64_t kMost = 100ull * 365 * 24 * 3600 * 1000;  // a century: still far from overflow in nanoseconds
  std::uint64_t number = 0;
  if (node.type != Node::Type::kScalar ||
      !parse_with_unit(node.scalar, {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}, 0, kMost, number)) {
    return refuse(node, diagnostics, "a duration such as 250ms, 2s, 1m or 1h");
  }
  value = std::chrono::milliseconds(number);
  return true;
}

bool read_bytes(const Node& node, Diagnostics& diagnostics, std::uint64_t& value) {
  constexpr std::uint64_t kMost = 1ull << 62;
  std::uint64_t number = 0;
  if (node.type != Node::Type::kScalar ||
      !parse_with_unit(node.scalar,
                       {{"B", 1},
                        {"KB", 1'000},
                        {"MB", 1'000'000},
                        {"GB", 1'000'000'000},
                        {"KiB", 1ull << 10},
                        {"MiB", 1ull << 20},
                        {"GiB", 1ull << 30}},
                       1, kMost, number)) {
    return refuse(node, diagnostics, "a size such as 512, 16KiB, 1MB or 1GiB");
  }
  value = number;
  return true;
}

// --- JSON (RFC 8259) -----------------------------------------------------------------------------------------------------

namespace {

bool is_json_number(std::string_view text) {
  static const re2::RE2 kNumber(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)", re2::RE2::Latin1);
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), kNumber);
}

void append_string(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {  // the second is no YAML
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(const Node& node, std::string& out) {
  switch (node.type) {
    case Node::Type::kNull: out += "null"; return;
    case Node::Type::kScalar:
      if (!node.quoted && (node.scalar == "true" || node.scalar == "false" || is_json_number(node.scalar))) {
        out += node.scalar;
      } else {
        append_string(node.scalar, out);
      }
      return;
    case Node::Type::kList:
    case Node::Type::kMap: break;
  }
  const bool map = node.type == Node::Type::kMap;
  out += map ? '{' : '[';
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    if (i != 0) out += ',';
    if (map) {
      append_string(node.members[i].key, out);
      out += ':';
    }
    append_json(*node.members[i].value, out);
  }
  out += map ? '}' : ']';
}

}  // namespace

std::string to_json(const Node& node) {
  std::string out;
  append_json(node, out);
  return out;
}

}  // namespace cleat::config
