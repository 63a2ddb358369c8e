// Small ELF files made by hand, for the tests of the note's reader.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cleat::test {

template <class T>
void put(std::string& bytes, std::size_t at, const T& value) {
  if (bytes.size() < at + sizeof value) bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

inline std::string padded(std::string bytes, std::size_t align) {
  while (bytes.size() % align != 0) bytes += '\0';
  return bytes;
}

// One note as a compiler writes it.
inline std::string note_bytes(std::string_view text, std::string_view name = {"Cleat\0", 6}, std::uint32_t type = 1, std::size_t align = 4) {
  std::string bytes;
  put(bytes, 0, static_cast<std::uint32_t>(name.size()));
  put(bytes, 4, static_cast<std::uint32_t>(text.size()));
  put(bytes, 8, type);
  bytes = padded(bytes + std::string(name), align);
  return padded(bytes + std::string(text), align);
}

inline Elf64_Ehdr elf_header() {
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_DYN;
  head.e_machine = EM_X86_64;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_shentsize = sizeof(Elf64_Shdr);
  return head;
}

// A shared object that is nothing but a PT_NOTE segment around `notes`.
inline std::string elf_with_segment(const std::string& notes, std::uint64_t align = 4) {
  Elf64_Ehdr head = elf_header();
  head.e_phoff = sizeof head;
  head.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof head + sizeof segment;
  segment.p_filesz = notes.size();
  segment.p_align = align;
  std::string image;
  put(image, 0, head);
  put(image, sizeof head, segment);
  return image + notes;
}

// One that has the notes in a section of that name, and no segment.
inline std::string elf_with_section(const std::string& notes, const std::string& name = ".note.cleat") {
  Elf64_Ehdr head = elf_header();
  const std::string names = padded(std::string(1, '\0') + name + '\0', 8);
  head.e_shoff = sizeof head + names.size() + padded(notes, 8).size();
  head.e_shnum = 3;
  head.e_shstrndx = 1;
  Elf64_Shdr table{}, section{};
  table.sh_type = SHT_STRTAB;
  table.sh_offset = sizeof head;
  table.sh_size = names.size();
  section.sh_name = 1;
  section.sh_type = SHT_PROGBITS;
  section.sh_offset = sizeof head + names.size();
  section.sh_size = notes.size();
  section.sh_addralign = 4;
  std::string image;
  put(image, 0, head);
  image += names + padded(notes, 8);
  put(image, image.size(), Elf64_Shdr{});
  put(image, image.size(), table);
  put(image, image.size(), section);
  return image;
}

}  // namespace cleat::test
