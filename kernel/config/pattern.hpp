// Regular expressions of a configuration: RE2 (linear time, no backtracking), matched against the whole text as bytes, and
// bounded in size. Compiled by read_model to report errors, and by the router to match.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>

#include "kernel/base/result.hpp"

namespace cleat::config {

inline constexpr std::size_t kPatternBytesMax = 4096;
inline constexpr int kPatternProgramMax = 5'000;              // RE2 instructions
inline constexpr std::int64_t kPatternMemoryMax = 1 << 20;    // bytes, of the program and of the automata cached while matching

Result<std::unique_ptr<re2::RE2>> make_pattern(const std::string& pattern);

}  // namespace cleat::config
