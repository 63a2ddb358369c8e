/* A plugin without a note: refused before any of its code runs. */
#include "report.h"

__attribute__((constructor)) static void run_by_loading(void) { _Exit(99); }

static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI, .create = create_nothing, .destroy = destroy_nothing};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
