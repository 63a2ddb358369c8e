/* Its table names another ABI than its note. */
#include "report.h"

HOSTILE_NOTE("table_abi_differs", "");

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI - 1,
    .create = create_nothing,
    .destroy = destroy_nothing,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
