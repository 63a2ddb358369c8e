/* Replies more than once, too late, or without saying so. x-mode:
 *   twice       two replies in one hook, the second with another body
 *   unsaid      a reply, and the verdict CONTINUE
 *   after_head  a reply from on_response_body, when the head is on its way
 *   in_end      a reply from on_end
 *   report      replies with what the calls of the exchange before were answered */
#include "report.h"

HOSTILE_NOTE("replies_twice", "requires=cleat.body/1\n");

static const cleat_host_body *body;
static report r; /* one worker only */

static cleat_status reply_with(cleat_exchange x, const char *text) {
  cleat_reply reply;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = 299;
  reply.body = to_str(text);
  return host->reply(x, &reply);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const cleat_str mode = asked(x, "x-mode");
  (void)instance;
  if (is(mode, "report")) return report_reply(x, &r);
  r.size = 0;
  if (is(mode, "twice")) {
    report_status(&r, "first", reply_with(x, "first"));
    report_status(&r, "second", reply_with(x, "second"));
    return CLEAT_REPLIED;
  }
  if (is(mode, "unsaid")) report_status(&r, "unsaid", reply_with(x, "unsaid"));
  if (is(mode, "after_head")) body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0);
  return CLEAT_CONTINUE;
}

static cleat_verdict on_response_body(void *instance, cleat_exchange x, uint32_t flags) {
  (void)instance;
  if ((flags & CLEAT_BODY_END) == 0) return CLEAT_CONTINUE;
  report_status(&r, "after_head", reply_with(x, "after the head"));
  return CLEAT_CONTINUE;
}

static void on_end(void *instance, cleat_exchange x) {
  (void)instance;
  if (is(asked(x, "x-mode"), "in_end")) report_status(&r, "in_end", reply_with(x, "at the end"));
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_response_body = on_response_body,
    .on_end = on_end,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  body = host->find(to_str(CLEAT_EXT_BODY));
  return &table;
}
