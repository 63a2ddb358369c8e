/* cleat_plugin_v1 returns NULL, and does not say why. */
#include "report.h"

HOSTILE_NOTE("entry_null_silent", "");

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return NULL;
}
