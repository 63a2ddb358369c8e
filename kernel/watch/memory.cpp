#include "kernel/watch/memory.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "kernel/base/log.hpp"

namespace cleat::watch {
namespace {

constexpr std::uint64_t kTrimAgainMs = 1'000;
constexpr std::uint64_t kGoodPercent = 95;  // of the budget: below it exchanges begin again
constexpr std::uint64_t kMiB = 1024 * 1024;

std::atomic<std::uint64_t> memory_max{0};
std::uint64_t looked_ms = 0, trimmed_ms = 0;  // the watchdog's

// 0 where the system does not say, or there is no descriptor left to ask with.
std::uint64_t resident_bytes() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[64] = "";
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  char* second = nullptr;
  if (size <= 0) return 0;
  std::strtoull(text, &second, 10);
  return std::strtoull(second, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void say(log::Level level, const char* what, std::uint64_t resident, std::uint64_t most) {
  log::write(level, "kernel", std::string(what) + ": " + std::to_string(resident / kMiB) + " MiB are resident, memory_max is " + std::to_string(most / kMiB) + " MiB");
}

}  // namespace

std::atomic<bool> memory_short{false};

void set_memory_max(std::uint64_t bytes) { memory_max.store(bytes, std::memory_order_relaxed); }

void look_at_memory(std::uint64_t now_ms) {
  if (now_ms - looked_ms < kMemoryLookMs) return;
  looked_ms = now_ms;
  const std::uint64_t most = memory_max.load(std::memory_order_relaxed);
  if (most == 0 && !short_of_memory()) return;
  const std::uint64_t resident = resident_bytes();
  if (resident == 0 && most != 0) return;
  if (most != 0 && resident > most) {
    // What was freed may still be resident: the allocator gives it back when it is told to.
    if (now_ms - trimmed_ms >= kTrimAgainMs) {
      trimmed_ms = now_ms;
      ::malloc_trim(0);
    }
    if (!memory_short.exchange(true)) say(log::Level::kWarn, "over the memory budget, refusing requests", resident, most);
  } else if (most == 0 || resident < most / 100 * kGoodPercent) {
    if (memory_short.exchange(false)) say(log::Level::kWarn, "within the memory budget again", resident, most);
  }
}

}  // namespace cleat::watch
