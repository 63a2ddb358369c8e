/* Says its table is larger than this host's, and uses an entry that the host does not know. */
#include "report.h"

HOSTILE_NOTE("table_nonzero_tail", "");

static const struct {
  cleat_plugin known;
  uint64_t unknown[8];
} table = {
    .known = {.size = sizeof table, .abi = CLEAT_ABI, .create = create_nothing, .destroy = destroy_nothing},
    .unknown = {0, 0, 1},
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table.known;
}
