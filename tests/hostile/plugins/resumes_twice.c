/* Resumes more often than it suspended, with tickets that are not its own, and with verdicts that are none. x-mode:
 *   hook    everything inside the hook that suspends
 *   thread  the same from a thread of its own
 * The response field x-report lists what each resume answered. */
#include <pthread.h>

#include "report.h"

HOSTILE_NOTE("resumes_twice", "");

struct state {
  cleat_ticket ticket;
  pthread_t thread;
  uint32_t threaded;
  char text[200];
};

static void resume_all(struct state *state) {
  const cleat_status suspend = host->resume(state->ticket, CLEAT_SUSPEND);
  const cleat_status junk = host->resume(state->ticket, 77);
  const cleat_status first = host->resume(state->ticket, CLEAT_CONTINUE);
  const cleat_status second = host->resume(state->ticket, CLEAT_CONTINUE);
  const cleat_status replied = host->resume(state->ticket, CLEAT_REPLIED);
  const cleat_status forged = host->resume(state->ticket ^ (UINT64_C(1) << 40), CLEAT_CONTINUE);
  const cleat_status zero = host->resume(0, CLEAT_CONTINUE);
  snprintf(state->text, sizeof state->text, "suspend=%s junk=%s first=%s second=%s replied=%s forged=%s zero=%s", status_name(suspend),
           status_name(junk), status_name(first), status_name(second), status_name(replied), status_name(forged), status_name(zero));
}

static void *run(void *state) {
  resume_all(state);
  return NULL;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  struct state *state;
  (void)instance;
  if (asked(x, "x-mode").size == 0) return CLEAT_UNSUBSCRIBE;
  if (host->exchange_state(x, sizeof *state, (void **)&state) != CLEAT_OK) return CLEAT_FAIL;
  if (host->suspend(x, &state->ticket) != CLEAT_OK) return CLEAT_FAIL;
  if (is(asked(x, "x-mode"), "thread")) {
    if (pthread_create(&state->thread, NULL, run, state) != 0) return CLEAT_FAIL;
    state->threaded = 1;
  } else {
    resume_all(state);
  }
  return CLEAT_SUSPEND;
}

/* The thread's first resume has brought the exchange here; its others may still be under way. */
static void join(struct state *state) {
  if (state->threaded) pthread_join(state->thread, NULL);
  state->threaded = 0;
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  struct state *state;
  (void)instance;
  if (host->exchange_state(x, 0, (void **)&state) != CLEAT_OK) return CLEAT_CONTINUE;
  join(state);
  host->header_set(x, CLEAT_RESPONSE, to_str("x-report"), to_str(state->text));
  return CLEAT_CONTINUE;
}

static void on_end(void *instance, cleat_exchange x) {
  struct state *state;
  (void)instance;
  if (host->exchange_state(x, 0, (void **)&state) == CLEAT_OK) join(state);
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
  return &table;
}
