// A query's parameters, strictly read: what is malformed, too much, or not expected is refused, never guessed at.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace admin {

constexpr std::size_t kParametersMax = 8;
constexpr std::size_t kParameterBytesMax = 256;

// Percent-decoded; "+" is a space where `plus` says so. Empty: malformed, or a control character.
std::optional<std::string> decode(std::string_view text, bool plus);

// name=value&... Empty: malformed, over the bounds, a name twice, or one that is not `expected`.
std::optional<std::map<std::string, std::string>> read_query(std::string_view query, std::initializer_list<std::string_view> expected);

}  // namespace admin
