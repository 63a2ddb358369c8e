// A plugin file that is loaded. The file is read once; its note is agreed upon, and it is hashed and copied, from those same bytes,
// before any of its code runs. Files of one content are loaded once in a process, whatever their path: a changed file at the old
// path is another library beside the old one. Never unmapped: dlclose silently leaves most C++ plugins mapped, and crashes the
// ones that left a thread or an object behind (STACK measurements in kernel/README.md). Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"
#include "kernel/hooks/note.hpp"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/plugin.h"

namespace cleat::hooks {

inline constexpr std::uint64_t kPluginBytesMax = 512 * 1024 * 1024;

// A plugin's file in memory; nothing of it has been run.
struct PluginFile {
  std::string bytes;
  std::string sha256;  // 64 hex digits
};
Result<PluginFile> read_plugin_file(const std::string& file);

struct JudgedFile {
  Note note;
  std::string sha256;  // of its content
};

class Library {
 public:
  // What is to be said of a file that this host agrees to: nothing of it has been run.
  static Result<JudgedFile> judge(const std::string& file);

  // Loads the file, or finds its content among those loaded for this host. The error is a sentence about the file, without its name.
  static Result<std::shared_ptr<Library>> open(const std::string& file, const cleat_host* host);

  // [control] That "file" is the program itself, which has the plugin linked into it: there is nothing to load, and no note.
  static void link(const std::string& file, cleat_plugin_v1_fn entry);

  const Note& note() const { return note_; }
  const std::string& sha256() const { return sha256_; }
  const std::string& file() const { return file_; }  // the first path it was loaded from
  // Whole copies: entries beyond the plugin's own size are NULL.
  const cleat_plugin& table() const { return table_; }
  const cleat_plugin_handler* handler() const { return handler_ ? &*handler_ : nullptr; }
  const cleat_plugin_balancer* balancer() const { return balancer_ ? &*balancer_ : nullptr; }
  const cleat_plugin_tls* tls() const { return tls_ ? &*tls_ : nullptr; }
  const cleat_plugin_config_source* config_source() const { return config_source_ ? &*config_source_ : nullptr; }
  const cleat_plugin_handover* handover() const { return handover_ ? &*handover_ : nullptr; }

  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

 private:
  Library() = default;
  std::string enter(cleat_plugin_v1_fn entry, const cleat_host* host);  // empty, or why the plugin is refused
  std::string read_table(const cleat_plugin* table);
  std::string read_halves();

  Note note_;
  std::string sha256_, file_;
  cleat_plugin table_{};
  std::optional<cleat_plugin_handler> handler_;
  std::optional<cleat_plugin_balancer> balancer_;
  std::optional<cleat_plugin_config_source> config_source_;
  std::optional<cleat_plugin_tls> tls_;
  std::optional<cleat_plugin_handover> handover_;
};

bool has_go_runtime();           // a Go plugin was loaded: its runtime's threads run until the process ends
std::size_t libraries_loaded();  // files mapped by this process so far, refused ones too

}  // namespace cleat::hooks
