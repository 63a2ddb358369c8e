/* Resumes, and calls other [any] functions, when the exchange has ended: from a thread that waits for on_end. x-mode:
 *   late    suspends; the exchange ends by timeouts.suspend, or because downstream left
 *   report  replies with what the late calls answered, or "pending" */
#include <pthread.h>

#include "report.h"

HOSTILE_NOTE("resumes_late", "requires=cleat.post/1\n");

static const cleat_host_post *post;

struct late {
  cleat_instance self;
  cleat_exchange x;
  cleat_ticket ticket;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  pthread_t thread;
  int started, ended, done;
  report answers;
};

static cleat_status create(const cleat_create *info, void **instance) {
  struct late *late = calloc(1, sizeof *late);
  if (late == NULL) return CLEAT_FAILED;
  late->self = info->self;
  pthread_mutex_init(&late->mutex, NULL);
  pthread_cond_init(&late->changed, NULL);
  *instance = late;
  return CLEAT_OK;
}

static void on_post(void *instance, cleat_status status, uint64_t owner, void *user) {
  (void)instance;
  (void)status;
  (void)owner;
  (void)user;
}

static void *run(void *argument) {
  struct late *late = argument;
  pthread_mutex_lock(&late->mutex);
  while (!late->ended) pthread_cond_wait(&late->changed, &late->mutex);
  report_status(&late->answers, "resume", host->resume(late->ticket, CLEAT_CONTINUE));
  report_status(&late->answers, "resume_replied", host->resume(late->ticket, CLEAT_REPLIED));
  report_status(&late->answers, "post", post->post(late->self, late->x, on_post, NULL));
  late->done = 1;
  pthread_mutex_unlock(&late->mutex);
  return NULL;
}

static void end(struct late *late) {
  pthread_mutex_lock(&late->mutex);
  late->ended = 1;
  pthread_cond_signal(&late->changed);
  pthread_mutex_unlock(&late->mutex);
}

static void destroy(void *instance) {
  struct late *late = instance;
  end(late);
  if (late->started) pthread_join(late->thread, NULL);
  pthread_cond_destroy(&late->changed);
  pthread_mutex_destroy(&late->mutex);
  free(late);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  struct late *late = instance;
  cleat_verdict verdict;
  if (is(asked(x, "x-mode"), "late") && !late->started) {
    late->x = x;
    if (host->suspend(x, &late->ticket) != CLEAT_OK) return CLEAT_FAIL;
    if (pthread_create(&late->thread, NULL, run, late) != 0) return CLEAT_FAIL;
    late->started = 1;
    return CLEAT_SUSPEND;
  }
  if (!is(asked(x, "x-mode"), "report")) return CLEAT_CONTINUE;
  pthread_mutex_lock(&late->mutex);
  verdict = late->done ? report_reply(x, &late->answers) : text_reply(x, 200, "pending\n");
  pthread_mutex_unlock(&late->mutex);
  return verdict;
}

static void on_end(void *instance, cleat_exchange x) {
  struct late *late = instance;
  if (late->x != x) return;
  end(late);
}

/* on_end is the last hook, but the exchange may still be there when it returns: calls from now on must be harmless. */
static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_end = on_end,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  post = host->find(to_str(CLEAT_EXT_POST));
  return &table;
}
