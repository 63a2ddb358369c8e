/* Calls functions at points of the exchange where they cannot work: in on_request what belongs to later hooks, in on_response
 * and on_end what belongs to earlier ones. Each later request with x-mode: report gets what the last exchange was answered. */
#include "report.h"

HOSTILE_NOTE("wrong_phase", "requires=cleat.body/1 cleat.handler/1\n");

static const cleat_host_body *body;
static const cleat_host_handler *handler;
static report r; /* one worker only */

static void report_phase(const char *phase, const char *call, cleat_status status) {
  char name[64];
  snprintf(name, sizeof name, "%s.%s", phase, call);
  report_status(&r, name, status);
}

static void try_common(const char *phase, cleat_exchange x) {
  const cleat_retry retry = {sizeof retry, 0, 0};
  cleat_str text = {NULL, 0};
  uint64_t accepted = 0;
  report_phase(phase, "retry", host->retry(x, &retry));
  report_phase(phase, "handler_write", handler->write(x, to_str("a"), &accepted));
  report_phase(phase, "handler_finish", handler->finish(x, NULL, 0));
  report_phase(phase, "body_view", body->view(x, CLEAT_REQUEST, &text));
  report_phase(phase, "body_append", body->append(x, CLEAT_RESPONSE, to_str("a")));
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  cleat_str text = {NULL, 0};
  uint32_t status = 0;
  void *route = NULL;
  (void)instance;
  if (is(asked(x, "x-mode"), "report")) return report_reply(x, &r);
  r.size = 0;
  try_common("on_request", x);
  report_phase("on_request", "status_get", host->status_get(x, &status));
  report_phase("on_request", "status_set", host->status_set(x, 200));
  report_phase("on_request", "response_header", host->header_get(x, CLEAT_RESPONSE, to_str("a"), 0, &text));
  report_phase("on_request", "response_header_set", host->header_set(x, CLEAT_RESPONSE, to_str("a"), to_str("b")));
  report_phase("on_request", "request_trailer", host->header_get(x, CLEAT_REQUEST_TRAILERS, to_str("a"), 0, &text));
  report_phase("on_request", "reroute", host->reroute(x));
  report_phase("on_request", "cluster_set", host->cluster_set(x, to_str("origin")));
  report_phase("on_request", "attempt_timeout", host->attempt_timeout(x, 5));
  report_phase("on_request", "route_config", host->route_config(x, &route));
  return CLEAT_CONTINUE;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  try_common("on_response", x);
  report_phase("on_response", "reroute", host->reroute(x));
  report_phase("on_response", "cluster_set", host->cluster_set(x, to_str("origin")));
  report_phase("on_response", "attempt_timeout", host->attempt_timeout(x, 5));
  report_phase("on_response", "exchange_timeout", host->exchange_timeout(x, 5));
  report_phase("on_response", "subscribe_request", body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_WHOLE, 0));
  report_phase("on_response", "keep_for_replay", body->keep_for_replay(x, 100));
  return CLEAT_CONTINUE;
}

static void on_end(void *instance, cleat_exchange x) {
  cleat_reply reply;
  cleat_ticket ticket = 0;
  (void)instance;
  if (is(asked(x, "x-mode"), "report")) return;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = 200;
  try_common("on_end", x);
  report_phase("on_end", "reply", host->reply(x, &reply));
  report_phase("on_end", "suspend", host->suspend(x, &ticket));
  report_phase("on_end", "response_header_set", host->header_set(x, CLEAT_RESPONSE, to_str("a"), to_str("b")));
  report_phase("on_end", "status_set", host->status_set(x, 201));
  report_phase("on_end", "reroute", host->reroute(x));
  report_phase("on_end", "subscribe_response", body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0));
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_response = on_response,
    .on_end = on_end,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  body = host->find(to_str(CLEAT_EXT_BODY));
  handler = host->find(to_str(CLEAT_EXT_HANDLER));
  return &table;
}
