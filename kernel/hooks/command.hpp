// cleat.command/1: runs a plugin's word of the command line. The only thread of a process that serves nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace cleat::hooks {

// The exit code; what is none, and a failure, is 1. The error: the file is not a plugin that this host loads and that has words.
Result<int> run_command(const std::string& file, std::string_view word, const std::vector<std::string>& arguments);

}  // namespace cleat::hooks
