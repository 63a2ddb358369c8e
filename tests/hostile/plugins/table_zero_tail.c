/* Says its table is larger than this host's, and what is beyond is zero: a plugin built from newer headers that uses nothing new. */
#include "report.h"

HOSTILE_NOTE("table_zero_tail", "");

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  return text_reply(x, 200, "zero tail\n");
}

static const struct {
  cleat_plugin known;
  uint64_t unknown[8];
} table = {
    .known = {.size = sizeof table, .abi = CLEAT_ABI, .create = create_nothing, .destroy = destroy_nothing, .on_request = on_request},
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table.known;
}
