// malloc and its kin are this program's own, and count before they hand on to the C library's. Instructions come from perf_event_open(2),
// of this thread, in user mode.
#include "bench/micro/measured.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

thread_local std::uint64_t allocations = 0;

int open_counter() {
  perf_event_attr wanted{};
  wanted.size = sizeof wanted;
  wanted.type = PERF_TYPE_HARDWARE;
  wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
  wanted.exclude_kernel = 1;
  wanted.exclude_hv = 1;
  return static_cast<int>(::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// Negative: the machine has no such counter, or does not let us see it.
int counter() {
  static const int fd = open_counter();
  return fd;
}

std::uint64_t instructions() {
  std::uint64_t count = 0;
  if (counter() < 0 || ::read(counter(), &count, sizeof count) != sizeof count) return 0;
  return count;
}

}  // namespace

extern "C" {
void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

namespace cleat::bench {

void Measured::resume() {
  allocations_ -= allocations;
  instructions_ -= instructions();
}

void Measured::pause() {
  instructions_ += instructions();
  allocations_ += allocations;
}

Measured::~Measured() {
  pause();
  const double all = static_cast<double>(state_.iterations()) * operations_;
  const double each = static_cast<double>(allocations_) / all;
  state_.counters["allocs"] = each < 0.001 ? 0 : each;  // less: those of the measurement itself
  if (counter() >= 0) state_.counters["instructions"] = static_cast<double>(instructions_) / all;
}

}  // namespace cleat::bench
