// The plugin that `cleat plugin check` and `cleat plugin bench` look at: its file, what its note and tables say, and the configuration it is given.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/hooks/note.hpp"
#include "plugin_api/harness/src/host.hpp"

namespace cleat::kit {

struct Subject {
  std::string file;                 // absolute
  hooks::Note note;
  std::string config, route_config; // YAML
  std::string folder;               // of the configuration
  std::vector<std::string> clusters;
  std::vector<std::pair<std::string, std::string>> headers;  // that every request has beside its own
  bool handler = false;             // it is one: known once it was loaded
  HostOptions options() const;
};

// What the command line says of it. config_file: a plugin's `config:`, or a whole configuration with one instance whose `use` is this file's
// name; empty: none. headers: "name: value".
struct Given {
  std::string file, config_file;
  std::vector<std::string> clusters, headers;
};
Result<Subject> read_subject(const Given& given);

bool is_handler(const Subject& subject);  // [control] loads it

}  // namespace cleat::kit
