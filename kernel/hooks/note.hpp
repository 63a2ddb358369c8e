// Reads the .note.cleat of a plugin file without running any of its code. The file is untrusted: every offset is checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"
#include "plugin_api/types.h"

namespace cleat::hooks {

inline constexpr std::uint32_t kHostAbi = CLEAT_ABI;  // what this kernel implements

struct NoteCommand {      // a word for the command line
  std::string word, help;
};

struct Note {
  std::string name, version, license, about;
  std::uint32_t abi = 0;    // major << 16 | minor
  std::uint32_t least = 0;
  std::vector<std::string> requires_, optional;
  std::vector<NoteCommand> commands;
};

Result<Note> parse_note_text(std::string_view text);
Result<Note> read_note(std::string_view elf_image);   // 64-bit little-endian ELF shared object; PT_NOTE, else .note.cleat

bool host_has(std::string_view extension);            // host.cpp: the answer to a note's `requires`

// Empty if this host can carry the plugin, else the reason in one sentence.
std::string refuse(const Note& note);
std::string abi_text(std::uint32_t abi);  // "0.9"

}  // namespace cleat::hooks
