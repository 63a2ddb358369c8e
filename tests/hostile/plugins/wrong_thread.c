/* Calls [worker] functions from a thread of its own, with a live exchange, and [control] functions from a worker. Replies with
 * what the host answered. The hook waits for the thread, so that the exchange is alive meanwhile. */
#include <pthread.h>

#include "report.h"

HOSTILE_NOTE("wrong_thread",
             "requires=cleat.attributes/1 cleat.body/1 cleat.config/1 cleat.handler/1 cleat.metadata/1 cleat.metrics/1 cleat.timer/1\n");

static const cleat_host_attributes *attributes;
static const cleat_host_body *body;
static const cleat_host_config *config;
static const cleat_host_handler *handler;
static const cleat_host_metadata *metadata;
static const cleat_host_metrics *metrics;
static const cleat_host_timer *timer;

struct wrong {
  cleat_instance self;
  cleat_config config;
  uint32_t key;
};

struct job {
  struct wrong *wrong;
  cleat_exchange x;
  report r;
};

static cleat_status create(const cleat_create *info, void **instance) {
  struct wrong *wrong = calloc(1, sizeof *wrong);
  if (wrong == NULL || metadata->key(to_str("wrong_thread.value"), &wrong->key) != CLEAT_OK) {
    free(wrong);
    return CLEAT_FAILED;
  }
  wrong->self = info->self;
  wrong->config = info->config; /* dead once create has returned */
  *instance = wrong;
  return CLEAT_OK;
}

static void destroy(void *instance) { free(instance); }

static void on_timer(void *instance, uint64_t owner, void *user) {
  (void)instance;
  (void)owner;
  (void)user;
}

static void *run(void *argument) {
  struct job *job = argument;
  report *r = &job->r;
  const cleat_exchange x = job->x;
  const cleat_retry retry = {sizeof retry, 0, 0};
  cleat_reply reply;
  cleat_header field;
  cleat_str text = {NULL, 0};
  cleat_ticket ticket = 0;
  cleat_timer armed = 0;
  uint64_t count = 0;
  uint32_t number = 0;
  int64_t integer = 0;
  void *pointer = NULL;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = 200;
  report_status(r, "worker_index", host->worker_index(&number));
  report_status(r, "header_get", host->header_get(x, CLEAT_REQUEST, to_str("host"), 0, &text));
  report_status(r, "header_count", host->header_count(x, CLEAT_REQUEST, &count));
  report_status(r, "header_at", host->header_at(x, CLEAT_REQUEST, 0, &field));
  report_status(r, "header_set", host->header_set(x, CLEAT_REQUEST, to_str("x-a"), to_str("b")));
  report_status(r, "header_add", host->header_add(x, CLEAT_REQUEST, to_str("x-a"), to_str("b")));
  report_status(r, "header_remove", host->header_remove(x, CLEAT_REQUEST, to_str("x-a")));
  report_status(r, "field_get", host->field_get(x, CLEAT_METHOD, &text));
  report_status(r, "field_set", host->field_set(x, CLEAT_TARGET, to_str("/changed")));
  report_status(r, "status_get", host->status_get(x, &number));
  report_status(r, "status_set", host->status_set(x, 200));
  report_status(r, "exchange_state", host->exchange_state(x, 16, &pointer));
  report_status(r, "route_config", host->route_config(x, &pointer));
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
  report_status(r, "body_keep", body->keep_for_replay(x, 100));
  report_status(r, "handler_start", handler->start(x, &reply));
  report_status(r, "handler_abort", handler->abort(x));
  report_status(r, "metadata_set", metadata->set_integer(x, job->wrong->key, 1));
  report_status(r, "metadata_get", metadata->get_integer(x, job->wrong->key, &integer));
  report_status(r, "metadata_type", metadata->type(x, job->wrong->key, &number));
  report_status(r, "metadata_key", metadata->key(to_str("wrong_thread.other"), &number));
  report_status(r, "timer_arm", timer->arm(job->wrong->self, x, 1, on_timer, NULL, &armed));
  report_status(r, "timer_arm_instance", timer->arm(job->wrong->self, job->wrong->self, 1, on_timer, NULL, &armed));
  report_status(r, "timer_rearm", timer->rearm(1, 1));
  report_status(r, "timer_cancel", timer->cancel(1));
  return NULL;
}

static void from_worker(report *r, struct wrong *wrong) {
  cleat_metric_def def;
  cleat_config node = 0;
  cleat_str text = {NULL, 0};
  uint64_t number = 0;
  uint32_t type = 0;
  memset(&def, 0, sizeof def);
  def.size = sizeof def;
  def.kind = CLEAT_COUNTER;
  def.name = to_str("wrong_thread_total");
  report_status(r, "worker_metadata_key", metadata->key(to_str("wrong_thread.other"), &type));
  report_status(r, "worker_metrics_define", metrics->define(wrong->self, &def, &number));
  report_status(r, "worker_config_type", config->type(wrong->config, &type));
  report_status(r, "worker_config_get", config->get(wrong->config, to_str("a"), &node));
  report_status(r, "worker_config_text", config->text(wrong->config, &text));
  report_status(r, "worker_config_json", config->json(wrong->config, &text));
  report_status(r, "worker_config_error", config->error(wrong->config, to_str("from a worker")));
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  struct job job;
  pthread_t thread;
  job.wrong = instance;
  job.x = x;
  job.r.size = 0;
  if (pthread_create(&thread, NULL, run, &job) != 0) return CLEAT_FAIL;
  pthread_join(thread, NULL);
  from_worker(&job.r, instance);
  return report_reply(x, &job.r);
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  attributes = host->find(to_str(CLEAT_EXT_ATTRIBUTES));
  body = host->find(to_str(CLEAT_EXT_BODY));
  config = host->find(to_str(CLEAT_EXT_CONFIG));
  handler = host->find(to_str(CLEAT_EXT_HANDLER));
  metadata = host->find(to_str(CLEAT_EXT_METADATA));
  metrics = host->find(to_str(CLEAT_EXT_METRICS));
  timer = host->find(to_str(CLEAT_EXT_TIMER));
  return &table;
}
