// Texts of the C interface: heads as they would stand on the wire, and lists that come as one text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin_api/harness/harness.h"

namespace cleat::kit {

std::string request_head(const cleat_harness_request& request, bool body_follows);
std::string response_head(const cleat_harness_answer& answer, bool body_follows);
std::string field_lines(const cleat_header* headers, std::uint64_t count, bool with_end);  // with_end: an empty line behind them, if there are some

std::vector<std::string> words_of(std::string_view text);                                  // separated by spaces
std::vector<std::pair<std::string, std::string>> pairs_of(std::string_view text);          // "a=b,c=d"

}  // namespace cleat::kit
