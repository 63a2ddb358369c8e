// A run of a word that a plugin adds to the command line (cleat.command/1). The plugin's class declares
//   static int command(cleat::Command call);
// and its note names the words: `commands=top: what is going on`.
#pragma once

#include "plugin_api/cpp/host.hpp"
#include "plugin_api/ext/command.h"

CLEAT_CPP_NAMESPACE_BEGIN

class Command {
 public:
  constexpr explicit Command(const cleat_command_call& call) noexcept : call_(&call) {}
  std::string_view word() const noexcept { return to_view(call_->word); }
  std::uint64_t size() const noexcept { return call_->argument_count; }  // how many arguments followed the word
  std::string_view operator[](std::uint64_t i) const noexcept { return to_view(call_->arguments[i]); }  // REQUIRES: i < size()
  // False when nobody reads any more.
  bool out(std::string_view text) const noexcept { return call_->write(CLEAT_STREAM_OUT, to_str(text)) == CLEAT_OK; }
  bool error(std::string_view text) const noexcept { return call_->write(CLEAT_STREAM_ERROR, to_str(text)) == CLEAT_OK; }

 private:
  const cleat_command_call* call_;
};

CLEAT_CPP_NAMESPACE_END
