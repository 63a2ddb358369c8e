#include "kernel/hooks/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace cleat::hooks {
namespace {

static_assert(std::endian::native == std::endian::little, "headers are read by memcpy");

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "AArch64";
#else
#error "say here which e_machine this host loads"
#endif

bool inside(std::string_view image, std::uint64_t offset, std::uint64_t size) {
  return offset <= image.size() && size <= image.size() - offset;
}

// REQUIRES: inside(image, offset, sizeof(T)). The image need not be aligned.
template <class T>
T read_at(std::string_view image, std::uint64_t offset) {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return value;
}

// The NUL-terminated text at `offset` of a string table; empty where it runs out of the table.
std::string_view text_at(std::string_view table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest = table.substr(offset);
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

std::string outside(std::string_view what, std::size_t number) {
  return std::string(what) + " " + std::to_string(number) + " points outside the file: it is cut short or damaged";
}

}  // namespace

Result<ElfFile> ElfFile::open(std::string_view image) {
  if (image.size() < SELFMAG || image.substr(0, SELFMAG) != ELFMAG) return Error{"not an ELF file"};
  if (image.size() < sizeof(Elf64_Ehdr)) return Error{"cut short: no whole ELF header"};
  const auto head = read_at<Elf64_Ehdr>(image, 0);
  if (head.e_ident[EI_CLASS] != ELFCLASS64) return Error{"not a 64-bit ELF file"};
  if (head.e_ident[EI_DATA] != ELFDATA2LSB) return Error{"not a little-endian ELF file"};
  if (head.e_type != ET_DYN) return Error{"not a shared object: link it with -shared"};
  if (head.e_phnum != 0 && head.e_phentsize != sizeof(Elf64_Phdr)) return Error{"program headers of an unknown size"};
  if (!inside(image, head.e_phoff, std::uint64_t{head.e_phnum} * sizeof(Elf64_Phdr))) {
    return Error{"program headers outside the file: it is cut short or damaged"};
  }
  ElfFile file;
  file.image_ = image;
  file.machine_ = head.e_machine;
  file.program_at_ = head.e_phoff;
  file.program_count_ = head.e_phnum;
  // The loader of the system never reads sections, so a file without them, or stripped of them, is whole.
  if (head.e_shoff != 0 && head.e_shnum != 0) {
    if (head.e_shentsize != sizeof(Elf64_Shdr)) return Error{"section headers of an unknown size"};
    if (!inside(image, head.e_shoff, std::uint64_t{head.e_shnum} * sizeof(Elf64_Shdr))) {
      return Error{"section headers outside the file: it is cut short or damaged"};
    }
    file.section_at_ = head.e_shoff;
    file.section_count_ = head.e_shnum;
    file.section_names_ = head.e_shstrndx;
  }
  return file;
}

Result<std::vector<ElfNotes>> ElfFile::note_segments() const {
  std::vector<ElfNotes> notes;
  for (std::uint16_t i = 0; i < program_count_; ++i) {
    const auto header = read_at<Elf64_Phdr>(image_, program_at_ + i * sizeof(Elf64_Phdr));
    if (header.p_type != PT_NOTE) continue;
    if (!inside(image_, header.p_offset, header.p_filesz)) return Error{outside("note segment", i)};
    notes.push_back({image_.substr(header.p_offset, header.p_filesz), header.p_align == 8 ? 8U : 4U});
  }
  return notes;
}

Result<std::string> ElfFile::loadable_part() const {
  std::uint64_t end = program_at_ + program_count_ * sizeof(Elf64_Phdr);
  for (std::uint16_t i = 0; i < program_count_; ++i) {
    const auto header = read_at<Elf64_Phdr>(image_, program_at_ + i * sizeof(Elf64_Phdr));
    if (header.p_type == PT_NULL || header.p_filesz == 0) continue;
    if (!inside(image_, header.p_offset, header.p_filesz)) return Error{outside("segment", i)};
    end = std::max(end, header.p_offset + header.p_filesz);
  }
  std::string part(image_.substr(0, std::max<std::uint64_t>(end, sizeof(Elf64_Ehdr))));
  auto head = read_at<Elf64_Ehdr>(part, 0);
  head.e_shoff = 0;  // its sections are not there
  head.e_shnum = head.e_shstrndx = 0;
  std::memcpy(part.data(), &head, sizeof head);
  return part;
}

Result<std::vector<ElfFile::Section>> ElfFile::sections() const {
  std::vector<Section> all;
  all.reserve(section_count_);
  for (std::uint16_t i = 0; i < section_count_; ++i) {
    const auto header = read_at<Elf64_Shdr>(image_, section_at_ + i * sizeof(Elf64_Shdr));
    std::string_view bytes;
    if (header.sh_type != SHT_NOBITS && header.sh_type != SHT_NULL) {
      if (!inside(image_, header.sh_offset, header.sh_size)) return Error{outside("section", i)};
      bytes = image_.substr(header.sh_offset, header.sh_size);
    }
    all.push_back({header.sh_name, header.sh_type, header.sh_link, bytes, header.sh_addralign});
  }
  return all;
}

Result<std::optional<ElfNotes>> ElfFile::note_section(std::string_view name) const {
  Result<std::vector<Section>> all = sections();
  if (!all.ok()) return Error{all.error()};
  if (section_names_ >= all->size()) return std::optional<ElfNotes>{};
  const std::string_view names = (*all)[section_names_].bytes;
  for (const Section& section : *all) {
    if (text_at(names, section.name) == name) return std::optional<ElfNotes>{{section.bytes, section.align == 8 ? 8U : 4U}};
  }
  return std::optional<ElfNotes>{};
}

Result<std::optional<ElfFile::Exports>> ElfFile::exports() const {
  Result<std::vector<Section>> all = sections();
  if (!all.ok()) return Error{all.error()};
  for (const Section& section : *all) {
    if (section.type != SHT_DYNSYM) continue;
    const std::string_view names = section.link < all->size() ? (*all)[section.link].bytes : std::string_view{};
    Exports exports;
    for (std::uint64_t at = 0; inside(section.bytes, at, sizeof(Elf64_Sym)); at += sizeof(Elf64_Sym)) {
      const auto symbol = read_at<Elf64_Sym>(section.bytes, at);
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
      if (ELF64_ST_VISIBILITY(symbol.st_other) != STV_DEFAULT && ELF64_ST_VISIBILITY(symbol.st_other) != STV_PROTECTED) continue;
      ++exports.count;
      exports.entry = exports.entry || text_at(names, symbol.st_name) == "cleat_plugin_v1";
    }
    return std::optional<Exports>{exports};
  }
  return std::optional<Exports>{};
}

std::string refuse_machine(const ElfFile& file) {
  if (file.machine() == kMachine) return {};
  return "built for another machine (ELF machine " + std::to_string(file.machine()) + "); this host is " + std::string(kMachineName);
}

}  // namespace cleat::hooks
