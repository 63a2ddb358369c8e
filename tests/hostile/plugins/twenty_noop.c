/* Honest: a hook in every place, none of which does anything. What it costs is what calling costs. */
#include "report.h"

HOSTILE_NOTE("twenty_noop", "");

static cleat_status worker_start(void *instance, uint32_t worker) {
  (void)instance;
  (void)worker;
  return CLEAT_OK;
}

static void worker_stop(void *instance, uint32_t worker) {
  (void)instance;
  (void)worker;
}

/* Of an exchange or a connection: both are 64-bit handles. */
static cleat_verdict verdict_noop(void *instance, uint64_t subject) {
  (void)instance;
  (void)subject;
  return CLEAT_CONTINUE;
}

static void end_noop(void *instance, uint64_t subject) {
  (void)instance;
  (void)subject;
}

static cleat_verdict number_noop(void *instance, cleat_exchange x, uint32_t number) {
  (void)instance;
  (void)x;
  (void)number;
  return CLEAT_CONTINUE;
}

static cleat_verdict on_attempt_end(void *instance, cleat_exchange x, const cleat_attempt_end *end) {
  (void)instance;
  (void)x;
  (void)end;
  return CLEAT_CONTINUE;
}

static void on_event(void *instance, const cleat_event *event) {
  (void)instance;
  (void)event;
}

static void complete(void *instance, uint64_t completion) {
  (void)instance;
  host->complete(completion);
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .worker_start = worker_start,
    .worker_stop = worker_stop,
    .on_connection = verdict_noop,
    .on_tls = verdict_noop,
    .on_connection_end = end_noop,
    .on_request = verdict_noop,
    .on_route = verdict_noop,
    .on_request_body = number_noop,
    .on_request_trailers = verdict_noop,
    .on_attempt = number_noop,
    .on_attempt_end = on_attempt_end,
    .on_response = verdict_noop,
    .on_response_body = number_noop,
    .on_response_trailers = verdict_noop,
    .on_reply = verdict_noop,
    .on_end = end_noop,
    .on_event = on_event,
    .on_drain = complete,
    .on_shutdown = complete,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
