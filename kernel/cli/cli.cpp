#include "kernel/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <optional>

#include "kernel/hooks/note.hpp"
#include "kernel/server.hpp"

namespace cleat::cli {
namespace {

using Level = config::Model::LogLevel;

constexpr const char* kExitCodes = "Exit codes: 0 done, 1 it failed while running, 2 bad configuration or usage.";

const std::map<std::string, Level> kLevels = {
    {"debug", Level::kDebug}, {"info", Level::kInfo}, {"warn", Level::kWarn}, {"error", Level::kError}};

}  // namespace

int main(int argc, const char* const* argv) {
  CLI::App app("An HTTP proxy kernel whose features are plugins.", "cleat");
  app.require_subcommand(1);
  app.footer(kExitCodes);
  app.set_version_flag("--version", [] { return "cleat " CLEAT_VERSION " (ABI " + hooks::abi_text(hooks::kHostAbi) + ")"; });
  int code = kOk;

  RunOptions options;
  std::string level;
  CLI::App* run = app.add_subcommand("run", "Serve the configuration until SIGTERM.")->footer(kExitCodes);
  run->add_option("-c,--config", options.config_file, "The configuration: a YAML file")->required();
  run->add_option("--log-level", level, "Instead of the configuration's log_level: debug, info, warn, error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  run->callback([&] {
    if (!level.empty()) options.log_level = kLevels.at(level);
    code = run_server(options);
  });

  std::string file;
  bool full = false;
  CLI::App* check = app.add_subcommand("validate", "Check a configuration, and let its plugins check theirs, without serving it.");
  check->add_option("-c,--config", file, "The configuration: a YAML file")->required();
  check->add_flag("--full", full, "Create every plugin as `run` would, whatever effects that has, and check what routes tell them");
  check->footer(kExitCodes);
  check->callback([&] { code = validate(file, full); });

  CLI::App* plugin = app.add_subcommand("plugin", "Look at plugins.")->require_subcommand(1)->footer(kExitCodes);
  std::string plugin_file;
  bool json = false;
  CLI::App* look = plugin->add_subcommand("inspect", "Say what a plugin file is, and whether this host would load it, without running it.");
  look->add_option("file", plugin_file, "The plugin: a .so file")->required();
  look->add_flag("--json", json, "As JSON");
  look->footer("Exit codes: 0 this host would load it, 1 the file cannot be read, 2 this host would refuse it, or bad usage.");
  look->callback([&] { code = inspect(plugin_file, json); });

  app.add_subcommand("version", "Say the version of the program and of the ABI.")->footer(kExitCodes)->callback([&] { code = version(); });

  try {
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
