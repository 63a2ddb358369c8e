// `cleat plugin bench`: what a plugin's hooks, and exchanges with and without it, cost. Reports in the formats of Google Benchmark.
#pragma once

#include <cstdint>
#include <string>

#include "plugin_api/harness/src/tool/subject.hpp"

namespace cleat::kit {

struct BenchOptions {
  Given given;
  std::string requests_file, compare_file, format = "console";
  std::uint64_t repetitions = 5;
  double min_time_s = 0.2;  // of a repetition
};

int bench(const BenchOptions& options);  // 0 done, 1 a file could not be read or used, 2 the plugin could not be hosted

}  // namespace cleat::kit
