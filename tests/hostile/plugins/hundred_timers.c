/* Arms 100 timers on one exchange, with delays up to what no timer may have, and cancels one twice. x-mode:
 *   arm     replies with how many were accepted and what the first refusal said
 *   fire    arms 16 of 1 ms and suspends; the last to fire resumes
 *   leave   arms 16 of 50 ms and goes on: none may fire after the exchange has ended
 *   report  replies with how many have fired */
#include "report.h"

HOSTILE_NOTE("hundred_timers", "requires=cleat.timer/1\n");

static const cleat_host_timer *timer;

struct timers { /* one worker only */
  cleat_instance self;
  cleat_ticket ticket;
  uint64_t fired, wanted;
};

static cleat_status create(const cleat_create *info, void **instance) {
  struct timers *timers = calloc(1, sizeof *timers);
  if (timers == NULL) return CLEAT_FAILED;
  timers->self = info->self;
  *instance = timers;
  return CLEAT_OK;
}

static void destroy(void *instance) { free(instance); }

static void on_timer(void *instance, uint64_t owner, void *user) {
  struct timers *timers = instance;
  (void)owner;
  (void)user;
  if (++timers->fired == timers->wanted) host->resume(timers->ticket, CLEAT_CONTINUE);
}

static uint64_t arm(struct timers *timers, cleat_exchange x, int count, uint64_t delay_ms, cleat_timer *last, cleat_status *refusal) {
  uint64_t accepted = 0;
  int i;
  for (i = 0; i < count; ++i) {
    cleat_timer armed = 0;
    const cleat_status status = timer->arm(timers->self, x, delay_ms, on_timer, NULL, &armed);
    if (status == CLEAT_OK) {
      ++accepted;
      *last = armed;
    } else if (*refusal == CLEAT_OK) {
      *refusal = status;
    }
  }
  return accepted;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  struct timers *timers = instance;
  const cleat_str mode = asked(x, "x-mode");
  cleat_timer last = 0;
  cleat_status refusal = CLEAT_OK;
  report r;
  r.size = 0;
  if (is(mode, "arm")) {
    report_status(&r, "too_long", timer->arm(timers->self, x, (UINT64_C(1) << 31) + 1, on_timer, NULL, &last));
    report_status(&r, "no_function", timer->arm(timers->self, x, 1, NULL, NULL, &last));
    report_number(&r, "accepted", arm(timers, x, 100, 60000, &last, &refusal));
    report_status(&r, "refusal", refusal);
    report_status(&r, "rearm", timer->rearm(last, 50000));
    report_status(&r, "cancel", timer->cancel(last));
    report_status(&r, "cancel_again", timer->cancel(last));
    report_status(&r, "rearm_cancelled", timer->rearm(last, 1));
    report_number(&r, "accepted_after_cancel", arm(timers, x, 5, 60000, &last, &refusal));
    return report_reply(x, &r);
  }
  if (is(mode, "report")) {
    report_number(&r, "fired", timers->fired);
    return report_reply(x, &r);
  }
  timers->fired = 0;
  if (is(mode, "leave")) {
    timers->wanted = UINT64_MAX;
    arm(timers, x, 16, 50, &last, &refusal);
    return CLEAT_CONTINUE;
  }
  if (!is(mode, "fire")) return CLEAT_CONTINUE;
  if (host->suspend(x, &timers->ticket) != CLEAT_OK) return CLEAT_FAIL;
  timers->wanted = arm(timers, x, 16, 1, &last, &refusal);
  return CLEAT_SUSPEND;
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
  timer = host->find(to_str(CLEAT_EXT_TIMER));
  return &table;
}
