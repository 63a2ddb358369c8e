/* Holds the thread it is called on. x-block: the hook; x-ms: for how long, for ever without it; x-spin: without sleeping. Configuration
 * {in: <hook>, ms: <number>}: in a hook that has no request. Also a handler, and a balancer whose choice is always the first. */
#include <time.h>

#include "report.h"

HOSTILE_NOTE("blocks", "requires=cleat.config/1\n");

static const cleat_host_config *config;

struct blocks {
  char in[32];
  int64_t ms;
};

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void hold(uint64_t ms, int spin) {
  const uint64_t begin = now_ms();
  while (ms == 0 || now_ms() - begin < ms) {
    const struct timespec nap = {0, 1000000};
    if (!spin) nanosleep(&nap, NULL);
  }
}

static cleat_verdict maybe(cleat_exchange x, const char *hook) {
  if (is(asked(x, "x-block"), hook)) hold(asked_number(x, "x-ms"), asked(x, "x-spin").size != 0);
  return CLEAT_CONTINUE;
}

static void maybe_in(const struct blocks *self, const char *hook) {
  if (strcmp(self->in, hook) == 0) hold((uint64_t)self->ms, 0);
}

static cleat_status create(const cleat_create *info, void **instance) {
  struct blocks *self = calloc(1, sizeof *self);
  cleat_config node = 0;
  cleat_str text = {NULL, 0};
  if (self == NULL) return CLEAT_FAILED;
  if (config->get(info->config, to_str("in"), &node) == CLEAT_OK && config->text(node, &text) == CLEAT_OK && text.size < sizeof self->in) {
    memcpy(self->in, text.data, text.size);
  }
  if (config->get(info->config, to_str("ms"), &node) == CLEAT_OK) config->integer(node, 0, 1000000, &self->ms);
  *instance = self;
  maybe_in(self, "create");
  return CLEAT_OK;
}

static void destroy(void *instance) {
  maybe_in(instance, "destroy");
  free(instance);
}

static cleat_status worker_start(void *instance, uint32_t worker) {
  (void)worker;
  maybe_in(instance, "worker_start");
  return CLEAT_OK;
}

static cleat_verdict on_connection(void *instance, cleat_conn connection) {
  (void)connection;
  maybe_in(instance, "on_connection");
  return CLEAT_CONTINUE;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  return maybe(x, "on_request");
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return maybe(x, "on_response");
}

static void on_end(void *instance, cleat_exchange x) {
  (void)instance;
  maybe(x, "on_end");
}

static void on_event(void *instance, const cleat_event *event) {
  (void)event;
  maybe_in(instance, "on_event");
}

static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  (void)instance;
  maybe(x, "on_handle");
  return text_reply(x, 200, "handled\n");
}

static cleat_status pick(void *instance, void *set, cleat_exchange x, uint64_t *index) {
  (void)instance;
  (void)set;
  maybe(x, "pick");
  *index = 0;
  return CLEAT_OK;
}

static const void *find(cleat_str id) {
  static const cleat_plugin_handler handler = {.size = sizeof handler, .on_handle = on_handle};
  static const cleat_plugin_balancer balancer = {.size = sizeof balancer, .pick = pick};
  if (is(id, CLEAT_EXT_BALANCER)) return &balancer;
  return is(id, CLEAT_EXT_HANDLER) ? &handler : NULL;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .find = find,
    .create = create,
    .destroy = destroy,
    .worker_start = worker_start,
    .on_connection = on_connection,
    .on_request = on_request,
    .on_response = on_response,
    .on_end = on_end,
    .on_event = on_event,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  config = host->find(to_str(CLEAT_EXT_CONFIG));
  return &table;
}
