/* noop: has every hook and does nothing in any. With `bodies: true` it subscribes to both bodies as well, piece by piece; without, its body hooks
 * are never called, as those of no plugin are that does not ask for them. */
#include <stdlib.h>

#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=noop\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.body/1 cleat.config/1\nabout=does nothing in every stage\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host;
static const cleat_host_config *host_config;
static const cleat_host_body *host_body;
static char with_bodies; /* an instance's pointer is this one's where it subscribes, else NULL */

static cleat_status create(const cleat_create *info, void **instance) {
  uint32_t type = CLEAT_CONFIG_NULL, wanted = 0;
  cleat_config node = 0;
  host_config->type(info->config, &type);
  if (type != CLEAT_CONFIG_NULL && host_config->get(info->config, TEXT("bodies"), &node) == CLEAT_OK &&
      host_config->boolean(node, &wanted) != CLEAT_OK)
    return CLEAT_FAILED; /* the host has recorded where and why */
  *instance = wanted != 0 ? &with_bodies : NULL;
  return CLEAT_OK;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  if (instance == NULL) return CLEAT_CONTINUE;
  if (host_body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0) != CLEAT_OK) return CLEAT_FAIL;
  return host_body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static cleat_verdict on_head(void *instance, cleat_exchange x) {
  (void)instance, (void)x;
  return CLEAT_CONTINUE;
}

static cleat_verdict on_connection(void *instance, cleat_conn conn) {
  (void)instance, (void)conn;
  return CLEAT_CONTINUE;
}

static void on_connection_end(void *instance, cleat_conn conn) { (void)instance, (void)conn; }

static cleat_verdict on_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance, (void)x, (void)flags;
  return CLEAT_CONTINUE;
}

static cleat_verdict on_attempt(void *instance, cleat_exchange x, uint32_t attempt) {
  (void)instance, (void)x, (void)attempt;
  return CLEAT_CONTINUE;
}

static cleat_verdict on_attempt_end(void *instance, cleat_exchange x, const cleat_attempt_end *end) {
  (void)instance, (void)x, (void)end;
  return CLEAT_CONTINUE;
}

static void on_end(void *instance, cleat_exchange x) { (void)instance, (void)x; }

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .create = create,
    .on_connection = on_connection,
    .on_tls = on_connection,
    .on_connection_end = on_connection_end,
    .on_request = on_request,
    .on_route = on_head,
    .on_request_body = on_body,
    .on_request_trailers = on_head,
    .on_attempt = on_attempt,
    .on_attempt_end = on_attempt_end,
    .on_response = on_head,
    .on_response_body = on_body,
    .on_response_trailers = on_head,
    .on_reply = on_head,
    .on_end = on_end,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host_config = host->find(TEXT(CLEAT_EXT_CONFIG));
  host_body = host->find(TEXT(CLEAT_EXT_BODY));
  return &table;
}
