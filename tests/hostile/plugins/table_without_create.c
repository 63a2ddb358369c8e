/* A whole table without the one entry that is required. */
#include "report.h"

HOSTILE_NOTE("table_without_create", "");

static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
