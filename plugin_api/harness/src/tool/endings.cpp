#include "plugin_api/harness/src/tool/endings.hpp"

#include <csignal>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>

#include "plugin_api/harness/src/between.hpp"

namespace cleat::kit {
namespace {

struct Crash {
  int signal;
  const char* name;
};
constexpr std::array<Crash, 5> kCrashes = {{{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}}};

struct sigaction before[kCrashes.size()];
std::atomic<void (*)(const char* how, const char* hook)> told{nullptr};  // nullptr: nobody is, or has been already

void tell_once(const char* how) {
  if (const auto tell = told.exchange(nullptr)) tell(how, running());
}

void on_crash(int signal, siginfo_t* info, void*) {
  for (std::size_t i = 0; i < kCrashes.size(); ++i) {
    if (kCrashes[i].signal == signal) tell_once(kCrashes[i].name);
    ::sigaction(kCrashes[i].signal, &before[i], nullptr);
  }
  // What the machine has raised it raises again where it happened; what was sent is sent again.
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

void on_early_end(void (*tell)(const char* how, const char* hook)) {
  told = tell;
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (std::size_t i = 0; i < kCrashes.size(); ++i) ::sigaction(kCrashes[i].signal, &action, &before[i]);
  std::atexit([] { tell_once("exit"); });
}

void end_is_due() { told = nullptr; }

}  // namespace cleat::kit
