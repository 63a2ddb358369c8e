/* Touches bodies it never subscribed to, in every hook that has a head. x-mode: report gets what the last exchange was answered.
 * Its body hooks must never be called. */
#include "report.h"

HOSTILE_NOTE("body_unsubscribed", "requires=cleat.body/1\n");

static const cleat_host_body *body;
static report r; /* one worker only */
static uint64_t body_hooks;

static void report_part(const char *hook, const char *call, cleat_part part, cleat_status status) {
  char name[64];
  snprintf(name, sizeof name, "%s.%s.%s", hook, call, part == CLEAT_REQUEST ? "request" : "response");
  report_status(&r, name, status);
}

static void touch(cleat_exchange x, const char *hook) {
  cleat_part part;
  for (part = CLEAT_REQUEST; part <= CLEAT_RESPONSE; ++part) {
    cleat_str data = {NULL, 0};
    report_part(hook, "view", part, body->view(x, part, &data));
    report_part(hook, "append", part, body->append(x, part, to_str("graffiti")));
    report_part(hook, "prepend", part, body->prepend(x, part, to_str("graffiti")));
    report_part(hook, "replace", part, body->replace(x, part, to_str("graffiti")));
    report_part(hook, "drain", part, body->drain(x, part, 1));
  }
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  if (is(asked(x, "x-mode"), "report")) {
    report_number(&r, "body_hooks", body_hooks);
    return report_reply(x, &r);
  }
  r.size = 0;
  touch(x, "on_request");
  report_part("on_request", "subscribe_junk_mode", CLEAT_REQUEST, body->subscribe(x, CLEAT_REQUEST, 77, 0));
  report_part("on_request", "subscribe_junk_part", CLEAT_REQUEST, body->subscribe(x, CLEAT_REQUEST_TRAILERS, CLEAT_BODY_STREAM, 0));
  report_part("on_request", "subscribe_huge", CLEAT_REQUEST, body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_WHOLE, UINT64_C(1) << 50));
  body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_NONE, 0);
  return CLEAT_CONTINUE;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  touch(x, "on_response");
  return CLEAT_CONTINUE;
}

static cleat_verdict on_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  (void)x;
  (void)flags;
  ++body_hooks;
  return CLEAT_CONTINUE;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_request_body = on_body,
    .on_response = on_response,
    .on_response_body = on_body,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  body = host->find(to_str(CLEAT_EXT_BODY));
  return &table;
}
