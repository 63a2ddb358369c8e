// The character classes of RFC 3986 and RFC 9110 as one table, made at compile time. Private to http/ and route/.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cleat::http::detail {

enum : std::uint8_t {
  kTokenChar = 1,       // tchar (RFC 9110 5.6.2)
  kValueChar = 2,       // field-vchar, SP, HTAB (RFC 9110 5.5)
  kPathChar = 4,        // in an origin-form path
  kQueryChar = 8,       // in a query
  kHostChar = 16,       // in a registered name
  kHexChar = 32,
  kUnreservedChar = 64  // RFC 3986 2.3
};

constexpr bool in(std::string_view set, unsigned c) { return set.find(static_cast<char>(c)) != std::string_view::npos; }

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool visible = c > 0x20 && c < 0x7f;
    std::uint8_t bits = 0;
    if (alnum || (visible && in("!#$%&'*+-.^_`|~", c))) bits |= kTokenChar;
    if (visible || c >= 0x80 || c == ' ' || c == '\t') bits |= kValueChar;
    // RFC 3986 would have neither of "[]|" in a path nor of "[]\^`{|}" in a query, but the URL standard of browsers sends them
    // as they are. The backslash stays out of paths, where some origins take it for a slash; '#' is never sent by a client.
    if (alnum || (visible && in("-._~!$&'()*+,;=:@/%[]|", c))) bits |= kPathChar;
    if (visible && !in("#\"<>", c)) bits |= kQueryChar;
    // Narrower than reg-name: percent-encoding and sub-delims name no host on any network, but do slip past routes.
    if (alnum || (visible && in("-._~", c))) bits |= kHostChar | kUnreservedChar;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHexChar;
    classes[c] = bits;
  }
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

inline bool is(char c, std::uint8_t bits) { return (kClasses[static_cast<unsigned char>(c)] & bits) != 0; }
inline bool all(std::string_view text, std::uint8_t bits) {
  // Without an early exit the loop has no branch to mispredict, and invalid text is rare.
  std::uint8_t both = bits;
  for (const char c : text) both &= kClasses[static_cast<unsigned char>(c)];
  return both != 0;
}
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_space(char c) { return c == ' ' || c == '\t'; }
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
inline unsigned hex_value(char c) {  // REQUIRES: kHexChar
  return is_digit(c) ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next element of a comma-separated list (RFC 9110 5.6.1) off `rest`, trimmed, possibly empty.
inline std::string_view next_element(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view element = trim(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  return element;
}

}  // namespace cleat::http::detail
