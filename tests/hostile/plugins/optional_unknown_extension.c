/* Honest: would like an extension that no host has, and does without. */
#include "report.h"

HOSTILE_NOTE("optional_unknown_extension", "optional=cleat.teleport/1\nx-note=a key of its own\n");

static const void *teleport;

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  return text_reply(x, 200, teleport == NULL ? "no teleport\n" : "teleport\n");
}

static const cleat_plugin table = {
    .size = sizeof table, .abi = CLEAT_ABI, .create = create_nothing, .destroy = destroy_nothing, .on_request = on_request};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  teleport = host->find(to_str("cleat.teleport/1"));
  return &table;
}
