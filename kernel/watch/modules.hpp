// What is mapped into the process: the executable and every shared object, with their build ids, known beforehand so that a signal
// handler can say where an address lies. Only ever added to: plugins stay mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cleat::watch {

inline constexpr std::size_t kModulesMax = 512;       // addresses in further ones are shown bare
inline constexpr std::size_t kBuildIdBytesMax = 32;

struct Module {
  std::uintptr_t begin, end;  // of its mappings
  std::uintptr_t base;        // what its own addresses are counted from
  const char* path;           // never freed
  char build_id[2 * kBuildIdBytesMax + 1];  // hex digits; empty if it has none
  const char* name() const;   // the path's last part
};

// [control] At the start, and after each load. path: where the system's loader found the newest file; name: what it is to be called.
void note_modules(const std::string& path = {}, const std::string& name = {});

// [any; in signal handlers] The one that has the address, or nullptr.
const Module* module_of(std::uintptr_t address);

}  // namespace cleat::watch
