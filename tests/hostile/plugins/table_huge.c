/* Says its table has 4 GiB: reading that far would be a crash. */
#include "report.h"

HOSTILE_NOTE("table_huge", "");

static const cleat_plugin table = {
    .size = UINT32_MAX,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
