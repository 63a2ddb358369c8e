// Where a key may stand in a request: how it is found there, and how it is taken out. The functions on text are pure; Source
// binds them to an exchange.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plugin_api/cpp/cleat.hpp"

namespace api_key {

enum class Found {
  kNone,  // no key, or an empty one
  kOne,
  kBad,   // more than one, or not decodable: never accepted
};

inline constexpr std::size_t kKeyBytesMax = 1024;  // a longer one is not looked up

// The value of `name` in a query "a=1&b=2", percent-decoded into `scratch` where need be ("+" stays "+"). `value` is a view of
// either.
Found find_in_query(std::string_view query, std::string_view name, std::span<char> scratch, std::string_view& value);
// The target "path?query" without the parameters of that name; nothing if there is none.
std::optional<std::string> without_parameter(std::string_view target, std::string_view name);

// The value of `name` in a Cookie field (RFC 6265 5.4), without the quotes it may stand in.
Found find_in_cookie(std::string_view cookie, std::string_view name, std::string_view& value);
// The Cookie field without the pairs of that name; nothing if there is none.
std::optional<std::string> without_cookie(std::string_view cookie, std::string_view name);

// "Bearer abc" for the scheme "bearer" is "abc" (RFC 9110 11.4); nothing for another scheme.
std::optional<std::string_view> after_scheme(std::string_view value, std::string_view scheme);

class Source {
 public:
  Source() = default;
  explicit Source(cleat::Config config);  // {header: name, scheme: word}, {query: name} or {cookie: name}
  static Source header(std::string_view name);

  Found find(cleat::Exchange x, std::span<char> scratch, std::string_view& key) const;
  // Takes every key of this source out of the request head; false if the host refused. Allocates only where a query or cookie
  // seems to hold one.
  bool strip(cleat::Exchange x) const;
  const std::string& scheme() const { return scheme_; }  // empty if there is none

 private:
  enum class Kind { kHeader, kQuery, kCookie };

  bool strip_header(cleat::Exchange x) const;
  bool strip_cookie(cleat::Exchange x) const;

  Kind kind_ = Kind::kHeader;
  std::string name_, scheme_;
};

}  // namespace api_key
