#include "query.hpp"

#include <algorithm>

namespace admin {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> decode(std::string_view text, bool plus) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return {};
      c = static_cast<char>(hex(text[i + 1]) << 4 | hex(text[i + 2]));
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return {};
    decoded += c;
  }
  return decoded;
}

std::optional<std::map<std::string, std::string>> read_query(std::string_view query, std::initializer_list<std::string_view> expected) {
  std::map<std::string, std::string> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::optional<std::string> name = decode(one.substr(0, equals), true);
    const std::optional<std::string> value = decode(one.substr(std::min(equals + 1, one.size())), true);
    if (!name || !value || value->size() > kParameterBytesMax || parameters.size() == kParametersMax) return {};
    if (std::find(expected.begin(), expected.end(), *name) == expected.end()) return {};
    if (!parameters.emplace(*name, *value).second) return {};
  }
  return parameters;
}

}  // namespace admin
