// The `cleat` command: run, validate, plugin inspect, version. Control thread; nothing here outlives the call.
#pragma once

#include <string>

namespace cleat::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;   // something went wrong while running
inline constexpr int kRefused = 2;  // bad configuration, bad usage, a plugin that would not load

int main(int argc, const char* const* argv);

// One subcommand each; the answer is the exit code.
int validate(const std::string& config_file, bool full);
int inspect(const std::string& plugin_file, bool json);
int version();

}  // namespace cleat::cli
