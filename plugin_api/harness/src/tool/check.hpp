// `cleat plugin check`: every case in a process of its own, and one report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin_api/harness/src/tool/subject.hpp"

namespace cleat::kit {

struct CheckOptions {
  Given given;
  bool json = false;
  std::uint64_t seed = 1;
  std::uint64_t timeout_s = 60;         // of a case
  std::vector<std::string> only;        // names of cases; empty: all
};

int check(const CheckOptions& options);                              // 0 clean, 1 findings, 2 it could not be run
int run_case(const CheckOptions& options, const std::string& name);  // the process of one case

}  // namespace cleat::kit
