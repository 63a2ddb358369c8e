/* Its note has a key that no version of the ABI knows. */
#include "report.h"

HOSTILE_NOTE("note_unknown_key", "privileges=root\n");

__attribute__((constructor)) static void run_by_loading(void) { _Exit(99); }

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return NULL;
}
