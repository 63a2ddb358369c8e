// What a benchmark has measured, as Google Benchmark reports it (docs/user_guide.md of that project): its tools read the JSON.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace cleat::kit {

struct Repetition {
  std::uint64_t iterations = 0;
  double real_ns = 0, cpu_ns = 0;    // of one iteration
};

struct Measurement {
  std::string name;
  std::vector<Repetition> repetitions;
  double allocations = -1;           // of one iteration; < 0: not known
  double instructions = -1;
  double calls = -1;                 // of a hook in an exchange
};

double median_cpu_ns(const Measurement& of);
std::string as_json(const std::vector<Measurement>& all, std::string_view plugin);
std::string as_csv(const std::vector<Measurement>& all);
std::string as_console(const std::vector<Measurement>& all);
// An earlier report in JSON: of this tool's, or of another that makes Google Benchmark's.
struct Earlier {
  std::string date, plugin;                          // empty: not said
  std::map<std::string, std::vector<double>> cpu_ns;  // of each repetition, by name
  std::map<std::string, double> allocations;
};
Result<Earlier> read_earlier(std::string_view json);  // the error says what is wrong with it
// Beside those of an earlier report, by name, in CPU time, which others on the machine disturb least. `plugin` is the file measured now.
std::string compared(const std::vector<Measurement>& all, std::string_view plugin, Earlier earlier);

}  // namespace cleat::kit
