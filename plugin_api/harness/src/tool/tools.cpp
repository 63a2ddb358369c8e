// The words that this folder adds to `cleat plugin`.
#include <CLI/CLI.hpp>

#include <memory>

#include "kernel/cli/cli.hpp"
#include "plugin_api/harness/src/tool/check.hpp"

namespace cleat::cli {

void add_plugin_tools(CLI::App& plugin, int& code) {
  const auto check = std::make_shared<kit::CheckOptions>();
  const auto format = std::make_shared<std::string>("text"), one_case = std::make_shared<std::string>();
  CLI::App* const word = plugin.add_subcommand("check", "Host a plugin without sockets, in a process for each case, and find what it does against the ABI.");
  word->add_option("file", check->given.file, "The plugin: a .so file")->required();
  word->add_option("--config", check->given.config_file, "Its `config:`; or a whole configuration that uses it");
  word->add_option("--cluster", check->given.clusters, "A cluster that it calls or chooses; may be repeated");
  word->add_option("--header", check->given.headers, "A field of every request, \"name: value\"; may be repeated");
  word->add_option("--case", check->only, "This case alone; may be repeated");
  word->add_option("--seed", check->seed, "Of the random cases (1)");
  word->add_option("--timeout", check->timeout_s, "Seconds that a case may take (60)")->check(CLI::Range(1, 3'600));
  word->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}));
  word->add_option("--run-case", *one_case)->group("");  // what `check` starts its processes with
  word->footer("Exit codes: 0 nothing was found, 1 something was, 2 it could not be run.");
  word->callback([&code, check, format, one_case] {
    check->json = *format == "json";
    code = one_case->empty() ? kit::check(*check) : kit::run_case(*check, *one_case);
  });
}

}  // namespace cleat::cli
