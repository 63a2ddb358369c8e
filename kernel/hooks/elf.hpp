// A bounds-checked reader of 64-bit little-endian ELF shared objects: as much as the note and `cleat plugin inspect` need. The
// image is untrusted: every offset and count is checked before it is followed. Views point into the image. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace cleat::hooks {

struct ElfNotes {             // a run of notes: a PT_NOTE segment, or a section
  std::string_view bytes;
  std::uint64_t align = 4;    // 4 or 8
};

class ElfFile {
 public:
  static Result<ElfFile> open(std::string_view image);  // a shared object whose tables lie inside the image

  std::uint16_t machine() const { return machine_; }
  Result<std::vector<ElfNotes>> note_segments() const;
  Result<std::optional<ElfNotes>> note_section(std::string_view name) const;  // empty where there is none, or no section table

  // The part that the system's loader maps. What stands behind it, mostly what debuggers read, can be four times as much.
  Result<std::string> loadable_part() const;

  struct Exports {
    std::uint64_t count = 0;  // defined, of default visibility
    bool entry = false;       // cleat_plugin_v1 is one of them
  };
  Result<std::optional<Exports>> exports() const;  // empty where the section table is stripped

 private:
  struct Section {
    std::uint32_t name, type, link;
    std::string_view bytes;
    std::uint64_t align;
  };
  Result<std::vector<Section>> sections() const;

  std::string_view image_;
  std::uint16_t machine_ = 0;
  std::uint64_t program_at_ = 0, section_at_ = 0;
  std::uint16_t program_count_ = 0, section_count_ = 0, section_names_ = 0;
};

// Empty if code of this machine can be in it, else the reason in one sentence.
std::string refuse_machine(const ElfFile& file);

}  // namespace cleat::hooks
