// One capture at a time: the watchdog asks by a signal and waits, the thread answers in its handler, into memory that was there before.
#include "kernel/watch/stack_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <thread>

#include "kernel/watch/modules.hpp"

namespace cleat::watch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAnswerWait{200};
constexpr milliseconds kLook{1};
constexpr std::size_t kHandlerFrames = 8;  // of the handler itself and what called it

// How far the question is: in the low bits of the address of the thread that is asked, so that a signal which comes late answers none of
// another thread.
enum Step : std::uintptr_t { kIdle = 0, kAsked = 1, kAnswering = 2, kAnswered = 3 };
static_assert(alignof(OwnThread) >= 4);

constinit std::atomic<std::uintptr_t> state{kIdle};
constinit Capture answer;  // the thread's while kAnswering, the watchdog's while kAnswered

void on_signal(int, siginfo_t*, void* context) {
  const int before = errno;
  const OwnThread* const here = OwnThread::current();
  const auto self = reinterpret_cast<std::uintptr_t>(here);
  std::uintptr_t asked = self | kAsked;
  if (here != nullptr && here->stamp != nullptr && state.compare_exchange_strong(asked, self | kAnswering, std::memory_order_acq_rel)) {
    answer = {};
    read_call(*here->stamp, answer.call);
    read_exchange(*here->stamp, answer.exchange);
    take_stack(context, answer.stack);
    state.store(self | kAnswered, std::memory_order_release);
  }
  errno = before;
}

// No question is open any more. False while an answer is being made, later than it was waited for.
bool withdraw(std::uintptr_t self) {
  std::uintptr_t now = self | kAsked;
  if (state.compare_exchange_strong(now, kIdle, std::memory_order_acq_rel) || now == kIdle) return true;
  if ((now & 3) != kAnswered) return false;
  state.store(kIdle, std::memory_order_relaxed);
  return true;
}

}  // namespace

std::uintptr_t interrupted_at(void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return machine.pc;
#else
  return static_cast<void>(machine), 0;
#endif
}

std::uintptr_t returning_to(void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return *reinterpret_cast<const std::uintptr_t*>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return machine.regs[30];
#else
  return static_cast<void>(machine), 0;
#endif
}

void take_stack(void* context, Stack& stack) {
  void* all[kFramesMax + kHandlerFrames];
  void** const end = all + std::max(0, ::backtrace(all, static_cast<int>(std::size(all))));
  void** first = std::find(all, end, reinterpret_cast<void*>(interrupted_at(context)));
  if (first == end) first = all;
  stack.count = std::min<std::size_t>(static_cast<std::size_t>(end - first), kFramesMax);
  std::copy_n(first, stack.count, stack.frames);
}

int capture_signal() { return SIGRTMIN + 6; }

void begin_captures() {
  void* frames[2];
  ::backtrace(frames, 2);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigaction(capture_signal(), &action, nullptr);
}

bool capture(const OwnThread& thread, Capture& result) {
  const auto self = reinterpret_cast<std::uintptr_t>(&thread);
  if (!withdraw(self)) return false;
  state.store(self | kAsked, std::memory_order_release);
  const auto until = std::chrono::steady_clock::now() + kAnswerWait;
  bool sent = ::pthread_kill(thread.id, capture_signal()) == 0;
  while (sent && state.load(std::memory_order_acquire) != (self | kAnswered)) {
    if (std::chrono::steady_clock::now() > until) sent = false;
    std::this_thread::sleep_for(kLook);
  }
  if (sent) result = answer;
  withdraw(self);
  return sent;
}

std::string describe(void* frame) {
  const auto address = reinterpret_cast<std::uintptr_t>(frame);
  const Module* const module = module_of(address);
  char text[64];
  std::snprintf(text, sizeof text, "%s0x%zx", module == nullptr ? "" : "+", static_cast<std::size_t>(address - (module == nullptr ? 0 : module->base)));
  std::string all = (module == nullptr ? "" : module->name()) + std::string(text);
  Dl_info about{};
  if (::dladdr(frame, &about) == 0 || about.dli_sname == nullptr) return all;
  int failed = 0;
  char* const plain = abi::__cxa_demangle(about.dli_sname, nullptr, nullptr, &failed);
  std::snprintf(text, sizeof text, "+0x%zx", static_cast<std::size_t>(address - reinterpret_cast<std::uintptr_t>(about.dli_saddr)));
  all += " (" + std::string(failed == 0 ? plain : about.dli_sname) + text + ")";
  std::free(plain);
  return all;
}

}  // namespace cleat::watch
