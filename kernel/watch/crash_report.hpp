// The report of a crash: written by the thread that crashes, in its signal handler, without allocating or locking, to standard error and
// to a file. After it what would have happened without it happens: a core dump, a sanitizer's report, the end by that signal.
#pragma once

#include <csignal>
#include <string>

namespace cleat::watch {

void install_crash_report();                  // [control] before any plugin is loaded
void set_crash_file(const std::string& file); // [control] appended to, opened only when there is something to write; empty: none

// What the process's own threads block: all but the signals of crashes and of captures.
sigset_t signals_to_block();

}  // namespace cleat::watch
