#include "plugin_api/harness/src/guard.hpp"

#include <csignal>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "plugin_api/harness/src/allocations.hpp"

namespace cleat::kit::guard {
namespace {

constexpr std::size_t kRegionsMax = 64;  // threads that were shown views; views of further ones are not guarded

struct View {
  std::uint32_t first = 0, pages = 0;  // without the page behind
  const char* function = nullptr;
  const char* hook = nullptr;
  std::uint64_t object = 0;
  bool alive = false;
};

struct Region {
  char* base = nullptr;
  std::size_t pages = 0, next = 0;
  std::vector<std::uint32_t> view_of;  // by page; of the page behind too
  std::vector<View> views;             // a ring
  std::uint32_t next_view = 0;
  std::vector<std::uint32_t> alive;    // into `views`
  std::atomic<bool> in_use{true};      // a thread has it
};

std::size_t page_bytes() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// What the handler reads: made before a region's first view, and never given back.
constinit std::array<std::atomic<Region*>, kRegionsMax> regions{};
constinit std::array<Hit, kHitsMax> hits{};
constinit std::atomic<std::size_t> hit_count{0};
std::mutex tell_mutex;
std::size_t told = 0;             // guarded by tell_mutex
struct sigaction before {};
bool taken = false;

// This thread's; the next thread takes over what one has left.
struct Own {
  Region* region = nullptr;
  ~Own() {
    if (region != nullptr) region->in_use.store(false, std::memory_order_release);
  }
  Region* operator->() const { return region; }
};
thread_local Own own;

Region* take_region() {
  for (auto& place : regions) {
    if (Region* const left = place.load(std::memory_order_acquire)) {
      bool in_use = false;
      if (left->in_use.compare_exchange_strong(in_use, true, std::memory_order_acq_rel)) return left;
      continue;
    }
    auto* region = new Region;
    void* const base = ::mmap(nullptr, kRegionBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
      delete region;
      return nullptr;
    }
    region->base = static_cast<char*>(base);
    region->pages = kRegionBytes / page_bytes();
    region->view_of.assign(region->pages, UINT32_MAX);
    region->views.resize(region->pages / 2);
    Region* none = nullptr;
    if (place.compare_exchange_strong(none, region, std::memory_order_acq_rel)) return region;
    ::munmap(base, kRegionBytes);
    delete region;
  }
  return nullptr;
}

bool wrote(const void* context) {
#if defined(__x86_64__)
  return (static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
  (void)context;
  return false;
#endif
}

void on_fault(int number, siginfo_t* info, void* context) {
  char* const at = static_cast<char*>(info->si_addr);
  for (const auto& place : regions) {
    Region* const region = place.load(std::memory_order_acquire);
    if (region == nullptr || at < region->base || at >= region->base + kRegionBytes) continue;
    const std::size_t page = static_cast<std::size_t>(at - region->base) / page_bytes();
    const std::uint32_t index = region->view_of[page];
    if (index == UINT32_MAX) break;
    const View& view = region->views[index];
    const std::size_t slot = hit_count.fetch_add(1, std::memory_order_relaxed);
    if (slot < kHitsMax) hits[slot] = {view.function, view.hook, page >= view.first + view.pages, wrote(context)};
    ::mprotect(region->base + page * page_bytes(), page_bytes(), PROT_READ | PROT_WRITE);
    return;
  }
  // Not ours: as if this handler were not there.
  ::sigaction(number, &before, nullptr);
}

void forbid(const Region& region, const View& view) {
  ::mprotect(region.base + view.first * page_bytes(), (view.pages + 1) * page_bytes(), PROT_NONE);
}

}  // namespace

void begin() {
  if (taken) return;
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  taken = ::sigaction(SIGSEGV, &action, &before) == 0;
}

void end() {
  if (taken) ::sigaction(SIGSEGV, &before, nullptr);
  taken = false;
}

const char* show(std::string_view bytes, const char* function, const char* hook, std::uint64_t object) {
  const allocations::Inside host(false);
  if (bytes.empty()) return bytes.data();
  if (own.region == nullptr) own.region = take_region();
  const std::size_t pages = (bytes.size() + page_bytes() - 1) / page_bytes();
  if (own.region == nullptr || pages + 1 >= own->pages) return bytes.data();
  Region& region = *own.region;
  if (region.next + pages + 1 > region.pages) region.next = 0;
  const std::uint32_t index = region.next_view;
  region.next_view = (region.next_view + 1) % static_cast<std::uint32_t>(region.views.size());
  View& view = region.views[index];
  view = {static_cast<std::uint32_t>(region.next), static_cast<std::uint32_t>(pages), function, hook, object, true};
  for (std::size_t i = 0; i <= pages; ++i) region.view_of[region.next + i] = index;
  char* const first = region.base + region.next * page_bytes();
  region.next += pages + 1;
  if (::mprotect(first, pages * page_bytes(), PROT_READ | PROT_WRITE) != 0) return bytes.data();
  ::mprotect(first + pages * page_bytes(), page_bytes(), PROT_NONE);
  char* const at = first + pages * page_bytes() - bytes.size();
  std::memcpy(at, bytes.data(), bytes.size());
  ::mprotect(first, pages * page_bytes(), PROT_READ);
  region.alive.push_back(index);
  return at;
}

void kill_all() {
  if (own.region == nullptr) return;
  for (const std::uint32_t index : own->alive) {
    View& view = own->views[index];
    if (view.alive) forbid(*own.region, view);
    view.alive = false;
  }
  own->alive.clear();
}

void kill(std::uint64_t object) {
  if (own.region == nullptr) return;
  for (const std::uint32_t index : own->alive) {
    View& view = own->views[index];
    if (!view.alive || view.object != object) continue;
    forbid(*own.region, view);
    view.alive = false;
  }
}

void tell(const std::function<void(const Hit&)>& to) {
  const std::lock_guard lock(tell_mutex);
  const std::size_t until = std::min(hit_count.load(std::memory_order_acquire), kHitsMax);
  while (told < until) to(hits[told++]);
  if (told == kHitsMax) {
    hit_count.store(0, std::memory_order_release);
    told = 0;
  }
}

}  // namespace cleat::kit::guard
