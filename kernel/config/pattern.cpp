#include "kernel/config/pattern.hpp"

#include <utility>

namespace cleat::config {

Result<std::unique_ptr<re2::RE2>> make_pattern(const std::string& pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return Error{"regular expression is longer than " + std::to_string(kPatternBytesMax) + " bytes"};
  }
  re2::RE2::Options options(re2::RE2::Latin1);  // requests are bytes
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kPatternMemoryMax);
  auto compiled = std::make_unique<re2::RE2>(pattern, options);
  if (!compiled->ok()) return Error{"regular expression: " + compiled->error()};
  if (compiled->ProgramSize() > kPatternProgramMax) {
    return Error{"regular expression is too large: " + std::to_string(compiled->ProgramSize()) + " instructions of at most " +
                 std::to_string(kPatternProgramMax)};
  }
  return compiled;
}

}  // namespace cleat::config
