// A field's value with %{...} in it, compiled once at load, put together for each message without allocating.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"

namespace header_rewrite {

// Where a value is put together: what is known differs.
enum class Stage {
  kBeforeRoute,  // on_request
  kRequest,      // on_route
  kResponse,     // on_response
};

class Value {
 public:
  // Most bytes a value with substitutions may come to.
  static constexpr std::size_t kBytesMax = 8192;

  // Compiles `text`. On failure the reason, in words, in `error`.
  static std::optional<Value> compile(std::string_view text, Stage stage, std::string& error);

  // The value for this exchange: a view of this object, of `scratch`, or of the exchange; what is not known there is empty.
  // Nothing if it came to more than scratch holds.
  std::optional<std::string_view> render(cleat::Exchange x, std::span<char> scratch) const;

  // True if it is the same for every exchange.
  bool fixed() const { return pieces_.size() == 1 && pieces_.front().kind == Kind::kText; }

 private:
  enum class Kind { kText, kAttributeText, kAttributeInteger, kSourceIp, kMethod, kScheme, kAuthority, kTarget, kPath, kQuery, kStatus, kRequestHeader, kResponseHeader, kMetadata };
  struct Piece {
    Kind kind;
    std::uint32_t attribute;  // CLEAT_ATTR_*
    std::string text;         // the text itself, or the header's name
    cleat::MetadataKey key;
  };
  struct Name;
  static const Name kNames[];

  static bool compile_name(std::string_view name, Stage stage, Piece& piece, std::string& error);
  static std::string_view look_up(const Piece& piece, cleat::Exchange x, std::span<char, 32> digits);

  std::vector<Piece> pieces_;  // never two texts in a row; one empty text for the empty value
};

// RFC 9110 5.1 and 5.5: what a field's name and value may hold.
bool is_field_name(std::string_view name);
bool is_field_value(std::string_view value);

}  // namespace header_rewrite
