// `cleat plugin inspect`: what can be said about a plugin file without running any of it. The file is untrusted.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "kernel/cli/cli.hpp"
#include "kernel/hooks/elf.hpp"
#include "kernel/hooks/library.hpp"
#include "plugin_api/harness/src/tool/inspect.hpp"

namespace cleat::kit {
namespace {

struct Finding {
  hooks::PluginFile file;
  std::optional<hooks::Note> note;
  std::optional<hooks::ElfFile::Exports> exports;
  std::string refusal;  // empty: this host would load it, as far as can be seen from outside
};

std::string refuse(Finding& found) {
  Result<hooks::ElfFile> elf = hooks::ElfFile::open(found.file.bytes);
  if (!elf.ok()) return elf.error();
  Result<hooks::Note> note = hooks::read_note(found.file.bytes);
  if (!note.ok()) return note.error();
  found.note = *note;
  Result<std::optional<hooks::ElfFile::Exports>> exports = elf->exports();
  if (!exports.ok()) return exports.error();
  found.exports = *exports;
  if (std::string why = hooks::refuse_machine(*elf); !why.empty()) return why;
  if (std::string why = hooks::refuse(*note); !why.empty()) return why;
  if (found.exports && !found.exports->entry) return "it does not export cleat_plugin_v1";
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "none" : text;
}

void line(const char* key, const std::string& value) { std::printf("%-9s %s\n", key, value.c_str()); }

void print_text(const std::string& name, const Finding& found) {
  line("file", name);
  line("size", std::to_string(found.file.bytes.size()) + " bytes");
  line("sha256", found.file.sha256);
  if (found.note) {
    line("name", found.note->name);
    line("version", found.note->version.empty() ? "not said" : found.note->version);
    line("abi", hooks::abi_text(found.note->abi));
    line("least", hooks::abi_text(found.note->least));
    line("requires", joined(found.note->requires_));
    line("optional", joined(found.note->optional));
    for (const hooks::NoteCommand& one : found.note->commands) line("command", one.word + (one.help.empty() ? "" : ": " + one.help));
    if (!found.note->license.empty()) line("license", found.note->license);
    if (!found.note->about.empty()) line("about", found.note->about);
  }
  if (found.exports) line("exports", std::to_string(found.exports->count) + (found.exports->count == 1 ? " symbol" : " symbols"));
  line("verdict", found.refusal.empty() ? "this host would load it" : "this host would refuse it: " + found.refusal);
}

void print_json(const std::string& name, const Finding& found) {
  nlohmann::ordered_json json = {{"file", name}, {"size", found.file.bytes.size()}, {"sha256", found.file.sha256}};
  if (found.note) {
    json["note"] = {{"name", found.note->name},         {"version", found.note->version},
                    {"abi", hooks::abi_text(found.note->abi)}, {"least", hooks::abi_text(found.note->least)},
                    {"requires", found.note->requires_}, {"optional", found.note->optional},
                    {"license", found.note->license},   {"about", found.note->about}};
    nlohmann::ordered_json& commands = json["note"]["commands"] = nlohmann::ordered_json::array();
    for (const hooks::NoteCommand& one : found.note->commands) commands.push_back({{"word", one.word}, {"help", one.help}});
  }
  if (found.exports) json["exports"] = found.exports->count;
  json["loads"] = found.refusal.empty();
  if (!found.refusal.empty()) json["refusal"] = found.refusal;
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

int inspect(const std::string& plugin_file, bool json) {
  Result<hooks::PluginFile> file = hooks::read_plugin_file(plugin_file);
  if (!file.ok()) {
    std::fprintf(stderr, "%s: %s\n", plugin_file.c_str(), file.error().c_str());
    return cli::kFailed;
  }
  Finding found{std::move(*file), {}, {}, {}};
  found.refusal = refuse(found);
  if (json) {
    print_json(plugin_file, found);
  } else if (!found.note) {  // no plugin at all: there is nothing to list
    std::fprintf(stderr, "%s: %s\n", plugin_file.c_str(), found.refusal.c_str());
  } else {
    print_text(plugin_file, found);
  }
  return found.refusal.empty() ? cli::kOk : cli::kRefused;
}

}  // namespace cleat::kit
