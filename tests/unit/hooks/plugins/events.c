/* Subscribes to the patterns of its configuration, and writes down what it is told: "a<app.x=data ". Answers app.ping with app.pong. */
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/config.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=events\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.events/1\n");

static char journal[65536];
static cleat_instance last;
static const cleat_host_config *config;
static const cleat_host_events *events;

struct instance {
  cleat_instance self;
  char name[16];
};

static cleat_str str(const char *text) {
  const cleat_str s = {text, strlen(text)};
  return s;
}

static cleat_status create(const cleat_create *info, void **out) {
  struct instance *self = NULL;
  uint64_t count = 0;
  last = info->self;
  if (config->count(info->config, &count) != CLEAT_OK) return CLEAT_FAILED;
  for (uint64_t i = 0; i < count; ++i) {
    cleat_config item;
    cleat_str pattern;
    cleat_status status = config->at(info->config, i, NULL, &item);
    if (status == CLEAT_OK) status = config->text(item, &pattern);
    if (status == CLEAT_OK) status = events->subscribe(info->self, pattern);
    if (status != CLEAT_OK) return status;
  }
  self = calloc(1, sizeof *self);
  if (self == NULL) return CLEAT_FAILED;
  self->self = info->self;
  memcpy(self->name, info->name.data, info->name.size < sizeof self->name - 1 ? info->name.size : sizeof self->name - 1);
  *out = self;
  return CLEAT_OK;
}

static void destroy(void *self) { free(self); }

static void on_event(void *self, const cleat_event *event) {
  const struct instance *one = self;
  if (strlen(journal) + event->name.size + event->data.size + 32 > sizeof journal) return;
  strcat(journal, one->name);
  strcat(journal, event->kind == CLEAT_EVENT_NAMED ? "<" : "?");
  strncat(journal, event->name.data, event->name.size);
  strcat(journal, "=");
  strncat(journal, event->data.data, event->data.size);
  strcat(journal, " ");
  if (event->name.size == 8 && memcmp(event->name.data, "app.ping", 8) == 0) events->publish(one->self, str("app.pong"), event->data);
}

static const void *find(cleat_str id) {
  if (id.size == 14 && memcmp(id.data, "test.journal/1", 14) == 0) return journal;
  if (id.size == 11 && memcmp(id.data, "test.self/1", 11) == 0) return &last;
  return NULL;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin), .abi = CLEAT_ABI, .find = find, .create = create, .destroy = destroy, .on_event = on_event};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host) {
  config = host->find(str(CLEAT_EXT_CONFIG));
  events = host->find(str(CLEAT_EXT_EVENTS));
  return &table;
}
