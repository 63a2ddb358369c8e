/* parts: MAY reply, change, observe. Uses most of what ABI 0.9 has at once: it waits for a timer, counts a body, keeps a number that outlives it,
 * and is a route's handler and a cluster's balancer. What it saw it says in fields of the response. */
#include <stdio.h>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=parts\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.attributes/1 cleat.balancer/1 cleat.body/1 cleat.handler/1 "
                  "cleat.kv/1 cleat.metadata/1 cleat.timer/1\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host;
static const cleat_host_attributes *host_attributes;
static const cleat_host_body *host_body;
static const cleat_host_handler *host_handler;
static const cleat_host_kv *host_kv;
static const cleat_host_metadata *host_metadata;
static const cleat_host_timer *host_timer;

static cleat_instance self;
static uint32_t bytes_key;
static uint64_t space, picks;

struct seen {
  cleat_ticket ticket;
  int64_t body_bytes;
};

static cleat_status create(const cleat_create *info, void **instance) {
  self = info->self;
  *instance = NULL;
  if (host_metadata->key(TEXT("parts.bytes"), &bytes_key) != CLEAT_OK) return CLEAT_FAILED;
  return host_kv->open(self, TEXT("counts"), CLEAT_KV_PLUGIN, 4096, &space);
}

static void waited(void *instance, uint64_t x, void *user) {
  struct seen *seen = user;
  (void)instance, (void)x;
  host->resume(seen->ticket, CLEAT_CONTINUE);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  void *state = NULL;
  cleat_timer timer;
  (void)instance;
  if (host->exchange_state(x, sizeof(struct seen), &state) != CLEAT_OK) return CLEAT_FAIL;
  if (host_body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0) != CLEAT_OK) return CLEAT_FAIL;
  if (host->suspend(x, &((struct seen *)state)->ticket) != CLEAT_OK) return CLEAT_FAIL;
  return host_timer->arm(self, x, 1, waited, state, &timer) == CLEAT_OK ? CLEAT_SUSPEND : CLEAT_FAIL;
}

static cleat_verdict on_request_body(void *instance, cleat_exchange x, uint32_t flags) {
  void *state = NULL;
  cleat_str piece;
  (void)instance;
  if (host->exchange_state(x, 0, &state) != CLEAT_OK || host_body->view(x, CLEAT_REQUEST, &piece) != CLEAT_OK) return CLEAT_FAIL;
  ((struct seen *)state)->body_bytes += (int64_t)piece.size;
  if ((flags & CLEAT_BODY_END) != 0) host_metadata->set_integer(x, bytes_key, ((struct seen *)state)->body_bytes);
  return CLEAT_CONTINUE;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  int64_t bytes = -1, count = 0;
  cleat_str protocol = {NULL, 0};
  char line[128];
  cleat_str value = {line, 0};
  (void)instance;
  host_metadata->get_integer(x, bytes_key, &bytes);
  if (host_kv->add(space, TEXT("responses"), 1, 0, &count) != CLEAT_OK) return CLEAT_FAIL;
  if (host_attributes->text(x, CLEAT_ATTR_PROTOCOL, &protocol) != CLEAT_OK) return CLEAT_FAIL;
  value.size = (uint64_t)snprintf(line, sizeof line, "%.*s body=%lld picks=%llu responses=%lld", (int)protocol.size, protocol.data, (long long)bytes,
                                  (unsigned long long)picks, (long long)count);
  return host->header_set(x, CLEAT_RESPONSE, TEXT("x-parts"), value) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  cleat_reply head = {0};
  uint64_t accepted = 0;
  (void)instance;
  head.size = sizeof head;
  head.status = 203;
  if (host_handler->start(x, &head) != CLEAT_OK || host_handler->write(x, TEXT("handled\n"), &accepted) != CLEAT_OK) return CLEAT_FAIL;
  return host_handler->finish(x, NULL, 0) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static cleat_status set_create(void *instance, const cleat_endpoint_set *set, cleat_config config, void **state) {
  (void)instance, (void)config;
  *state = NULL;
  return set->endpoint_count > 0 ? CLEAT_OK : CLEAT_FAILED;
}

static void set_destroy(void *instance, void *state) { (void)instance, (void)state; }

static cleat_status pick(void *instance, void *state, cleat_exchange x, uint64_t *index) {
  (void)instance, (void)state, (void)x;
  ++picks;
  *index = 0;
  return CLEAT_OK;
}

static const cleat_plugin_handler handler = {.size = sizeof(cleat_plugin_handler), .on_handle = on_handle};
static const cleat_plugin_balancer balancer = {
    .size = sizeof(cleat_plugin_balancer), .set_create = set_create, .set_destroy = set_destroy, .pick = pick};

static int same(cleat_str a, cleat_str b) {
  if (a.size != b.size) return 0;
  for (uint64_t i = 0; i < a.size; ++i)
    if (a.data[i] != b.data[i]) return 0;
  return 1;
}

static const void *find(cleat_str extension) {
  if (same(extension, TEXT(CLEAT_EXT_HANDLER))) return &handler;
  return same(extension, TEXT(CLEAT_EXT_BALANCER)) ? &balancer : NULL;
}

static void destroy(void *instance) { (void)instance; }

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .find = find,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_request_body = on_request_body,
    .on_response = on_response,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host_attributes = host->find(TEXT(CLEAT_EXT_ATTRIBUTES));
  host_body = host->find(TEXT(CLEAT_EXT_BODY));
  host_handler = host->find(TEXT(CLEAT_EXT_HANDLER));
  host_kv = host->find(TEXT(CLEAT_EXT_KV));
  host_metadata = host->find(TEXT(CLEAT_EXT_METADATA));
  host_timer = host->find(TEXT(CLEAT_EXT_TIMER));
  return &table;
}
