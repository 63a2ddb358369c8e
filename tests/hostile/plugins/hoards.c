/* Takes memory and keeps it: "x-take: MIB" that much, resident; "x-give: 1" gives all of it back. */
#include <stdlib.h>
#include <string.h>

#include "report.h"

HOSTILE_NOTE("hoards", "");

#define KEPT_MAX 64
static void *kept[KEPT_MAX];
static int count = 0;

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const size_t bytes = (size_t)asked_number(x, "x-take") << 20;
  (void)instance;
  if (bytes != 0 && count < KEPT_MAX) {
    kept[count] = malloc(bytes);
    if (kept[count] != NULL) memset(kept[count++], 1, bytes);
  }
  if (asked(x, "x-give").size != 0) {
    while (count > 0) free(kept[--count]);
  }
  return CLEAT_CONTINUE;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
