/* Well behaved: says in the log from where and to where each connection came, in on_connection. Configuration `wait: true`: it suspends there
 * first, and goes on by a task. */
#include "report.h"

HOSTILE_NOTE("addresses", "requires=cleat.config/1 cleat.attributes/1 cleat.post/1\n");

struct addresses {
  cleat_instance self;
  uint32_t wait;
};

static const cleat_host_attributes *attributes;
static const cleat_host_post *post;

static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_config *config = (const cleat_host_config *)host->find(to_str(CLEAT_EXT_CONFIG));
  struct addresses *made = calloc(1, sizeof *made);
  cleat_config node;
  if (made == NULL) return CLEAT_FAILED;
  attributes = (const cleat_host_attributes *)host->find(to_str(CLEAT_EXT_ATTRIBUTES));
  post = (const cleat_host_post *)host->find(to_str(CLEAT_EXT_POST));
  made->self = info->self;
  if (config->get(info->config, to_str("wait"), &node) == CLEAT_OK) config->boolean(node, &made->wait);
  *instance = made;
  return CLEAT_OK;
}

static void destroy(void *instance) { free(instance); }

static cleat_str address(cleat_conn connection, uint32_t attribute) {
  cleat_str text = {NULL, 0};
  if (attributes->text(connection, attribute, &text) != CLEAT_OK) text.size = 0;
  return text;
}

static void resume(void *instance, cleat_status status, uint64_t owner, void *user) {
  cleat_ticket *ticket = user;
  (void)instance;
  (void)owner;
  if (status == CLEAT_OK) host->resume(*ticket, CLEAT_CONTINUE);
  free(ticket);
}

static cleat_verdict on_connection(void *instance, cleat_conn connection) {
  const struct addresses *a = instance;
  const cleat_str from = address(connection, CLEAT_ATTR_SOURCE_ADDRESS), to = address(connection, CLEAT_ATTR_DESTINATION_ADDRESS);
  const cleat_str wanted = address(connection, CLEAT_ATTR_ORIGINAL_DESTINATION);
  char line[256];
  const int size = snprintf(line, sizeof line, "on_connection from %.*s to %.*s wanted %.*s", (int)from.size, from.data, (int)to.size, to.data,
                            (int)wanted.size, wanted.size == 0 ? "" : wanted.data);
  const cleat_str text = {line, (uint64_t)size};
  cleat_ticket *ticket;
  host->log(a->self, CLEAT_INFO, text);
  if (!a->wait) return CLEAT_CONTINUE;
  ticket = malloc(sizeof *ticket);
  if (ticket == NULL || host->suspend(connection, ticket) != CLEAT_OK || post->post(a->self, connection, resume, ticket) != CLEAT_OK) {
    free(ticket);
    return CLEAT_FAIL;
  }
  return CLEAT_SUSPEND;
}

static cleat_plugin table;

CLEAT_EXPORT const cleat_plugin *cleat_plugin_v1(const cleat_host *given) {
  host = given;
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  table.create = create;
  table.destroy = destroy;
  table.on_connection = on_connection;
  return &table;
}
