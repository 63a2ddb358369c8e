/* Requires an extension that no host has. Its code must not run: the constructor function would end the process. */
#include "report.h"

HOSTILE_NOTE("needs_unknown_extension", "requires=cleat.config/1 cleat.teleport/1\n");

__attribute__((constructor)) static void run_by_loading(void) { _Exit(99); }

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return NULL;
}
