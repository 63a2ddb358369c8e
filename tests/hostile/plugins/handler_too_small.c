/* Its cleat.handler/1 table ends before on_handle. */
#include "report.h"

HOSTILE_NOTE("handler_too_small", "");

static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  (void)instance;
  return text_reply(x, 200, "never\n");
}

static const void *find(cleat_str id) {
  static const cleat_plugin_handler handler = {.size = 8, .on_handle = on_handle};
  return is(id, CLEAT_EXT_HANDLER) ? &handler : NULL;
}

static const cleat_plugin table = {
    .size = sizeof table, .abi = CLEAT_ABI, .find = find, .create = create_nothing, .destroy = destroy_nothing};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
