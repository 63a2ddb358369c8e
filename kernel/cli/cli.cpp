#include "kernel/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <optional>

#include "kernel/base/log.hpp"
#include "kernel/hooks/note.hpp"
#include "kernel/process/supervisor.hpp"
#include "kernel/server.hpp"

namespace cleat::cli {
namespace {

using Level = config::Model::LogLevel;

const std::map<std::string, Level> kLevels = {
    {"debug", Level::kDebug}, {"info", Level::kInfo}, {"warn", Level::kWarn}, {"error", Level::kError}};

// The supervisor's process has the same command line as the supervisor; what it is handed tells it which one it is.
int run_or_supervise(const RunOptions& options, bool supervised) {
  Result<Handover> given = take_handover();
  if (!given.ok()) {
    std::fprintf(stderr, "%s\n", given.error().c_str());
    return kRefused;
  }
  if (!supervised || given->supervised) return run_server(options, std::move(*given));
  if (options.log_level) log::set_level(static_cast<log::Level>(*options.log_level));
  return supervise(options.process);
}

}  // namespace

int main(int argc, const char* const* argv, void (*add_tools)(CLI::App& program, int& code)) {
  CLI::App app("An HTTP proxy kernel whose features are plugins.", "cleat");
  app.require_subcommand(1);
  app.footer([] { return plugin_commands_help() + kExitCodes; });
  app.set_version_flag("--version", [] { return "cleat " CLEAT_VERSION " (ABI " + hooks::abi_text(hooks::kHostAbi) + ")"; });
  int code = kOk;

  RunOptions options;
  std::string level;
  CLI::App* run = app.add_subcommand("run", "Serve the configuration until SIGTERM.")->footer(kExitCodes);
  run->add_option("-c,--config", options.config_file, "The configuration: a YAML file")->required();
  run->add_option("--log-level", level, "Instead of the configuration's log_level: debug, info, warn, error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  run->add_option("--pid-file", options.process.pid_file, "Where to write the process's number once it serves; removed at its end");
  bool supervised = false;
  run->add_flag("--supervise", supervised, "Serve in a process of its own, and start another when that one crashes");
  std::uint64_t ready_within = 60;
  run->add_option("--ready-within", ready_within, "Seconds that a process started by SIGUSR2 or --supervise has to get ready (60)")
      ->check(CLI::Range(1, 86'400));
  run->callback([&] {
    if (!level.empty()) options.log_level = kLevels.at(level);
    options.process.command = start_command(argc, argv);
    options.process.command.ready_within = std::chrono::seconds(ready_within);
    code = run_or_supervise(options, supervised);
  });

  std::string file;
  bool full = false;
  CLI::App* check = app.add_subcommand("validate", "Check a configuration, and let its plugins check theirs, without serving it.");
  check->add_option("-c,--config", file, "The configuration: a YAML file")->required();
  check->add_flag("--full", full, "Create every plugin as `run` would, whatever effects that has, and check what routes tell them");
  check->footer(kExitCodes);
  check->callback([&] { code = validate(file, full); });

  if (add_tools != nullptr) add_tools(app, code);

  app.add_subcommand("version", "Say the version of the program and of the ABI.")->footer(kExitCodes)->callback([&] { code = version(); });

  try {
    const auto named = [&](const CLI::App* word) { return word->check_name(argv[1]); };
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
      if (const std::optional<int> done = run_plugin_command(argv[1], {argv + 2, argv + argc})) return *done;
    }
    app.parse(argc, argv);  // callbacks run inside
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kRefused;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cleat: %s\n", error.what());
    return kFailed;
  }
  return code;
}

int version() {
  std::printf("cleat %s (ABI %s)\n", CLEAT_VERSION, hooks::abi_text(hooks::kHostAbi).c_str());
  return kOk;
}

}  // namespace cleat::cli
