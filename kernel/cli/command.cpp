// Words of the command line that plugins add: found in notes, without running anything.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "kernel/cli/cli.hpp"
#include "kernel/hooks/command.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/hooks/library.hpp"

namespace cleat::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 1'000;  // looked at in a folder

struct Word {
  hooks::NoteCommand command;
  std::string file;
};

std::vector<std::string> folders() {
  std::vector<std::string> all;
  const char* const asked = std::getenv("CLEAT_PLUGIN_PATH");
  std::istringstream list(asked == nullptr ? "" : asked);
  for (std::string folder; std::getline(list, folder, ':');) {
    if (!folder.empty()) all.push_back(folder);
  }
  const std::vector<std::string> usual = hooks::plugin_folders({}, {});
  all.insert(all.end(), usual.begin(), usual.end());
  return all;
}

// In the order of the folders and the files' names; of a word, the first.
std::vector<Word> words() {
  std::vector<Word> all;
  for (const std::string& folder : folders()) {
    std::vector<std::string> files;
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end && files.size() < kFilesMax; at.increment(failure)) {
      if (at->path().extension() == ".so") files.push_back(at->path().string());
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      Result<hooks::PluginFile> read = hooks::read_plugin_file(file);
      if (!read.ok()) continue;
      Result<hooks::Note> note = hooks::read_note(read->bytes);
      if (!note.ok()) continue;
      for (const hooks::NoteCommand& command : note->commands) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const Word& other) { return other.command.word == command.word; });
        if (!known) all.push_back({command, file});
      }
    }
  }
  return all;
}

}  // namespace

std::string plugin_commands_help() {
  std::string text;
  for (const Word& word : words()) {
    text += "  " + word.command.word + std::string(word.command.word.size() < 26 ? 26 - word.command.word.size() : 1, ' ') + word.command.help + '\n';
  }
  return text.empty() ? text : "From plugins:\n" + text + '\n';
}

std::optional<int> run_plugin_command(std::string_view word, const std::vector<std::string>& arguments) {
  for (const Word& one : words()) {
    if (one.command.word != word) continue;
    Result<int> code = hooks::run_command(one.file, one.command.word, arguments);
    if (code.ok()) return *code;
    std::fprintf(stderr, "%s: %s\n", one.file.c_str(), code.error().c_str());
    return kRefused;
  }
  return {};
}

}  // namespace cleat::cli
