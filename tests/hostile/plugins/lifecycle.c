/* Well behaved: says in the log what it is called for, and marks responses with its configuration's `mark` and its instance's number, so
 * that a test sees which generation answered. */
#include "report.h"

HOSTILE_NOTE("lifecycle", "requires=cleat.config/1\n");

struct lifecycle {
  cleat_instance self;
  int number;
  char mark[32];
};

static int made;

static void say(const struct lifecycle *l, const char *what) {
  char line[96];
  const int size = snprintf(line, sizeof line, "%s %d %s", what, l->number, l->mark);
  const cleat_str text = {line, (uint64_t)size};
  host->log(l->self, CLEAT_INFO, text);
}

static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_config *config = (const cleat_host_config *)host->find(to_str(CLEAT_EXT_CONFIG));
  struct lifecycle *l = (struct lifecycle *)calloc(1, sizeof *l);
  cleat_config node;
  cleat_str mark = {NULL, 0};
  if (config->get(info->config, to_str("mark"), &node) == CLEAT_OK) config->text(node, &mark);
  if (mark.size != 0) memcpy(l->mark, mark.data, mark.size < sizeof l->mark ? mark.size : sizeof l->mark - 1);
  l->self = info->self;
  l->number = ++made;
  say(l, "create");
  *instance = l;
  return CLEAT_OK;
}

static void destroy(void *instance) {
  say((struct lifecycle *)instance, "destroy");
  free(instance);
}

static cleat_status worker_start(void *instance, uint32_t worker) {
  (void)worker;
  say((struct lifecycle *)instance, "worker_start");
  return CLEAT_OK;
}

static void worker_stop(void *instance, uint32_t worker) {
  (void)worker;
  say((struct lifecycle *)instance, "worker_stop");
}

static cleat_verdict on_connection(void *instance, cleat_conn connection) {
  (void)connection;
  say((struct lifecycle *)instance, "on_connection");
  return CLEAT_CONTINUE;
}

static void on_connection_end(void *instance, cleat_conn connection) {
  (void)connection;
  say((struct lifecycle *)instance, "on_connection_end");
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  const struct lifecycle *l = (struct lifecycle *)instance;
  char number[16];
  const cleat_str text = {number, (uint64_t)snprintf(number, sizeof number, "%d", l->number)};
  host->header_set(x, CLEAT_RESPONSE, to_str("x-mark"), to_str(l->mark));
  host->header_set(x, CLEAT_RESPONSE, to_str("x-number"), text);
  return CLEAT_CONTINUE;
}

static cleat_plugin table;

CLEAT_EXPORT const cleat_plugin *cleat_plugin_v1(const cleat_host *given) {
  host = given;
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  table.create = create;
  table.destroy = destroy;
  table.worker_start = worker_start;
  table.worker_stop = worker_stop;
  table.on_connection = on_connection;
  table.on_connection_end = on_connection_end;
  table.on_response = on_response;
  return &table;
}
