// What must not be shown of a configuration: values whose key, or whose neighbour `name`, says that they are secrets, everything below
// `secrets`, and passwords in URLs. Rather too much than too little: who needs the value has the file.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kernel/describe.hpp"

namespace cleat {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::array<std::string_view, 10> kWords = {"key",   "secret",     "password", "passwd", "passphrase",
                                                     "token", "credential", "private",  "cookie", "authorization"};

bool says_secret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// "scheme://user:password@host": what stands between "//" and "@" goes.
void redact_url(std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return;
  const std::size_t at = text.find('@', scheme), end = text.find_first_of("/?#", scheme + 3);
  if (at != std::string::npos && (end == std::string::npos || at < end)) text.replace(scheme + 3, at - scheme - 3, kRedacted);
}

void redact(Json& json) {
  if (json.is_string()) redact_url(json.get_ref<std::string&>());
  if (json.is_array()) {
    for (Json& one : json) redact(one);
  }
  if (!json.is_object()) return;
  const auto name = json.find("name");
  const bool named_secret = name != json.end() && name->is_string() && says_secret(name->get_ref<const std::string&>());
  for (auto& [key, value] : json.items()) {
    const bool of_name = named_secret && (key == "value" || key == "exact" || key == "prefix" || key == "regex");
    const bool secret = of_name || says_secret(key);
    if (secret && !value.is_null() && !value.is_boolean()) {
      value = kRedacted;
    } else {
      redact(value);
    }
  }
}

}  // namespace

std::string redacted(const std::string& json) {
  Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return "null";
  redact(parsed);
  return parsed.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cleat
