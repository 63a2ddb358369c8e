#include "plugin_api/harness/src/allocations.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace cleat::kit::allocations {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSupported = false;
#elif defined(__x86_64__) || defined(__aarch64__)
constexpr bool kSupported = true;
#else
constexpr bool kSupported = false;
#endif

#if defined(__aarch64__)
constexpr std::uint32_t kJumpSlot = R_AARCH64_JUMP_SLOT, kGlobal = R_AARCH64_GLOB_DAT;
#else
constexpr std::uint32_t kJumpSlot = R_X86_64_JUMP_SLOT, kGlobal = R_X86_64_GLOB_DAT;
#endif

constinit thread_local bool inside = false;
constinit thread_local std::uint64_t made = 0;
constinit std::atomic<std::uint64_t> left{0};  // until one fails; 0: none does
constinit std::atomic<bool> has_failed{false};
bool watching = false;

void* (*real_malloc)(std::size_t) = nullptr;
void* (*real_calloc)(std::size_t, std::size_t) = nullptr;
void* (*real_realloc)(void*, std::size_t) = nullptr;
void* (*real_aligned)(std::size_t, std::size_t) = nullptr;
int (*real_posix)(void**, std::size_t, std::size_t) = nullptr;

bool may() {
  if (!inside) return true;
  ++made;
  std::uint64_t now = left.load(std::memory_order_relaxed);
  while (now != 0) {
    if (!left.compare_exchange_weak(now, now - 1, std::memory_order_relaxed)) continue;
    if (now != 1) return true;
    has_failed.store(true, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void* no_memory() {
  errno = ENOMEM;
  return nullptr;
}

void* our_malloc(std::size_t size) { return may() ? real_malloc(size) : no_memory(); }
void* our_calloc(std::size_t count, std::size_t size) { return may() ? real_calloc(count, size) : no_memory(); }
void* our_realloc(void* old, std::size_t size) { return may() ? real_realloc(old, size) : no_memory(); }
void* our_aligned(std::size_t alignment, std::size_t size) { return may() ? real_aligned(alignment, size) : no_memory(); }
int our_posix(void** to, std::size_t alignment, std::size_t size) { return may() ? real_posix(to, alignment, size) : ENOMEM; }

template <class Fn>
void find(Fn& to, const char* name) {
  if (to == nullptr) to = reinterpret_cast<Fn>(::dlsym(RTLD_DEFAULT, name));
}

void* ours(std::string_view name) {
  if (name == "malloc") return reinterpret_cast<void*>(&our_malloc);
  if (name == "calloc") return reinterpret_cast<void*>(&our_calloc);
  if (name == "realloc") return reinterpret_cast<void*>(&our_realloc);
  if (name == "aligned_alloc") return reinterpret_cast<void*>(&our_aligned);
  if (name == "posix_memalign") return reinterpret_cast<void*>(&our_posix);
  return nullptr;
}

void change(const Elf64_Rela* from, std::size_t count, const Elf64_Sym* symbols, const char* names, std::uintptr_t base) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t type = ELF64_R_TYPE(from[i].r_info);
    if (type != kJumpSlot && type != kGlobal) continue;
    void* const to = ours(names + symbols[ELF64_R_SYM(from[i].r_info)].st_name);
    if (to == nullptr) continue;
    void** const slot = reinterpret_cast<void**>(base + from[i].r_offset);
    if (*slot == to) continue;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(slot) & ~(page - 1);
    if (::mprotect(reinterpret_cast<void*>(first), page, PROT_READ | PROT_WRITE) == 0) *slot = to;
  }
}

// The system's loader and C library keep theirs: what they allocate for themselves is not the plugin's.
bool left_alone(std::string_view file) {
  const std::string_view name = file.substr(file.rfind('/') + 1);
  return name.starts_with("libc.so") || name.starts_with("ld-linux") || name.starts_with("linux-vdso") || name.starts_with("libpthread");
}

int look(dl_phdr_info* info, std::size_t, void*) {
  if (left_alone(info->dlpi_name == nullptr ? "" : info->dlpi_name)) return 0;
  const Elf64_Dyn* dynamic = nullptr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const Elf64_Dyn*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
  }
  if (dynamic == nullptr) return 0;
  const Elf64_Sym* symbols = nullptr;
  const char* names = nullptr;
  const Elf64_Rela *plt = nullptr, *other = nullptr;
  std::size_t plt_bytes = 0, other_bytes = 0;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const std::uintptr_t at = dynamic->d_un.d_ptr < info->dlpi_addr ? info->dlpi_addr + dynamic->d_un.d_ptr : dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB: symbols = reinterpret_cast<const Elf64_Sym*>(at); break;
      case DT_STRTAB: names = reinterpret_cast<const char*>(at); break;
      case DT_JMPREL: plt = reinterpret_cast<const Elf64_Rela*>(at); break;
      case DT_PLTRELSZ: plt_bytes = dynamic->d_un.d_val; break;
      case DT_RELA: other = reinterpret_cast<const Elf64_Rela*>(at); break;
      case DT_RELASZ: other_bytes = dynamic->d_un.d_val; break;
      default: break;
    }
  }
  if (symbols == nullptr || names == nullptr) return 0;
  if (plt != nullptr) change(plt, plt_bytes / sizeof(Elf64_Rela), symbols, names, info->dlpi_addr);
  if (other != nullptr) change(other, other_bytes / sizeof(Elf64_Rela), symbols, names, info->dlpi_addr);
  return 0;
}

}  // namespace

bool supported() { return kSupported; }
bool wanted() { return watching; }

void watch() {
  if (!kSupported) return;
  find(real_malloc, "malloc");
  find(real_calloc, "calloc");
  find(real_realloc, "realloc");
  find(real_aligned, "aligned_alloc");
  find(real_posix, "posix_memalign");
  watching = true;
  ::dl_iterate_phdr(look, nullptr);
}

std::uint64_t count() { return made; }

void fail_at(std::uint64_t number) {
  has_failed.store(false, std::memory_order_relaxed);
  left.store(number, std::memory_order_relaxed);
}

bool failed() { return has_failed.load(std::memory_order_relaxed); }

Inside::Inside(bool plugin) : before_(inside) { inside = plugin; }
Inside::~Inside() { inside = before_; }

}  // namespace cleat::kit::allocations
