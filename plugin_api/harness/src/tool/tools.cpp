// `cleat plugin`: the words for who writes plugins.
#include <CLI/CLI.hpp>

#include <memory>

#include "kernel/cli/cli.hpp"
#include "plugin_api/harness/src/tool/bench.hpp"
#include "plugin_api/harness/src/tool/check.hpp"
#include "plugin_api/harness/src/tool/inspect.hpp"
#include "plugin_api/harness/src/tool/project.hpp"
#include "plugin_api/isolation/child/process.hpp"

namespace cleat::cli {
namespace {

void add_given(CLI::App& word, kit::Given& given) {
  word.add_option("file", given.file, "The plugin: a .so file")->required();
  word.add_option("--config", given.config_file, "Its `config:`; or a whole configuration that uses it");
  word.add_option("--cluster", given.clusters, "A cluster that it calls or chooses; may be repeated");
  word.add_option("--header", given.headers, "A field of every request, \"name: value\"; may be repeated");
}

void add_inspect(CLI::App& plugin, int& code) {
  const auto file = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  CLI::App* const word = plugin.add_subcommand("inspect", "Say what a plugin file is, and whether this host would load it, without running it.");
  word->add_option("file", *file, "The plugin: a .so file")->required();
  word->add_flag("--json", *json, "As JSON");
  word->footer("Exit codes: 0 this host would load it, 1 the file cannot be read, 2 this host would refuse it, or bad usage.");
  word->callback([&code, file, json] { code = kit::inspect(*file, *json); });
}

void add_new(CLI::App& plugin, int& code) {
  const auto wanted = std::make_shared<kit::NewPlugin>();
  CLI::App* const word = plugin.add_subcommand("new", "Make a project for a plugin: it builds, tests and runs at once.");
  word->add_option("name", wanted->name, "The plugin's name: small letters, digits and '_'")->required();
  word->add_option("--lang", wanted->language, "c, cpp, rust or go")->required();
  word->add_option("--dir", wanted->folder, "The folder that is made (by default one of the plugin's name)");
  word->add_option("--sdk", wanted->sdk, "Where the SDK is installed (by default where this program is)");
  word->footer(kExitCodes);
  word->callback([&code, wanted] { code = kit::new_plugin(*wanted); });
}

void add_check(CLI::App& plugin, int& code) {
  const auto check = std::make_shared<kit::CheckOptions>();
  const auto format = std::make_shared<std::string>("text"), one_case = std::make_shared<std::string>();
  CLI::App* const word = plugin.add_subcommand("check", "Host a plugin without sockets, and find what it does against the ABI.");
  add_given(*word, check->given);
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

void add_bench(CLI::App& plugin, int& code) {
  const auto bench = std::make_shared<kit::BenchOptions>();
  CLI::App* const word = plugin.add_subcommand("bench", "Measure what a plugin's hooks cost, and exchanges with and without it.");
  add_given(*word, bench->given);
  word->add_option("--requests", bench->requests_file, "Requests to make, one after the other, with a line of three dashes between them");
  word->add_option("--format", bench->format, "console, json or csv, as of Google Benchmark")->check(CLI::IsMember({"console", "json", "csv"}));
  word->add_option("--compare", bench->compare_file, "An earlier report in JSON to set this one beside");
  word->add_option("--repetitions", bench->repetitions, "How often each is measured (5)")->check(CLI::Range(1, 1'000));
  word->add_option("--min-time", bench->min_time_s, "Seconds of a repetition (0.2)")->check(CLI::Range(0.001, 60.0));
  word->footer("Exit codes: 0 done, 1 a file could not be read or used, 2 the plugin could not be hosted, or bad usage.");
  word->callback([&code, bench] { code = kit::bench(*bench); });
}

}  // namespace

void add_plugin_tools(CLI::App& program, int& code) {
  CLI::App& plugin = *program.add_subcommand("plugin", "Look at plugins, and make them.")->require_subcommand(1)->footer(kExitCodes);
  add_inspect(plugin, code);
  add_new(plugin, code);
  add_check(plugin, code);
  add_bench(plugin, code);
  // What a kernel starts for a plugin with `isolation: process`.
  plugin.add_subcommand("host")->group("")->callback([&code] { code = isolation::host_plugin(); });
}

}  // namespace cleat::cli
