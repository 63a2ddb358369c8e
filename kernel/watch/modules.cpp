#include "kernel/watch/modules.hpp"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstring>

namespace cleat::watch {
namespace {

constinit std::array<Module, kModulesMax> modules{};
constinit std::atomic<std::size_t> count{0};  // of modules that are whole

struct Naming {
  const std::string& path;
  const std::string& name;
};

std::string executable_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "cleat";
}

std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// Notes of a module that is loaded: its build id is among them, if the linker made one.
void read_build_id(const char* notes, std::size_t size, Module& module) {
  while (size > sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t whole = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    if (note.n_namesz > size || note.n_descsz > size || whole > size) return;
    const auto* name = notes + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      const auto* id = reinterpret_cast<const unsigned char*>(name + padded(note.n_namesz));
      char* out = module.build_id;
      for (std::size_t i = 0; i < std::min<std::size_t>(note.n_descsz, kBuildIdBytesMax); ++i) {
        *out++ = "0123456789abcdef"[id[i] >> 4];
        *out++ = "0123456789abcdef"[id[i] & 15];
      }
      return;
    }
    notes += whole;
    size -= whole;
  }
}

int note_module(dl_phdr_info* info, std::size_t, void* user) {
  const Naming& naming = *static_cast<const Naming*>(user);
  Module module{};
  module.base = info->dlpi_addr;
  module.begin = UINTPTR_MAX;
  for (const ElfW(Phdr)* part = info->dlpi_phdr; part != info->dlpi_phdr + info->dlpi_phnum; ++part) {
    const std::uintptr_t at = info->dlpi_addr + part->p_vaddr;
    if (part->p_type == PT_LOAD) {
      module.begin = std::min(module.begin, at);
      module.end = std::max(module.end, at + part->p_memsz);
    } else if (part->p_type == PT_NOTE && module.build_id[0] == 0) {
      read_build_id(reinterpret_cast<const char*>(at), part->p_memsz, module);
    }
  }
  const std::size_t known = count.load(std::memory_order_relaxed);
  if (module.begin >= module.end || known == kModulesMax) return 0;
  if (std::any_of(modules.begin(), modules.begin() + static_cast<std::ptrdiff_t>(known), [&](const Module& one) { return one.begin == module.begin; })) return 0;
  const std::string path = info->dlpi_name == nullptr || *info->dlpi_name == 0 ? executable_path() : info->dlpi_name;
  module.path = ::strdup(path == naming.path ? naming.name.c_str() : path.c_str());
  if (module.path == nullptr) return 0;
  modules[known] = module;
  count.store(known + 1, std::memory_order_release);
  return 0;
}

}  // namespace

const char* Module::name() const {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

void note_modules(const std::string& path, const std::string& name) {
  Naming naming{path, name};
  ::dl_iterate_phdr(note_module, &naming);
}

const Module* module_of(std::uintptr_t address) {
  const std::size_t known = count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < known; ++i) {
    if (address >= modules[i].begin && address < modules[i].end) return &modules[i];
  }
  return nullptr;
}

}  // namespace cleat::watch
