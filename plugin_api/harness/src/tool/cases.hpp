// The cases of `cleat plugin check`. Each runs in a process of its own, which may crash or hang: what it says before that is kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_api/harness/src/checks.hpp"
#include "plugin_api/harness/src/tool/subject.hpp"

namespace cleat::kit {

struct CaseRun {
  Subject subject;
  std::uint64_t seed = 1;
  std::function<void(const Finding&)> found;
  std::function<void(const Failure&)> failed;       // a hook answered FAIL, which is none
  std::function<void(const std::string&)> doing;    // what is being done: said if the process ends over it
  std::function<void(const std::string&)> skipped;  // why the case has nothing to look at
};

struct Case {
  std::string_view name, what;
  void (*run)(CaseRun& run);
};

// What is being done until there is an instance: what ends the process then leaves nothing to look at.
inline constexpr std::string_view kLoading = "the file's loading, and create";

const std::vector<Case>& cases();

}  // namespace cleat::kit
