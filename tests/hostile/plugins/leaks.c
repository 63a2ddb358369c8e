/* Forgets memory: 256 bytes of each exchange, and 16 KiB of each instance. */
#include "report.h"

HOSTILE_NOTE("leaks", "");

static char *volatile last; /* so that the compiler keeps what nobody reads */

static void forget(size_t size) {
  char *const memory = malloc(size);
  if (memory != NULL) memory[0] = 1;
  last = memory;
}

static cleat_status create(const cleat_create *info, void **instance) {
  forget(16 * 1024);
  return create_nothing(info, instance);
}

static void on_end(void *instance, cleat_exchange x) {
  (void)instance;
  (void)x;
  forget(256);
}

static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI, .create = create, .destroy = destroy_nothing, .on_end = on_end};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
