/* create fails. Configuration `words`: what it says about it; without, it says nothing. `junk: true`: answers a status that is none. */
#include "report.h"

HOSTILE_NOTE("create_fails", "requires=cleat.config/1\n");

static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_config *config = host->find(to_str(CLEAT_EXT_CONFIG));
  cleat_config node = 0;
  cleat_str words = {NULL, 0};
  uint32_t type = 0, junk = 0;
  (void)instance;
  if (config->type(info->config, &type) == CLEAT_OK && type == CLEAT_CONFIG_MAP) {
    if (config->get(info->config, to_str("junk"), &node) == CLEAT_OK) config->boolean(node, &junk);
    if (config->get(info->config, to_str("words"), &node) == CLEAT_OK && config->text(node, &words) == CLEAT_OK) host->set_error(words);
  }
  return junk ? 12345 : CLEAT_FAILED;
}

static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI, .create = create, .destroy = destroy_nothing};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
