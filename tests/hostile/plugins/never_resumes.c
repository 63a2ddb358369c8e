/* Suspends and forgets the ticket. x-hook: in which hook; `timeouts.suspend` must end it. Configuration `connection: true`: in
 * on_connection. Also a handler. */
#include "report.h"

HOSTILE_NOTE("never_resumes", "requires=cleat.config/1 cleat.body/1\n");

static const cleat_host_config *config;
static const cleat_host_body *body;

struct never {
  uint32_t connection;
};

static cleat_status create(const cleat_create *info, void **instance) {
  struct never *never = calloc(1, sizeof *never);
  cleat_config node = 0;
  uint32_t type = 0;
  if (never == NULL) return CLEAT_FAILED;
  if (config->type(info->config, &type) == CLEAT_OK && type == CLEAT_CONFIG_MAP &&
      config->get(info->config, to_str("connection"), &node) == CLEAT_OK) {
    config->boolean(node, &never->connection);
  }
  *instance = never;
  return CLEAT_OK;
}

static void destroy(void *instance) { free(instance); }

static cleat_verdict hang(uint64_t subject) {
  cleat_ticket ticket;
  return host->suspend(subject, &ticket) == CLEAT_OK ? CLEAT_SUSPEND : CLEAT_FAIL;
}

static cleat_verdict maybe_hang(cleat_exchange x, const char *hook) { return is(asked(x, "x-hook"), hook) ? hang(x) : CLEAT_CONTINUE; }

static cleat_verdict on_connection(void *instance, cleat_conn conn) {
  return ((struct never *)instance)->connection ? hang(conn) : CLEAT_CONTINUE;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  if (is(asked(x, "x-hook"), "on_request_body")) body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0);
  if (is(asked(x, "x-hook"), "on_response_body")) body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0);
  return maybe_hang(x, "on_request");
}

static cleat_verdict on_route(void *instance, cleat_exchange x) {
  (void)instance;
  return maybe_hang(x, "on_route");
}

static cleat_verdict on_request_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  (void)flags;
  return maybe_hang(x, "on_request_body");
}

static cleat_verdict on_attempt(void *instance, cleat_exchange x, uint32_t attempt) {
  (void)instance;
  (void)attempt;
  return maybe_hang(x, "on_attempt");
}

static cleat_verdict on_attempt_end(void *instance, cleat_exchange x, const cleat_attempt_end *end) {
  (void)instance;
  (void)end;
  return maybe_hang(x, "on_attempt_end");
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return maybe_hang(x, "on_response");
}

static cleat_verdict on_response_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  (void)flags;
  return maybe_hang(x, "on_response_body");
}

static cleat_verdict on_reply(void *instance, cleat_exchange x) {
  (void)instance;
  return maybe_hang(x, "on_reply");
}

static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  (void)instance;
  return is(asked(x, "x-hook"), "on_handle") ? hang(x) : text_reply(x, 200, "handled\n");
}

static const void *find(cleat_str id) {
  static const cleat_plugin_handler handler = {.size = sizeof handler, .on_handle = on_handle};
  return is(id, CLEAT_EXT_HANDLER) ? &handler : NULL;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .find = find,
    .create = create,
    .destroy = destroy,
    .on_connection = on_connection,
    .on_request = on_request,
    .on_route = on_route,
    .on_request_body = on_request_body,
    .on_attempt = on_attempt,
    .on_attempt_end = on_attempt_end,
    .on_response = on_response,
    .on_response_body = on_response_body,
    .on_reply = on_reply,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  config = host->find(to_str(CLEAT_EXT_CONFIG));
  body = host->find(to_str(CLEAT_EXT_BODY));
  return &table;
}
