/* header: adds one field to each request and one to each response: the least a plugin does that does something. */
#include <stddef.h>

#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=header\nversion=1.0.0\nabi=0.9\nleast=0.9\nabout=adds a field each way\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host;

static cleat_status create(const cleat_create *info, void **instance) {
  (void)info;
  *instance = NULL;
  return CLEAT_OK;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  return host->header_add(x, CLEAT_REQUEST, TEXT("x-bench-request"), TEXT("1")) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return host->header_add(x, CLEAT_RESPONSE, TEXT("x-bench-response"), TEXT("1")) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin), .abi = CLEAT_ABI, .create = create, .on_request = on_request, .on_response = on_response};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
