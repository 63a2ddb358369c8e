/* Says its table has 8 bytes: not even create is in it. */
#include "report.h"

HOSTILE_NOTE("table_too_small", "");

static const cleat_plugin table = {
    .size = 8,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
