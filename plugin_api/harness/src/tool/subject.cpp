#include "plugin_api/harness/src/tool/subject.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include "kernel/config/document.hpp"
#include "kernel/config/model.hpp"
#include "kernel/hooks/library.hpp"

namespace cleat::kit {
namespace {

namespace fs = std::filesystem;

const config::Node* member(const config::Node* map, std::string_view key) {
  if (map == nullptr || map->type != config::Node::Type::kMap) return nullptr;
  return map->get(key);
}

// Of the first instance of this plugin, empty where that has none; nothing where no instance is one of it.
std::optional<std::string> config_of(const config::Node& plugins, const std::string& stem) {
  for (const auto& one : plugins.members) {
    const config::Node* const use = member(one.value.get(), "use");
    if (use == nullptr || fs::path(use->scalar).stem() != stem) continue;
    const config::Node* const config = member(one.value.get(), "config");
    return config == nullptr ? "" : config::to_json(*config);
  }
  return std::nullopt;
}

}  // namespace

HostOptions Subject::options() const {
  HostOptions made;
  made.plugin = file;
  made.config = config;
  made.route_config = route_config;
  made.folder = folder;
  made.clusters = clusters;
  made.handler = handler;
  made.quiet = true;
  return made;
}

Result<Subject> read_subject(const Given& given) {
  const std::string &file = given.file, &config_file = given.config_file;
  Subject subject;
  std::error_code failure;
  subject.file = fs::absolute(file, failure).lexically_normal().string();
  subject.clusters = given.clusters;
  for (const std::string& one : given.headers) {
    const std::size_t colon = one.find(':');
    if (colon == std::string::npos || colon == 0) return Error{"a header is given as \"name: value\", not as \"" + one + "\""};
    const std::size_t value = one.find_first_not_of(' ', colon + 1);
    subject.headers.emplace_back(one.substr(0, colon), value == std::string::npos ? "" : one.substr(value));
  }
  Result<hooks::PluginFile> read = hooks::read_plugin_file(file);
  if (!read.ok()) return Error{file + ": " + read.error()};
  if (Result<hooks::Note> note = hooks::read_note(read->bytes); note.ok()) subject.note = *note;
  if (config_file.empty()) return subject;
  Result<std::string> text = config::read_file(config_file);
  if (!text.ok()) return Error{text.error()};
  subject.folder = fs::absolute(config_file, failure).parent_path().string();
  config::Diagnostics diagnostics(config_file);
  const config::Document document = config::parse_document(*text, diagnostics);
  if (document.root == nullptr || diagnostics.failed()) return Error{diagnostics.text()};
  const config::Node* const plugins = member(document.root.get(), "plugins");
  const bool whole = plugins != nullptr && plugins->type == config::Node::Type::kList && member(document.root.get(), "listeners") != nullptr;
  if (!whole) {
    subject.config = *text;
    return subject;
  }
  const std::string stem = fs::path(file).stem().string();
  std::optional<std::string> config = config_of(*plugins, stem);
  if (!config.has_value()) return Error{config_file + ": it is a whole configuration, and no instance in it has `use: " + stem + "`, or that file"};
  subject.config = std::move(*config);
  return subject;
}

// By the kernel's own table: the copy that is looked at afterwards, through a table of this folder's, is another one.
bool is_handler(const Subject& subject) {
  Result<std::shared_ptr<hooks::Library>> library = hooks::Library::open(subject.file, hooks::host_table());
  return library.ok() && (*library)->handler() != nullptr;
}

}  // namespace cleat::kit
