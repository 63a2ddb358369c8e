/* Writes down its lifecycle calls, across instances, for tests of order: "create:a route_create:a ...". Handler and balancer too. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=journal\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1\n");

static char journal[4096];
static cleat_endpoint_set last_set;
static const cleat_host_config *config;

struct instance {
  char name[64];
};

static void add(const char *what, const char *who) {
  const size_t used = strlen(journal);
  if (used + strlen(what) + strlen(who) + 3 > sizeof journal) return;
  if (used != 0) strcat(journal, " ");
  strcat(journal, what);
  strcat(journal, ":");
  strcat(journal, who);
}

static cleat_str str(const char *text) {
  const cleat_str s = {text, strlen(text)};
  return s;
}

/* A node may say {refuse: true}. */
static cleat_status read_config(cleat_config node) {
  cleat_config value;
  uint32_t refuse = 0;
  if (config->get(node, str("refuse"), &value) == CLEAT_OK) config->boolean(value, &refuse);
  if (refuse != 0) config->error(node, str("refused as asked"));
  return refuse != 0 ? CLEAT_FAILED : CLEAT_OK;
}

static cleat_status create(const cleat_create *info, void **out) {
  struct instance *self = calloc(1, sizeof *self);
  if (self == NULL) return CLEAT_FAILED;
  if (info->name.size < sizeof self->name) memcpy(self->name, info->name.data, info->name.size);
  if (read_config(info->config) != CLEAT_OK) {
    free(self);
    return CLEAT_FAILED;
  }
  add("create", self->name);
  *out = self;
  return CLEAT_OK;
}

static void destroy(void *self) {
  add("destroy", ((struct instance *)self)->name);
  free(self);
}

static cleat_status route_create(void *self, cleat_config node, void **route) {
  if (read_config(node) != CLEAT_OK) return CLEAT_FAILED;
  add("route_create", ((struct instance *)self)->name);
  *route = self;
  return CLEAT_OK;
}

static void route_destroy(void *self, void *route) {
  (void)route;
  add("route_destroy", ((struct instance *)self)->name);
}

static cleat_verdict on_request(void *self, cleat_exchange x) {
  (void)self;
  (void)x;
  return CLEAT_CONTINUE;
}

static void on_end(void *self, cleat_exchange x) {
  (void)self;
  (void)x;
}

static cleat_verdict on_handle(void *self, cleat_exchange x) {
  (void)self;
  (void)x;
  return CLEAT_CONTINUE;
}

static cleat_status set_create(void *self, const cleat_endpoint_set *set, cleat_config node, void **state) {
  if (read_config(node) != CLEAT_OK) return CLEAT_FAILED;
  add("set_create", ((struct instance *)self)->name);
  last_set = *set;
  *state = self;
  return CLEAT_OK;
}

static void set_destroy(void *self, void *state) {
  (void)state;
  add("set_destroy", ((struct instance *)self)->name);
}

static cleat_status pick(void *self, void *state, cleat_exchange x, uint64_t *index) {
  (void)self;
  (void)state;
  (void)x;
  *index = 0;
  return CLEAT_OK;
}

static const cleat_plugin_handler handler = {.size = sizeof(cleat_plugin_handler), .on_handle = on_handle};
static const cleat_plugin_balancer balancer = {
    .size = sizeof(cleat_plugin_balancer), .set_create = set_create, .set_destroy = set_destroy, .pick = pick};

static const void *find(cleat_str id) {
  if (id.size == strlen(CLEAT_EXT_HANDLER) && memcmp(id.data, CLEAT_EXT_HANDLER, id.size) == 0) return &handler;
  if (id.size == strlen(CLEAT_EXT_BALANCER) && memcmp(id.data, CLEAT_EXT_BALANCER, id.size) == 0) return &balancer;
  if (id.size == 14 && memcmp(id.data, "test.journal/1", 14) == 0) return journal;
  if (id.size == 10 && memcmp(id.data, "test.set/1", 10) == 0) return &last_set;
  return NULL;
}

static const cleat_plugin table = {.size = sizeof(cleat_plugin),
                                   .abi = CLEAT_ABI,
                                   .find = find,
                                   .create = create,
                                   .destroy = destroy,
                                   .route_create = route_create,
                                   .route_destroy = route_destroy,
                                   .on_request = on_request,
                                   .on_end = on_end};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host) {
  config = host->find(str(CLEAT_EXT_CONFIG));
  return &table;
}
