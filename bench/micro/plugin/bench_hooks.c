/* A plugin of three hooks, each of which does one thing: on_request nothing, on_route reads a header, on_attempt adds one. */
#include <string.h>

#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=bench_hooks\nversion=1.0.0\nabi=0.9\nleast=0.9\n");

static const cleat_host *host;

static cleat_status create(const cleat_create *info, void **instance) {
  (void)info;
  *instance = NULL;
  return CLEAT_OK;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  (void)x;
  return CLEAT_CONTINUE;
}

static cleat_verdict on_route(void *instance, cleat_exchange x) {
  const cleat_str name = {"user-agent", 10};
  cleat_str value;
  (void)instance;
  return host->header_get(x, CLEAT_REQUEST, name, 0, &value) == CLEAT_OK && value.size != 0 ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static cleat_verdict on_attempt(void *instance, cleat_exchange x, uint32_t attempt) {
  const cleat_str name = {"x-tenant", 8};
  const cleat_str value = {"acme", 4};
  (void)instance;
  (void)attempt;
  return host->header_add(x, CLEAT_REQUEST, name, value) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static const cleat_plugin table = {.size = sizeof(cleat_plugin),
                                   .abi = CLEAT_ABI,
                                   .create = create,
                                   .on_request = on_request,
                                   .on_route = on_route,
                                   .on_attempt = on_attempt};

const cleat_plugin *cleat_plugin_v1(const cleat_host *given) {
  host = given;
  return &table;
}
