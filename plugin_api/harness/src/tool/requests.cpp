#include "plugin_api/harness/src/tool/requests.hpp"

#include <algorithm>

#include "kernel/http/message.hpp"

namespace cleat::kit {

Result<std::vector<Scenario>> read_requests(std::string_view text) {
  std::vector<Scenario> all;
  enum class At { kStart, kFields, kBody } at = At::kStart;
  int number = 0;
  const auto wrong = [&](const std::string& what) { return Error{"line " + std::to_string(number) + ": " + what}; };
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "---") {
      at = At::kStart;
      continue;
    }
    if (at == At::kStart) {
      if (line.empty()) continue;
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos) return wrong("\"METHOD TARGET\" is expected");
      if (all.size() >= kRequestsMax) return wrong("more than " + std::to_string(kRequestsMax) + " requests");
      const std::string_view rest = line.substr(space + 1);
      Scenario& one = all.emplace_back();
      one.name = line;
      one.method = line.substr(0, space);
      one.target = rest.substr(0, rest.find(' '));  // an HTTP version may stand behind it
      at = At::kFields;
    } else if (at == At::kFields) {
      if (line.empty()) {
        at = At::kBody;
        continue;
      }
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) return wrong("\"name: value\" is expected");
      const std::string_view name = line.substr(0, colon);
      std::string_view value = line.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      if (http::equal_names(name, "host")) {
        all.back().authority = value;
      } else if (http::equal_names(name, "content-length") || http::equal_names(name, "transfer-encoding")) {
        return wrong("framing is made of the body");
      } else {
        all.back().headers.emplace_back(name, value);
      }
    } else {
      all.back().body.append(line).append("\n");
    }
  }
  if (all.empty()) return Error{"no request is in it"};
  return all;
}

}  // namespace cleat::kit
