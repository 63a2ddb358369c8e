/* cleat_plugin_v1 returns NULL, and says why. */
#include "report.h"

HOSTILE_NOTE("entry_null", "");

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host->set_error(to_str("not on a Monday"));
  return NULL;
}
