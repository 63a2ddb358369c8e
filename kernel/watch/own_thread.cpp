#include "kernel/watch/own_thread.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace cleat::watch {
namespace {

struct Threads {
  std::mutex mutex;
  std::vector<OwnThread*> all;
};

Threads& threads() {
  static auto* const one = new Threads;  // never destroyed: threads may outlive static destructors
  return *one;
}

constinit thread_local OwnThread* this_thread = nullptr;

std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

OwnThread::OwnThread(std::string name_, hooks::CallStamp* stamp_) : name(std::move(name_)), stamp(stamp_), id(::pthread_self()) {
  take_signal_stack();
  this_thread = this;
  Threads& every = threads();
  const std::lock_guard lock(every.mutex);
  every.all.push_back(this);
}

OwnThread::~OwnThread() {
  {
    Threads& every = threads();
    const std::lock_guard lock(every.mutex);
    std::erase(every.all, this);
  }
  this_thread = nullptr;
  if (stack_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  ::munmap(stack_, kSignalStackBytes);
}

// A sanitizer's runtime may have given the thread one, and will take it back: that one is kept. Without one, reports of overflown
// stacks are all that is lost.
void OwnThread::take_signal_stack() {
  stack_t now{};
  if (::sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  void* const memory = ::mmap(nullptr, kSignalStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  ::mprotect(memory, page(), PROT_NONE);  // the lowest: what overflows this stack too must not write elsewhere
  now = {};
  now.ss_sp = static_cast<char*>(memory) + page();
  now.ss_size = kSignalStackBytes - page();
  if (::sigaltstack(&now, nullptr) == 0) {
    stack_ = memory;
  } else {
    ::munmap(memory, kSignalStackBytes);
  }
}

OwnThread* OwnThread::current() { return this_thread; }

void each_thread(const std::function<void(OwnThread&)>& fn) {
  Threads& every = threads();
  const std::lock_guard lock(every.mutex);
  for (OwnThread* thread : every.all) fn(*thread);
}

}  // namespace cleat::watch
