#include "negotiate.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace prometheus {
namespace {

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::string_view cut(std::string_view& rest, char at) {
  const std::size_t end = std::min(rest.find(at), rest.size());
  const std::string_view piece = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

}  // namespace

Format negotiate(std::string_view accept) {
  double open_metrics = 0, text = 0;
  while (!accept.empty()) {
    std::string_view range = cut(accept, ',');
    const std::string_view type = cut(range, ';');
    double weight = 1;
    bool known_version = true;  // one that is not said is any
    while (!range.empty()) {
      std::string_view parameter = cut(range, ';');
      const std::string_view name = cut(parameter, '=');
      if (same(name, "q")) weight = std::strtod(std::string(parameter).c_str(), nullptr);
      if (same(name, "version")) known_version = parameter == "1.0.0" || parameter == "0.0.1";
    }
    if (same(type, "application/openmetrics-text")) {
      if (known_version) open_metrics = std::max(open_metrics, weight);
    } else if (same(type, "text/plain") || same(type, "text/*") || type == "*/*") {
      text = std::max(text, weight);
    }
  }
  return open_metrics > 0 && open_metrics >= text ? Format::kOpenMetrics : Format::kText;
}

std::string_view content_type(Format format) {
  return format == Format::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace prometheus
