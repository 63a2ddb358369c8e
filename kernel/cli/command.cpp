// Words of the command line that plugins add: found in notes, run from the plugin's table in this process, which serves nothing.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "kernel/cli/cli.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/hooks/structs.hpp"
#include "plugin_api/ext/command.h"

namespace cleat::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 1'000;  // looked at in a folder
constexpr std::size_t kLeast = offsetof(cleat_plugin_command, run) + sizeof(cleat_plugin_command::run);

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

cleat_status write_out(std::uint32_t stream, cleat_str text) {
  if (stream != CLEAT_STREAM_OUT && stream != CLEAT_STREAM_ERROR) return hooks::fail_call(CLEAT_INVALID, "write: there is no such stream");
  for (std::string_view rest = hooks::to_view(text); !rest.empty();) {
    const ssize_t count = ::write(stream == CLEAT_STREAM_OUT ? STDOUT_FILENO : STDERR_FILENO, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) return hooks::fail_call(CLEAT_FAILED, "write: nobody reads");
    rest.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  return CLEAT_OK;
}

int refuse(const std::string& file, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", file.c_str(), why.c_str());
  return kRefused;
}

int run(const Word& word, const std::vector<std::string>& arguments) {
  hooks::set_control_thread();
  Result<std::shared_ptr<hooks::Library>> library = hooks::Library::open(word.file, hooks::host_table());
  if (!library.ok()) return refuse(word.file, library.error());
  const cleat_plugin& table = (*library)->table();
  const void* half = nullptr;
  if (table.find != nullptr) {
    hooks::call_plugin(nullptr, [&] {
      half = table.find(hooks::to_str(CLEAT_EXT_COMMAND));
      return CLEAT_OK;
    });
  }
  cleat_plugin_command theirs{};
  const hooks::StructFault fault = hooks::read_struct(static_cast<const cleat_plugin_command*>(half), kLeast, theirs);
  if (fault != hooks::StructFault::kNone) return refuse(word.file, std::string("its " CLEAT_EXT_COMMAND " table: ") + hooks::fault_text(fault));
  if (theirs.run == nullptr) return refuse(word.file, "its " CLEAT_EXT_COMMAND " table has no run");

  std::vector<cleat_str> views;
  for (const std::string& argument : arguments) views.push_back(hooks::to_str(argument));
  const cleat_command_call call = {.size = sizeof(cleat_command_call),
                                   .reserved = 0,
                                   .word = hooks::to_str(word.command.word),
                                   .arguments = views.data(),
                                   .argument_count = views.size(),
                                   .write = write_out};
  int code = kFailed;
  const hooks::CallOutcome outcome = hooks::call_plugin(nullptr, [&] {
    code = theirs.run(&call);
    return CLEAT_OK;
  });
  if (!outcome.ok()) std::fprintf(stderr, "cleat %s: %s\n", word.command.word.c_str(), outcome.words.c_str());
  return outcome.ok() && code >= 0 && code <= 255 ? code : kFailed;
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
    if (one.command.word == word) return run(one, arguments);
  }
  return {};
}

}  // namespace cleat::cli
