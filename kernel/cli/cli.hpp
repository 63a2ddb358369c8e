// The `cleat` command: run, validate, version, and what others add. Control thread; nothing here outlives the call.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace cleat::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;   // something went wrong while running
inline constexpr int kRefused = 2;  // bad configuration, bad usage, a plugin that would not load
inline constexpr const char* kExitCodes = "Exit codes: 0 done, 1 it failed while running, 2 bad configuration or usage.";

// add_tools: more words, which the program has and this library has not; may be nullptr.
int main(int argc, const char* const* argv, void (*add_tools)(CLI::App& program, int& code) = nullptr);
void add_plugin_tools(CLI::App& program, int& code);  // `cleat plugin`: plugin_api/harness

// One subcommand each; the answer is the exit code.
int validate(const std::string& config_file, bool full);
int version();

// Words that plugins add (cleat.command/1), looked for in $CLEAT_PLUGIN_PATH (folders, separated by ':') and the plugin folders beside
// the program. Files are only read, until a word of theirs is run.
std::string plugin_commands_help();  // a line for each; empty if there is none
std::optional<int> run_plugin_command(std::string_view word, const std::vector<std::string>& arguments);  // empty: nobody has the word

}  // namespace cleat::cli
