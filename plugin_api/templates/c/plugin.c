/* @NAME@: MAY reply, MAY change. Greets who asks for one path, and marks what passes by. */
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/config.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=@NAME@\nversion=0.1.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.metrics/1\nabout=greets\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host; /* these live as long as the process */
static const cleat_host_config *host_config;
static const cleat_host_metrics *host_metrics;

/* One configured use of the plugin. All workers read it at the same time; nothing in it changes after create. */
struct instance {
  cleat_str path, greeting; /* owned */
  cleat_series greetings;
};

static void destroy(void *instance) {
  struct instance *self = instance;
  free((char *)self->path.data);
  free((char *)self->greeting.data);
  free(self);
}

/* Reads a text, or its fallback, and appends a suffix, into a copy: views of the configuration die when create returns. */
static int read_text(cleat_config config, cleat_str key, cleat_str fallback, cleat_str suffix, cleat_str *to) {
  cleat_config node = 0;
  char *copy;
  if (host_config->get(config, key, &node) == CLEAT_OK && host_config->text(node, &fallback) != CLEAT_OK) return 0;
  copy = malloc(fallback.size + suffix.size + 1);
  if (copy == NULL) return 0;
  if (fallback.size > 0) memcpy(copy, fallback.data, fallback.size);
  memcpy(copy + fallback.size, suffix.data, suffix.size);
  to->data = copy;
  to->size = fallback.size + suffix.size;
  return 1;
}

static int define_metrics(const cleat_create *info, struct instance *self) {
  const cleat_str label = TEXT("instance");
  cleat_metric_def def = {0};
  uint64_t metric = 0;
  def.size = sizeof def;
  def.kind = CLEAT_COUNTER;
  def.name = TEXT("cleat_@NAME@_greetings_total");
  def.help = TEXT("Requests answered here");
  def.labels = &label;
  def.label_count = 1;
  return host_metrics->define(info->self, &def, &metric) == CLEAT_OK &&
         host_metrics->series(metric, &info->name, 1, &self->greetings) == CLEAT_OK;
}

static cleat_status create(const cleat_create *info, void **instance) {
  struct instance *self = calloc(1, sizeof *self);
  if (self == NULL) {
    host->set_error(TEXT("out of memory"));
    return CLEAT_FAILED;
  }
  /* What goes wrong here the host has recorded, with its place in the file. */
  if (!read_text(info->config, TEXT("path"), TEXT("/hello"), TEXT(""), &self->path) ||
      !read_text(info->config, TEXT("greeting"), TEXT("hello"), TEXT("\n"), &self->greeting) || !define_metrics(info, self)) {
    destroy(self);
    return CLEAT_FAILED;
  }
  *instance = self;
  return CLEAT_OK;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const struct instance *self = instance;
  cleat_str path;
  cleat_reply reply = {0};
  if (host->field_get(x, CLEAT_PATH, &path) != CLEAT_OK) return CLEAT_FAIL;
  if (path.size != self->path.size || memcmp(path.data, self->path.data, path.size) != 0) return CLEAT_CONTINUE;
  host_metrics->add(self->greetings, 1);
  reply.size = sizeof reply;
  reply.status = 200;
  reply.body = self->greeting;
  reply.reason = TEXT("greeted");
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return host->header_set(x, CLEAT_RESPONSE, TEXT("x-seen-by"), TEXT("@NAME@")) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_response = on_response,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host_config = host->find(TEXT(CLEAT_EXT_CONFIG)); /* the note requires both: the host has them, or has refused this file */
  host_metrics = host->find(TEXT(CLEAT_EXT_METRICS));
  return &table;
}
