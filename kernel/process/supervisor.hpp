// `cleat run --supervise`: a process that reads no configuration, has no threads and loads no plugin. It keeps the listening sockets of
// the one it started, and starts another when that one crashes: what arrives meanwhile waits in their queues.
#pragma once

#include "kernel/process/hot_restart.hpp"

namespace cleat {

// The exit code: of the first process if it never served, else 0 after a stop, or 1 if what was stopped failed.
//
// The first SIGTERM or SIGINT makes the process drain, further ones are handed on to it. SIGHUP and SIGUSR1 are handed on; SIGUSR2 is a
// hot restart, of the process and not of the supervisor.
int supervise(ProcessOptions options);

}  // namespace cleat
