/* Answers hooks with numbers that are no verdict, and with verdicts it has not earned (REPLIED without a reply, SUSPEND without
 * a ticket). x-hook: the hook; x-verdict: the number it returns, in decimal; x-why: what it says of it. Also a handler. */
#include "report.h"

HOSTILE_NOTE("junk_verdict", "requires=cleat.body/1\n");

static const cleat_host_body *body;

static cleat_verdict junk(cleat_exchange x, const char *hook) {
  const cleat_str why = asked(x, "x-why");
  if (why.size != 0 && is(asked(x, "x-hook"), hook)) host->set_error(why);
  return is(asked(x, "x-hook"), hook) ? (cleat_verdict)asked_number(x, "x-verdict") : CLEAT_CONTINUE;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  (void)instance;
  if (is(asked(x, "x-hook"), "on_request_body")) body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0);
  if (is(asked(x, "x-hook"), "on_request_body_whole")) body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_WHOLE, 0);
  if (is(asked(x, "x-hook"), "on_response_body")) body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0);
  if (is(asked(x, "x-hook"), "on_response_body_whole")) body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_WHOLE, 0);
  return junk(x, "on_request");
}

static cleat_verdict on_route(void *instance, cleat_exchange x) {
  (void)instance;
  return junk(x, "on_route");
}

static cleat_verdict on_request_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  (void)flags;
  return is(asked(x, "x-hook"), "on_request_body_whole") ? junk(x, "on_request_body_whole") : junk(x, "on_request_body");
}

static cleat_verdict on_request_trailers(void *instance, cleat_exchange x) {
  (void)instance;
  return junk(x, "on_request_trailers");
}

static cleat_verdict on_attempt(void *instance, cleat_exchange x, uint32_t attempt) {
  (void)instance;
  (void)attempt;
  return junk(x, "on_attempt");
}

static cleat_verdict on_attempt_end(void *instance, cleat_exchange x, const cleat_attempt_end *end) {
  (void)instance;
  (void)end;
  return junk(x, "on_attempt_end");
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return junk(x, "on_response");
}

static cleat_verdict on_response_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  (void)flags;
  return is(asked(x, "x-hook"), "on_response_body_whole") ? junk(x, "on_response_body_whole") : junk(x, "on_response_body");
}

static cleat_verdict on_response_trailers(void *instance, cleat_exchange x) {
  (void)instance;
  return junk(x, "on_response_trailers");
}

static cleat_verdict on_reply(void *instance, cleat_exchange x) {
  (void)instance;
  return junk(x, "on_reply");
}

static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  (void)instance;
  if (is(asked(x, "x-hook"), "on_handle")) return junk(x, "on_handle");
  return text_reply(x, 200, "handled\n");
}

static const void *find(cleat_str id) {
  static const cleat_plugin_handler handler = {.size = sizeof handler, .on_handle = on_handle};
  return is(id, CLEAT_EXT_HANDLER) ? &handler : NULL;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .find = find,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_route = on_route,
    .on_request_body = on_request_body,
    .on_request_trailers = on_request_trailers,
    .on_attempt = on_attempt,
    .on_attempt_end = on_attempt_end,
    .on_response = on_response,
    .on_response_body = on_response_body,
    .on_response_trailers = on_response_trailers,
    .on_reply = on_reply,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  body = host->find(to_str(CLEAT_EXT_BODY));
  return &table;
}
