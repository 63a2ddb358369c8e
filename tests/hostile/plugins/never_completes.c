/* Never says that draining and shutting down are done. Their deadlines must do. */
#include "report.h"

HOSTILE_NOTE("never_completes", "");

static void on_drain(void *instance, uint64_t completion) {
  (void)instance;
  (void)completion;
}

static void on_shutdown(void *instance, uint64_t completion) {
  (void)instance;
  (void)completion;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
