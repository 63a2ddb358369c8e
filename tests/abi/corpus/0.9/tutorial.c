/* tutorial: MAY reply, MAY change. Blocks one path; asks a service whether any other may pass, and waits for its answer; marks what
 * passed; counts all of it. */
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/config.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE(
    "name=tutorial\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.http_call/1 cleat.metrics/1\n"
    "license=Apache-2.0\nabout=asks a service who may pass\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host; /* these live as long as the process */
static const cleat_host_config *host_config;
static const cleat_host_http_call *host_call;
static const cleat_host_metrics *host_metrics;

enum outcome { kBlocked, kAllowed, kDenied, kOutcomes };

/* One configured use of the plugin. All workers read it at the same time; nothing in it changes after create. */
struct tutorial {
  cleat_instance self;
  cleat_str block, fail, cluster, check; /* owned */
  uint64_t timeout_ms;
  cleat_series counted[kOutcomes];
};

/* What is remembered while the service is asked. */
struct asked {
  cleat_ticket ticket;
};

static void destroy(void *instance) {
  struct tutorial *self = instance;
  free((char *)self->block.data);
  free((char *)self->fail.data);
  free((char *)self->cluster.data);
  free((char *)self->check.data);
  free(self);
}

/* Reads a text, or its fallback, into a copy: views of the configuration die when create returns. */
static int read_text(cleat_config config, cleat_str key, cleat_str fallback, cleat_str *to) {
  cleat_config node = 0;
  char *copy;
  if (host_config->get(config, key, &node) == CLEAT_OK && host_config->text(node, &fallback) != CLEAT_OK) return 0;
  copy = malloc(fallback.size + 1);
  if (copy == NULL) return 0;
  if (fallback.size > 0) memcpy(copy, fallback.data, fallback.size);
  to->data = copy;
  to->size = fallback.size;
  return 1;
}

/* cleat_tutorial_requests_total{instance, outcome}. */
static int define_metrics(struct tutorial *self, cleat_str name) {
  static const cleat_str kValues[kOutcomes] = {{"blocked", 7}, {"allowed", 7}, {"denied", 6}};
  const cleat_str labels[] = {TEXT("instance"), TEXT("outcome")};
  cleat_metric_def def = {0};
  uint64_t metric = 0;
  def.size = sizeof def;
  def.kind = CLEAT_COUNTER;
  def.name = TEXT("cleat_tutorial_requests_total");
  def.help = TEXT("Requests, by what became of them");
  def.labels = labels;
  def.label_count = 2;
  if (host_metrics->define(self->self, &def, &metric) != CLEAT_OK) return 0;
  for (int i = 0; i < kOutcomes; ++i) {
    const cleat_str values[] = {name, kValues[i]};
    if (host_metrics->series(metric, values, 2, &self->counted[i]) != CLEAT_OK) return 0;
  }
  return 1;
}

static cleat_status create(const cleat_create *info, void **instance) {
  struct tutorial *self = calloc(1, sizeof *self);
  cleat_config node = 0;
  if (self == NULL) {
    host->set_error(TEXT("out of memory"));
    return CLEAT_FAILED;
  }
  self->self = info->self;
  self->timeout_ms = 2000;
  /* What goes wrong here the host has recorded, with its place in the file. */
  if (!read_text(info->config, TEXT("block"), TEXT("/private"), &self->block) ||
      !read_text(info->config, TEXT("fail"), TEXT(""), &self->fail) ||
      !read_text(info->config, TEXT("cluster"), TEXT("auth"), &self->cluster) ||
      !read_text(info->config, TEXT("check"), TEXT("/check"), &self->check) ||
      (host_config->get(info->config, TEXT("timeout"), &node) == CLEAT_OK &&
       host_config->duration_ms(node, &self->timeout_ms) != CLEAT_OK) ||
      !define_metrics(self, info->name)) {
    destroy(self);
    return CLEAT_FAILED;
  }
  *instance = self;
  return CLEAT_OK;
}

static int same(cleat_str a, cleat_str b) { return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0); }

static void count(const struct tutorial *self, enum outcome outcome) { host_metrics->add(self->counted[outcome], 1); }

static cleat_verdict fail(cleat_str why) {
  host->set_error(why);
  return CLEAT_FAIL;
}

static cleat_verdict forbid(cleat_exchange x, cleat_str body, cleat_str reason) {
  cleat_reply reply = {0};
  reply.size = sizeof reply;
  reply.status = 403;
  reply.body = body;
  reply.reason = reason;
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

/* The service has answered, or did not: once for each call, on the exchange's worker. */
static void answered(void *instance, cleat_call call, uint64_t x, const cleat_call_event *event, void *user) {
  const struct tutorial *self = instance;
  struct asked *asked = user;
  cleat_verdict verdict = CLEAT_FAIL; /* on_failure decides what is done without an answer */
  (void)call;
  if (event->kind == CLEAT_CALL_DONE && event->status == 200) {
    count(self, kAllowed);
    verdict = CLEAT_CONTINUE;
  } else if (event->kind == CLEAT_CALL_DONE && event->status == 403) {
    count(self, kDenied);
    verdict = forbid(x, event->body, TEXT("denied"));
  }
  host->resume(asked->ticket, verdict); /* CLEAT_STALE where the exchange has ended meanwhile: harmless */
  free(asked);
}

/* Asks the service about the path, and holds the exchange until it has answered. */
static cleat_verdict ask(const struct tutorial *self, cleat_exchange x, cleat_str path) {
  const cleat_header headers[] = {{TEXT("x-path"), path}};
  cleat_call_request request = {0};
  cleat_call call = 0;
  struct asked *asked = malloc(sizeof *asked);
  if (asked == NULL) return fail(TEXT("out of memory"));
  request.size = sizeof request;
  request.cluster = self->cluster;
  request.target = self->check;
  request.headers = headers;
  request.header_count = 1;
  request.timeout_ms = self->timeout_ms;
  if (host->suspend(x, &asked->ticket) != CLEAT_OK || host_call->start(self->self, x, &request, answered, asked, &call) != CLEAT_OK) {
    free(asked); /* whatever was not started has no callback */
    return fail(TEXT("the service cannot be asked"));
  }
  return CLEAT_SUSPEND;
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const struct tutorial *self = instance;
  cleat_str path;
  if (host->field_get(x, CLEAT_PATH, &path) != CLEAT_OK) return CLEAT_FAIL;
  if (same(path, self->block)) {
    count(self, kBlocked);
    return forbid(x, TEXT("blocked\n"), TEXT("blocked"));
  }
  if (same(path, self->fail)) return fail(TEXT("asked to fail"));
  return ask(self, x, path);
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  (void)instance;
  return host->header_set(x, CLEAT_RESPONSE, TEXT("x-tutorial"), TEXT("seen")) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_response = on_response,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host_config = host->find(TEXT(CLEAT_EXT_CONFIG)); /* the note requires all three: the host has them, or has refused this file */
  host_call = host->find(TEXT(CLEAT_EXT_HTTP_CALL));
  host_metrics = host->find(TEXT(CLEAT_EXT_METRICS));
  return &table;
}
