// A thread of a plugin's own. Signals are the process's to take: it leaves all of them to others, but for those of its own faults, which the
// host's crash report is to see. Join it before the plugin's destructor returns.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

// name: at most 15 bytes. Throws std::system_error where the system has no thread left.
template <class Run>
std::thread start_thread(const char* name, Run&& run) {
  sigset_t others, before;
  ::sigfillset(&others);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&others, fault);
  ::pthread_sigmask(SIG_SETMASK, &others, &before);  // the thread inherits it
  std::thread made;
  try {
    made = std::thread(std::forward<Run>(run));
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(made.native_handle(), name);
  return made;
}

CLEAT_CPP_NAMESPACE_END
