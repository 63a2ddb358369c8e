#include "kernel/hooks/command.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/hooks/structs.hpp"
#include "plugin_api/ext/command.h"

namespace cleat::hooks {
namespace {

constexpr std::size_t kLeast = offsetof(cleat_plugin_command, run) + sizeof(cleat_plugin_command::run);

cleat_status write_out(std::uint32_t stream, cleat_str text) {
  if (stream != CLEAT_STREAM_OUT && stream != CLEAT_STREAM_ERROR) return fail_call(CLEAT_INVALID, "write: there is no such stream");
  for (std::string_view rest = to_view(text); !rest.empty();) {
    const ssize_t count = ::write(stream == CLEAT_STREAM_OUT ? STDOUT_FILENO : STDERR_FILENO, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) return fail_call(CLEAT_FAILED, "write: nobody reads");
    rest.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  return CLEAT_OK;
}

}  // namespace

Result<int> run_command(const std::string& file, std::string_view word, const std::vector<std::string>& arguments) {
  set_control_thread();
  Result<std::shared_ptr<Library>> library = Library::open(file, host_table());
  if (!library.ok()) return Error{library.error()};
  const cleat_plugin& table = (*library)->table();
  const void* half = nullptr;
  if (table.find != nullptr) {
    call_plugin(nullptr, Hook::kLoad, [&] {
      half = table.find(to_str(CLEAT_EXT_COMMAND));
      return CLEAT_OK;
    });
  }
  cleat_plugin_command theirs{};
  if (const char* wrong = read_struct(static_cast<const cleat_plugin_command*>(half), kLeast, theirs)) {
    return Error{std::string("its " CLEAT_EXT_COMMAND " table: ") + wrong};
  }
  if (theirs.run == nullptr) return Error{"its " CLEAT_EXT_COMMAND " table has no run"};

  std::vector<cleat_str> views;
  for (const std::string& argument : arguments) views.push_back(to_str(argument));
  const cleat_command_call call = {.size = sizeof(cleat_command_call),
                                   .reserved = 0,
                                   .word = to_str(word),
                                   .arguments = views.data(),
                                   .argument_count = views.size(),
                                   .write = write_out};
  constexpr int kFailed = 1;
  int code = kFailed;
  const CallOutcome outcome = call_plugin(nullptr, Hook::kNone, [&] {
    code = theirs.run(&call);
    return CLEAT_OK;
  });
  if (!outcome.ok()) std::fprintf(stderr, "cleat: %s\n", outcome.words.c_str());
  return outcome.ok() && code >= 0 && code <= 255 ? code : kFailed;
}

}  // namespace cleat::hooks
