// The program: the command line, and nothing else.
#include <csignal>

#include "kernel/cli/cli.hpp"

int main(int argc, char** argv) {
  std::signal(SIGCHLD, SIG_DFL);  // ignored, as a launcher may leave it, the system would keep how a child ended to itself
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error of one write, never a signal
  return cleat::cli::main(argc, argv, &cleat::cli::add_plugin_tools);
}
