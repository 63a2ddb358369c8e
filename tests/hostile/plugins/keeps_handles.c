/* Keeps the handles of an exchange, its timer, ticket and connection after they have ended, and calls the host with them; and
 * with handles nobody ever gave it. x-mode:
 *   keep     keeps this exchange's handles, and arms a timer on it that will not fire
 *   use      calls everything with what was kept, and replies with what the host answered
 *   zero, ones, flip, next   the same with 0, with all bits set, with the lowest bit or the generation of the kept ones changed */
#include "report.h"

HOSTILE_NOTE("keeps_handles",
             "requires=cleat.attributes/1 cleat.body/1 cleat.handler/1 cleat.metadata/1 cleat.metrics/1 cleat.post/1 cleat.timer/1\n");

static const cleat_host_attributes *attributes;
static const cleat_host_body *body;
static const cleat_host_handler *handler;
static const cleat_host_metadata *metadata;
static const cleat_host_metrics *metrics;
static const cleat_host_post *post;
static const cleat_host_timer *timer;

struct keeper { /* one worker only: the test's configuration says so */
  cleat_instance self;
  uint32_t key;
  cleat_exchange x;
  cleat_conn conn;
  cleat_timer timer;
  cleat_ticket ticket;
  uint64_t fired; /* late callbacks: none may come */
};

static cleat_status create(const cleat_create *info, void **instance) {
  struct keeper *keeper = calloc(1, sizeof *keeper);
  if (keeper == NULL || metadata->key(to_str("keeps_handles.value"), &keeper->key) != CLEAT_OK) {
    free(keeper);
    return CLEAT_FAILED;
  }
  keeper->self = info->self;
  *instance = keeper;
  return CLEAT_OK;
}

static void destroy(void *instance) { free(instance); }

static void on_timer(void *instance, uint64_t owner, void *user) {
  (void)owner;
  (void)user;
  ++((struct keeper *)instance)->fired;
}

static void on_post(void *instance, cleat_status status, uint64_t owner, void *user) {
  (void)owner;
  (void)user;
  if (status == CLEAT_OK) ++((struct keeper *)instance)->fired;
}

static cleat_verdict on_connection(void *instance, cleat_conn conn) {
  struct keeper *keeper = instance;
  if (keeper->conn == 0) keeper->conn = conn;
  return CLEAT_CONTINUE;
}

static uint64_t change(uint64_t handle, cleat_str mode) {
  if (is(mode, "zero")) return 0;
  if (is(mode, "ones")) return UINT64_MAX;
  if (is(mode, "flip")) return handle ^ 1;
  if (is(mode, "next")) return handle + (UINT64_C(1) << 32);
  return handle;
}

static void use_heads(report *r, cleat_exchange x) {
  cleat_str text = {NULL, 0};
  cleat_header field;
  uint64_t count = 0;
  uint32_t status = 0;
  void *pointer = NULL;
  report_status(r, "header_get", host->header_get(x, CLEAT_REQUEST, to_str("x-mode"), 0, &text));
  report_status(r, "header_count", host->header_count(x, CLEAT_REQUEST, &count));
  report_status(r, "header_at", host->header_at(x, CLEAT_REQUEST, 0, &field));
  report_status(r, "header_set", host->header_set(x, CLEAT_REQUEST, to_str("x-a"), to_str("b")));
  report_status(r, "header_add", host->header_add(x, CLEAT_REQUEST, to_str("x-a"), to_str("b")));
  report_status(r, "header_remove", host->header_remove(x, CLEAT_REQUEST, to_str("x-a")));
  report_status(r, "field_get", host->field_get(x, CLEAT_METHOD, &text));
  report_status(r, "field_set", host->field_set(x, CLEAT_TARGET, to_str("/")));
  report_status(r, "status_get", host->status_get(x, &status));
  report_status(r, "status_set", host->status_set(x, 200));
  report_status(r, "exchange_state", host->exchange_state(x, 16, &pointer));
  report_status(r, "exchange_state_look", host->exchange_state(x, 0, &pointer));
  report_status(r, "route_config", host->route_config(x, &pointer));
}

static void use_exchange(report *r, const struct keeper *keeper, cleat_exchange x) {
  const cleat_header trailer = {{"x-t", 3}, {"v", 1}};
  const cleat_retry retry = {sizeof retry, 0, 0};
  cleat_reply reply;
  cleat_ticket ticket = 0;
  cleat_timer armed = 0;
  cleat_str text = {NULL, 0};
  int64_t integer = 0;
  uint64_t accepted = 0;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = 200;
  report_status(r, "reply", host->reply(x, &reply));
  report_status(r, "reset", host->reset(x));
  report_status(r, "reroute", host->reroute(x));
  report_status(r, "cluster_set", host->cluster_set(x, to_str("origin")));
  report_status(r, "attempt_timeout", host->attempt_timeout(x, 1));
  report_status(r, "exchange_timeout", host->exchange_timeout(x, 1));
  report_status(r, "retry", host->retry(x, &retry));
  report_status(r, "suspend", host->suspend(x, &ticket));
  report_status(r, "attributes_text", attributes->text(x, CLEAT_ATTR_PROTOCOL, &text));
  report_status(r, "attributes_integer", attributes->integer(x, CLEAT_ATTR_DURATION_US, &integer));
  report_status(r, "body_subscribe", body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0));
  report_status(r, "body_view", body->view(x, CLEAT_REQUEST, &text));
  report_status(r, "body_append", body->append(x, CLEAT_REQUEST, to_str("a")));
  report_status(r, "body_prepend", body->prepend(x, CLEAT_REQUEST, to_str("a")));
  report_status(r, "body_replace", body->replace(x, CLEAT_REQUEST, to_str("a")));
  report_status(r, "body_drain", body->drain(x, CLEAT_REQUEST, 0));
  report_status(r, "body_keep", body->keep_for_replay(x, 100));
  report_status(r, "metadata_set", metadata->set_integer(x, keeper->key, 1));
  report_status(r, "metadata_get", metadata->get_integer(x, keeper->key, &integer));
  report_status(r, "timer_arm", timer->arm(keeper->self, x, 1, on_timer, NULL, &armed));
  report_status(r, "handler_start", handler->start(x, &reply));
  report_status(r, "handler_write", handler->write(x, to_str("a"), &accepted));
  report_status(r, "handler_finish", handler->finish(x, &trailer, 1));
  report_status(r, "handler_abort", handler->abort(x));
}

static cleat_verdict use(struct keeper *keeper, cleat_exchange now, cleat_str mode) {
  const cleat_exchange x = change(keeper->x, mode);
  const cleat_conn conn = change(keeper->conn, mode);
  cleat_ticket ticket = 0;
  cleat_timer armed = 0;
  cleat_str text = {NULL, 0};
  report r;
  r.size = 0;
  if (x == now || (is(mode, "use") && keeper->x == 0)) return text_reply(now, 500, "nothing was kept\n");
  use_heads(&r, x);
  use_exchange(&r, keeper, x);
  report_status(&r, "conn_suspend", host->suspend(conn, &ticket));
  report_status(&r, "conn_attributes", attributes->text(conn, CLEAT_ATTR_LISTENER, &text));
  report_status(&r, "conn_timer", timer->arm(keeper->self, conn, 1, on_timer, NULL, &armed));
  report_status(&r, "conn_post", post->post(keeper->self, conn, on_post, NULL));
  report_status(&r, "timer_rearm", timer->rearm(change(keeper->timer, mode), 1));
  report_status(&r, "timer_cancel", timer->cancel(change(keeper->timer, mode)));
  report_status(&r, "resume", host->resume(change(keeper->ticket, mode), CLEAT_CONTINUE));
  report_status(&r, "post", post->post(keeper->self, x, on_post, NULL));
  if (!is(mode, "use")) {
    const cleat_instance self = change(keeper->self, mode);
    report_status(&r, "self_log", host->log(self, CLEAT_ERROR, to_str("from nobody")));
    report_status(&r, "self_timer", timer->arm(self, now, 1, on_timer, NULL, &armed));
    report_status(&r, "self_post", post->post_worker(self, 0, on_post, NULL));
    report_status(&r, "series_add", metrics->add(change(UINT64_C(1) << 31, mode), 1));
    report_status(&r, "series_observe", metrics->observe(change(UINT64_C(1) << 31, mode), 1));
    report_status(&r, "complete", host->complete(change(UINT64_C(12345), mode)));
  }
  report_number(&r, "fired", keeper->fired);
  return report_reply(now, &r);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  struct keeper *keeper = instance;
  const cleat_str mode = asked(x, "x-mode");
  if (mode.size == 0) return CLEAT_UNSUBSCRIBE;
  if (!is(mode, "keep")) return use(keeper, x, mode);
  keeper->x = x;
  if (timer->arm(keeper->self, x, 60000, on_timer, NULL, &keeper->timer) != CLEAT_OK) return CLEAT_FAIL;
  if (host->suspend(x, &keeper->ticket) != CLEAT_OK) return CLEAT_FAIL;
  host->resume(keeper->ticket, CLEAT_CONTINUE);
  return CLEAT_SUSPEND;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_connection = on_connection,
    .on_request = on_request,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  attributes = host->find(to_str(CLEAT_EXT_ATTRIBUTES));
  body = host->find(to_str(CLEAT_EXT_BODY));
  handler = host->find(to_str(CLEAT_EXT_HANDLER));
  metadata = host->find(to_str(CLEAT_EXT_METADATA));
  metrics = host->find(to_str(CLEAT_EXT_METRICS));
  post = host->find(to_str(CLEAT_EXT_POST));
  timer = host->find(to_str(CLEAT_EXT_TIMER));
  return &table;
}
