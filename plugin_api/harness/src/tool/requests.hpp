// A file of requests for `cleat plugin bench`: each as it is on the wire, but for line ends (LF) and framing, with a line of three dashes
// between them:
//
//   POST /orders?x=1
//   Host: example.org
//   Authorization: Bearer abc
//
//   the body
//   ---
//   GET /
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"
#include "plugin_api/harness/src/tool/traffic.hpp"

namespace cleat::kit {

inline constexpr std::size_t kRequestsMax = 10'000;
Result<std::vector<Scenario>> read_requests(std::string_view text);  // the error says which line

}  // namespace cleat::kit
