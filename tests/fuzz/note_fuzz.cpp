// The first thing that reads a plugin's file: ELF headers, notes, the note's text. Whatever it answers, it stays inside.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/hooks/elf.hpp"
#include "kernel/hooks/note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto note = cleat::hooks::read_note(bytes); note.ok()) (void)cleat::hooks::refuse(*note);
  if (auto note = cleat::hooks::parse_note_text(bytes); note.ok()) (void)cleat::hooks::refuse(*note);
  if (auto file = cleat::hooks::ElfFile::open(bytes); file.ok()) {
    (void)cleat::hooks::refuse_machine(*file);
    (void)file->exports().ok();
    (void)file->note_section(".note.cleat").ok();
  }
  return 0;
}
