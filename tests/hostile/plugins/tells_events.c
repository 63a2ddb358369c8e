/* Honest: writes every event of the host's that it hears of to the log, "event <name> <data>". */
#include "plugin_api/ext/events.h"
#include "report.h"

HOSTILE_NOTE("tells_events", "requires=cleat.events/1\n");

static cleat_instance self;

static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_events *events = host->find(to_str(CLEAT_EXT_EVENTS));
  self = info->self;
  create_nothing(info, instance);
  return events->subscribe(self, to_str("cleat.*"));
}

static void on_event(void *instance, const cleat_event *event) {
  char line[512];
  const int size = snprintf(line, sizeof line, "event %.*s %.*s", (int)event->name.size, event->name.data, (int)event->data.size, event->data.data);
  const cleat_str text = {line, (uint64_t)size};
  (void)instance;
  host->log(self, CLEAT_INFO, text);
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy_nothing,
    .on_event = on_event,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
