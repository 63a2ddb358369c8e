/* Requires an extension that a plugin in a process of its own does not have. */
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=wants_balancer\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.balancer/1 cleat.timer/1\n");

static cleat_status create(const cleat_create *info, void **instance) {
  (void)info;
  *instance = (void *)1;
  return CLEAT_OK;
}
static const cleat_plugin table = {.size = sizeof(cleat_plugin), .abi = CLEAT_ABI, .create = create};
const cleat_plugin *cleat_plugin_v1(const cleat_host *host) {
  (void)host;
  return &table;
}
