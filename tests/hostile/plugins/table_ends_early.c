/* Says its table ends before on_response, as one built from older headers would; what stands behind must read as NULL. A request
 * with x-mode: report is told how often the hooks behind the end were called. */
#include <stddef.h>

#include "report.h"

HOSTILE_NOTE("table_ends_early", "");

static uint64_t requests, responses; /* one worker only */

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  report r;
  (void)instance;
  if (!is(asked(x, "x-mode"), "report")) {
    ++requests;
    return CLEAT_CONTINUE;
  }
  r.size = 0;
  report_number(&r, "requests", requests);
  report_number(&r, "responses", responses);
  return report_reply(x, &r);
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  (void)x;
  ++responses;
  return CLEAT_FAIL;
}

static void on_end(void *instance, cleat_exchange x) {
  (void)instance;
  (void)x;
  ++responses;
}

static const cleat_plugin table = {
    .size = offsetof(cleat_plugin, on_response),
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_response = on_response,
    .on_end = on_end,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
