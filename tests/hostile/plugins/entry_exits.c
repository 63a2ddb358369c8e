/* Ends the process in its entry, as if all were well. */
#include "report.h"

HOSTILE_NOTE("entry_exits", "");

CLEAT_EXPORT const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  exit(0);
}
