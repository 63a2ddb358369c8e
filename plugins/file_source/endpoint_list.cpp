#include "endpoint_list.hpp"

#include <charconv>

namespace file_source {

namespace {

std::string_view next_word(std::string_view& line) {
  const std::size_t start = line.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(start);
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

// Why not, or nothing.
std::string read_line(std::string_view line, std::vector<ListedEndpoint>& list) {
  line = line.substr(0, line.find('#'));
  ListedEndpoint made;
  made.address = next_word(line);
  if (made.address.empty()) return {};
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    constexpr std::string_view kWeight = "weight=";
    if (word == "unhealthy") {
      made.healthy = false;
    } else if (word.starts_with(kWeight)) {
      const std::string_view number = word.substr(kWeight.size());
      const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), made.weight);
      if (failed != std::errc() || end != number.data() + number.size() || made.weight < 1 || made.weight > 65'535) return "a weight is 1 to 65535";
    } else {
      return "\"" + std::string(word.substr(0, 64)) + "\" is neither weight=N nor unhealthy";
    }
  }
  if (list.size() == kEndpointsMax) return "more than 65,536 endpoints";
  list.push_back(std::move(made));
  return {};
}

}  // namespace

std::vector<ListedEndpoint> parse_endpoints(std::string_view text, std::string& error) {
  std::vector<ListedEndpoint> list;
  error.clear();
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (std::string why = read_line(text.substr(0, end), list); !why.empty()) {
      error = std::to_string(number) + ": " + why;
      return {};
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return list;
}

}  // namespace file_source
