// The life of `cleat run`: from the configuration's file to the exit code. The control thread is the one that calls this.
#pragma once

#include <optional>
#include <string>

#include "kernel/config/model.hpp"
#include "kernel/control.hpp"
#include "kernel/process/hot_restart.hpp"

namespace cleat {

struct RunOptions {
  std::string config_file;
  std::optional<config::Model::LogLevel> log_level;  // instead of the configuration's
  ProcessOptions process;
};

// 0: served until it was told to stop; 1: failed while running; 2: refused to start. The words are on standard error by then.
//
// SIGTERM and SIGINT drain: no new connections, what is in flight is finished, and what is left after timeouts.drain (the longest of
// all listeners) is cut. A second one cuts at once; a third does not wait for plugins' on_shutdown. SIGUSR1 is the event
// "cleat.reopen" for the plugins, SIGHUP reads the configuration again (reload.hpp), SIGUSR2 starts the next
// process (process/hot_restart.hpp), SIGPIPE is ignored.
int run_server(const RunOptions& options, Handover given);

}  // namespace cleat
