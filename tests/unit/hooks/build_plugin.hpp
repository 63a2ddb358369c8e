// Builds plugins while the tests run, with the system's compiler: as an outsider's build would, without this tree's flags, and in as
// many wrong ways as the tests need. Once for each source and flags.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "kernel/hooks/instance.hpp"
#include "tests/unit/hooks/plugins/odd.h"

namespace cleat::test {

class Workshop {
 public:
  static Workshop& get() {
    static Workshop one;
    return one;
  }
  // source: a file of tests/unit/hooks/plugins. The result is <name>.so in a folder of its own.
  std::string build(const std::string& source, const std::string& flags = {}, const std::string& name = "odd") {
    std::string& file = built_[source + " " + flags];
    if (!file.empty()) return file;
    const std::filesystem::path folder = folder_ / std::to_string(built_.size());
    std::filesystem::create_directories(folder);
    file = (folder / (name + ".so")).string();
    const char* tree = std::getenv("CLEAT_SOURCE");
    const std::string root = tree != nullptr ? tree : ".";
    const bool c = source.ends_with(".c");
    const std::string command = std::string(c ? "cc -std=c11" : "c++ -std=c++17") + " -fPIC -shared -fvisibility=hidden -I '" + root +
                                "' '" + root + "/tests/unit/hooks/plugins/" + source + "' -o '" + file + "' " + flags;
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
    return file;
  }
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  Workshop() {
    std::string folder = (std::filesystem::temp_directory_path() / "cleat-test-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
  }
  std::filesystem::path folder_;
  std::map<std::string, std::string> built_;
};

inline std::string build_plugin(const std::string& source, const std::string& flags = {}) { return Workshop::get().build(source, flags); }

// A host with what control-thread calls need, and nothing of exchanges.
inline const cleat_host* test_host() {
  static const cleat_host host = [] {
    cleat_host table{};
    table.size = sizeof table;
    table.abi = CLEAT_ABI;
    table.find = [](cleat_str id) -> const void* {
      if (hooks::to_view(id) == CLEAT_EXT_CONFIG) return &hooks::kHostConfig;
      if (hooks::to_view(id) == CLEAT_EXT_METRICS) return &hooks::kHostMetrics;
      return nullptr;
    };
    table.log = hooks::host_log;
    table.error_text = hooks::error_text;
    table.set_error = [](cleat_str text) { return hooks::set_call_error(hooks::to_view(text)); };
    return table;
  }();
  return &host;
}

}  // namespace cleat::test
