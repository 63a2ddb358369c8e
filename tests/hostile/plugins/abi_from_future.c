/* Built against an ABI this host does not have, and content with none older. Its code must not run. */
#include "report.h"

CLEAT_PLUGIN_NOTE("name=abi_from_future\nversion=0.0.0\nabi=1.7\nleast=1.7\n");

__attribute__((constructor)) static void run_by_loading(void) { _Exit(99); }

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return NULL;
}
