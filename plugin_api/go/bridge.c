/* bridge.c: the table that the host calls, whose functions call Go; and the host's functions that take lists or callbacks. */
#include "bridge.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

go_host cleat_go_host;

/* --- Go's threads leave signals to the process --- */

/* They inherit the mask of the thread that loads this file, at the time that the runtime's own constructor runs. So it is set by one that
 * runs before that, and set back by one that runs after it. Faults stay, which are panics; and SIGURG, by which the runtime preempts. */
static sigset_t before;

__attribute__((constructor(101))) static void block_signals(void) {
  static const int kLeft[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGURG};
  sigset_t others;
  sigfillset(&others);
  for (size_t i = 0; i < sizeof kLeft / sizeof kLeft[0]; ++i) sigdelset(&others, kLeft[i]);
  pthread_sigmask(SIG_SETMASK, &others, &before);
}

__attribute__((constructor)) static void unblock_signals(void) { pthread_sigmask(SIG_SETMASK, &before, NULL); }

/* --- from the host --- */

static cleat_status create(const cleat_create *info, void **instance) {
  uintptr_t made = 0;
  const cleat_status status = cleatGoCreate((cleat_create *)info, &made);
  *instance = (void *)made;
  return status;
}
static void destroy(void *instance) { cleatGoDestroy((uintptr_t)instance); }
static cleat_status route_create(void *instance, cleat_config config, void **route) {
  uintptr_t made = 0;
  const cleat_status status = cleatGoRouteCreate((uintptr_t)instance, config, &made);
  *route = (void *)made;
  return status;
}
static void route_destroy(void *instance, void *route) {
  (void)instance;
  cleatGoRouteDestroy((uintptr_t)route);
}
static cleat_status worker_start(void *instance, uint32_t worker) { return cleatGoWorkerStart((uintptr_t)instance, worker); }
static void worker_stop(void *instance, uint32_t worker) { cleatGoHook((uintptr_t)instance, GO_WORKER_STOP, worker, 0); }

#define HOOK(name, number) \
  static cleat_verdict name(void *instance, uint64_t subject) { return cleatGoHook((uintptr_t)instance, number, subject, 0); }
#define HOOK_WITH(name, number) \
  static cleat_verdict name(void *instance, uint64_t subject, uint32_t with) { return cleatGoHook((uintptr_t)instance, number, subject, with); }
#define VOID_HOOK(name, number) \
  static void name(void *instance, uint64_t subject) { cleatGoHook((uintptr_t)instance, number, subject, 0); }

HOOK(on_connection, GO_CONNECTION)
HOOK(on_tls, GO_TLS)
VOID_HOOK(on_connection_end, GO_CONNECTION_END)
HOOK(on_request, GO_REQUEST)
HOOK(on_route, GO_ON_ROUTE)
HOOK_WITH(on_request_body, GO_REQUEST_BODY)
HOOK(on_request_trailers, GO_REQUEST_TRAILERS)
HOOK_WITH(on_attempt, GO_ATTEMPT)
HOOK(on_response, GO_RESPONSE)
HOOK_WITH(on_response_body, GO_RESPONSE_BODY)
HOOK(on_response_trailers, GO_RESPONSE_TRAILERS)
HOOK(on_reply, GO_REPLY)
VOID_HOOK(on_end, GO_END)
VOID_HOOK(on_drain, GO_DRAIN)
VOID_HOOK(on_shutdown, GO_SHUTDOWN)

static cleat_verdict on_attempt_end(void *instance, cleat_exchange x, const cleat_attempt_end *end) {
  return cleatGoAttemptEnd((uintptr_t)instance, x, (cleat_attempt_end *)end);
}
static void on_event(void *instance, const cleat_event *event) { cleatGoEvent((uintptr_t)instance, (cleat_event *)event); }

HOOK(on_handle, GO_HANDLE)
HOOK_WITH(on_handle_body, GO_HANDLE_BODY)
VOID_HOOK(on_handle_end, GO_HANDLE_END)
static void on_writable(void *instance, cleat_exchange x) {
  if (cleatGoHook((uintptr_t)instance, GO_WRITABLE, x, 0) == CLEAT_FAIL) go_handler_abort(x); /* a panic: nobody else would go on */
}
HOOK(on_client_hello, GO_CLIENT_HELLO)
static cleat_status set_create(void *instance, const cleat_endpoint_set *set, cleat_config config, void **state) {
  uintptr_t made = 0;
  const cleat_status status = cleatGoSetCreate((uintptr_t)instance, (cleat_endpoint_set *)set, config, &made);
  *state = (void *)made;
  return status;
}
static void set_destroy(void *instance, void *state) {
  (void)instance;
  cleatGoSetDestroy((uintptr_t)state);
}
static cleat_status pick(void *instance, void *state, cleat_exchange x, uint64_t *index) {
  return cleatGoPick((uintptr_t)instance, (uintptr_t)state, x, index);
}
static cleat_status watch(void *instance, cleat_str cluster, cleat_config config, void **watching) {
  uintptr_t made = 0;
  const cleat_status status = cleatGoWatch((uintptr_t)instance, &cluster, config, &made);
  *watching = (void *)made;
  return status;
}
static void unwatch(void *instance, void *watching) { cleatGoUnwatch((uintptr_t)instance, (uintptr_t)watching); }
static cleat_status give(void *instance, uint64_t to, uint32_t *format) { return cleatGoGive((uintptr_t)instance, to, format); }
static cleat_status take(void *instance, uint32_t format, cleat_str bytes) { return cleatGoTake((uintptr_t)instance, format, &bytes); }
static int32_t run_command(const cleat_command_call *call) { return cleatGoCommand((cleat_command_call *)call); }

static cleat_plugin table;
static cleat_plugin_balancer balancer;
static cleat_plugin_command command;
static cleat_plugin_config_source source;
static cleat_plugin_handler handler;
static cleat_plugin_handover handover;
static cleat_plugin_tls tls;

static int is(cleat_str id, const char *known) { return id.size == strlen(known) && memcmp(id.data, known, id.size) == 0; }

static const void *find(cleat_str id) {
  if (balancer.pick != NULL && is(id, CLEAT_EXT_BALANCER)) return &balancer;
  if (command.run != NULL && is(id, CLEAT_EXT_COMMAND)) return &command;
  if (source.watch != NULL && is(id, CLEAT_EXT_CONFIG_SOURCE)) return &source;
  if (handler.on_handle != NULL && is(id, CLEAT_EXT_HANDLER)) return &handler;
  if (handover.give != NULL && is(id, CLEAT_EXT_HANDOVER)) return &handover;
  if (tls.on_client_hello != NULL && is(id, CLEAT_EXT_TLS)) return &tls;
  return NULL;
}

static void copy_table(const void *from, void *to, size_t size_max) {
  uint32_t size = 0;
  if (from == NULL) return;
  memcpy(&size, from, sizeof size);
  memcpy(to, from, size < size_max ? size : size_max);
}

#define FIND(id, member) copy_table(host->find((cleat_str){id, sizeof(id) - 1}), &cleat_go_host.member, sizeof cleat_go_host.member)
#define SLOT_OF(table, hook, number) \
  if ((hooks >> (number)) & 1) table.hook = hook
#define SLOT(hook, number) SLOT_OF(table, hook, number)

CLEAT_EXPORT const cleat_plugin *cleat_plugin_v1(const cleat_host *host) {
  uint64_t hooks = 0;
  if (host->size < sizeof(cleat_host)) return NULL; /* older than the `least` in the note: the loader has refused it before */
  copy_table(host, &cleat_go_host.core, sizeof cleat_go_host.core);
  FIND(CLEAT_EXT_ATTRIBUTES, attributes);
  FIND(CLEAT_EXT_BALANCER, balancer);
  FIND(CLEAT_EXT_BODY, body);
  FIND(CLEAT_EXT_CONFIG, config);
  FIND(CLEAT_EXT_CONFIG_SOURCE, config_source);
  FIND(CLEAT_EXT_CONTROL, control);
  FIND(CLEAT_EXT_EVENTS, events);
  FIND(CLEAT_EXT_HANDLER, handler);
  FIND(CLEAT_EXT_HANDOVER, handover);
  FIND(CLEAT_EXT_HTTP_CALL, http_call);
  FIND(CLEAT_EXT_KV, kv);
  FIND(CLEAT_EXT_METADATA, metadata);
  FIND(CLEAT_EXT_METRICS, metrics);
  FIND(CLEAT_EXT_POST, post);
  FIND(CLEAT_EXT_TIMER, timer);
  FIND(CLEAT_EXT_TLS, tls);
  if (cleatGoEnter(&hooks) != CLEAT_OK) return NULL;
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  table.create = create;
  table.destroy = destroy;
  SLOT(route_create, GO_ROUTE);
  SLOT(route_destroy, GO_ROUTE);
  SLOT(worker_start, GO_WORKER_START);
  SLOT(worker_stop, GO_WORKER_STOP);
  SLOT(on_connection, GO_CONNECTION);
  SLOT(on_tls, GO_TLS);
  SLOT(on_connection_end, GO_CONNECTION_END);
  SLOT(on_request, GO_REQUEST);
  SLOT(on_route, GO_ON_ROUTE);
  SLOT(on_request_body, GO_REQUEST_BODY);
  SLOT(on_request_trailers, GO_REQUEST_TRAILERS);
  SLOT(on_attempt, GO_ATTEMPT);
  SLOT(on_attempt_end, GO_ATTEMPT_END);
  SLOT(on_response, GO_RESPONSE);
  SLOT(on_response_body, GO_RESPONSE_BODY);
  SLOT(on_response_trailers, GO_RESPONSE_TRAILERS);
  SLOT(on_reply, GO_REPLY);
  SLOT(on_end, GO_END);
  SLOT(on_event, GO_EVENT);
  SLOT(on_drain, GO_DRAIN);
  SLOT(on_shutdown, GO_SHUTDOWN);
  table.find = find;
  balancer.size = sizeof balancer;
  SLOT_OF(balancer, set_create, GO_BALANCER);
  SLOT_OF(balancer, set_destroy, GO_BALANCER);
  SLOT_OF(balancer, pick, GO_BALANCER);
  command.size = sizeof command;
  if ((hooks >> GO_COMMAND) & 1) command.run = run_command;
  source.size = sizeof source;
  SLOT_OF(source, watch, GO_WATCH);
  SLOT_OF(source, unwatch, GO_WATCH);
  handler.size = sizeof handler;
  SLOT_OF(handler, on_handle, GO_HANDLE);
  SLOT_OF(handler, on_handle_body, GO_HANDLE_BODY);
  SLOT_OF(handler, on_writable, GO_WRITABLE);
  SLOT_OF(handler, on_handle_end, GO_HANDLE_END);
  handover.size = sizeof handover;
  SLOT_OF(handover, give, GO_HANDOVER);
  SLOT_OF(handover, take, GO_HANDOVER);
  tls.size = sizeof tls;
  SLOT_OF(tls, on_client_hello, GO_CLIENT_HELLO);
  return &table;
}

/* --- to the host: lists --- */

static cleat_str next(const char **packed, const uint64_t **sizes) {
  const cleat_str text = {*packed, **sizes};
  *packed += text.size;
  ++*sizes;
  return text;
}

/* A list of `count` fields, name and value, in memory of its own; NULL where there is none, or none to be had. */
static cleat_header *to_headers(const char **packed, const uint64_t **sizes, uint64_t count) {
  cleat_header *headers = count == 0 ? NULL : calloc(count, sizeof *headers);
  for (uint64_t i = 0; headers != NULL && i < count; ++i) {
    headers[i].name = next(packed, sizes);
    headers[i].value = next(packed, sizes);
  }
  return headers;
}

static cleat_status reply_by(cleat_status (*take)(cleat_exchange, const cleat_reply *), uint64_t x, uint32_t status, const char *packed,
                             const uint64_t *sizes, uint64_t header_count) {
  cleat_reply reply = {0};
  cleat_header *headers;
  cleat_status done;
  if (take == NULL) return CLEAT_UNSUPPORTED;
  reply.size = sizeof reply;
  reply.status = status;
  reply.body = next(&packed, &sizes);
  reply.reason = next(&packed, &sizes);
  headers = to_headers(&packed, &sizes, header_count);
  if (headers == NULL && header_count > 0) return CLEAT_LIMIT;
  reply.headers = headers;
  reply.header_count = header_count;
  done = take(x, &reply);
  free(headers);
  return done;
}

cleat_status go_reply(uint64_t x, uint32_t status, GO_IN(packed), const uint64_t *sizes, uint64_t header_count) {
  (void)packed_size;
  return reply_by(cleat_go_host.core.reply, x, status, packed, sizes, header_count);
}
cleat_status go_handler_start(uint64_t x, uint32_t status, GO_IN(packed), const uint64_t *sizes, uint64_t header_count) {
  (void)packed_size;
  return reply_by(cleat_go_host.handler.start, x, status, packed, sizes, header_count);
}

/* http_call's finish, or handler's. */
static cleat_status finish_by(cleat_status (*take)(uint64_t, const cleat_header *, uint64_t), uint64_t of, const char *packed,
                              const uint64_t *sizes, uint64_t count) {
  cleat_header *const trailers = take == NULL ? NULL : to_headers(&packed, &sizes, count);
  cleat_status done;
  if (take == NULL) return CLEAT_UNSUPPORTED;
  if (trailers == NULL && count > 0) return CLEAT_LIMIT;
  done = take(of, trailers, count);
  free(trailers);
  return done;
}

cleat_status go_handler_finish(uint64_t x, GO_IN(packed), const uint64_t *sizes, uint64_t count) {
  (void)packed_size;
  return finish_by(cleat_go_host.handler.finish, x, packed, sizes, count);
}

static void on_call(void *instance, cleat_call call, uint64_t owner, const cleat_call_event *event, void *user) {
  (void)call;
  if (event->kind == CLEAT_CALL_DONE || event->kind == CLEAT_CALL_FAILED) {
    cleatGoCall((uintptr_t)instance, owner, (cleat_call_event *)event, (uintptr_t)user);
  }
}

static void on_stream(void *instance, cleat_call call, uint64_t owner, const cleat_call_event *event, void *user) {
  cleatGoStream((uintptr_t)instance, call, owner, (cleat_call_event *)event, (uintptr_t)user);
}

go_unsigned go_call_start(uint64_t self, uint64_t owner, uint32_t flags, GO_IN(packed), const uint64_t *sizes, uint64_t header_count,
                          uint64_t timeout_ms, uint64_t body_max, uintptr_t user) {
  const cleat_call_fn told = (flags & CLEAT_CALL_STREAM) != 0 ? on_stream : on_call;
  cleat_call_request request = {0};
  go_unsigned got = {CLEAT_LIMIT, 0};
  cleat_header *headers;
  (void)packed_size;
  request.size = sizeof request;
  request.flags = flags;
  request.cluster = next(&packed, &sizes);
  request.method = next(&packed, &sizes);
  request.target = next(&packed, &sizes);
  request.authority = next(&packed, &sizes);
  request.body = next(&packed, &sizes);
  headers = to_headers(&packed, &sizes, header_count);
  if (headers == NULL && header_count > 0) return got;
  request.headers = headers;
  request.header_count = header_count;
  request.timeout_ms = timeout_ms;
  request.body_max = body_max;
  got.status = GO_CALL(http_call, start, self, owner, &request, told, (void *)user, &got.value);
  free(headers);
  return got;
}

cleat_status go_call_finish(uint64_t call, GO_IN(packed), const uint64_t *sizes, uint64_t count) {
  (void)packed_size;
  return finish_by(cleat_go_host.http_call.finish, call, packed, sizes, count);
}

#define LABELS_MAX 8

go_unsigned go_metric_define(uint64_t self, uint32_t kind, GO_IN(packed), const uint64_t *sizes, uint64_t label_count, const uint64_t *bounds,
                             uint64_t bound_count) {
  cleat_str labels[LABELS_MAX];
  cleat_metric_def def = {0};
  go_unsigned got = {CLEAT_INVALID, 0};
  (void)packed_size;
  if (label_count > LABELS_MAX) return got;
  def.size = sizeof def;
  def.kind = kind;
  def.name = next(&packed, &sizes);
  def.help = next(&packed, &sizes);
  for (uint64_t i = 0; i < label_count; ++i) labels[i] = next(&packed, &sizes);
  def.labels = labels;
  def.label_count = label_count;
  def.bounds = bounds;
  def.bound_count = bound_count;
  got.status = GO_CALL(metrics, define, self, &def, &got.value);
  return got;
}

go_unsigned go_metric_series(uint64_t metric, GO_IN(packed), const uint64_t *sizes, uint64_t count) {
  cleat_str values[LABELS_MAX];
  go_unsigned got = {CLEAT_INVALID, 0};
  (void)packed_size;
  if (count > LABELS_MAX) return got;
  for (uint64_t i = 0; i < count; ++i) values[i] = next(&packed, &sizes);
  got.status = GO_CALL(metrics, series, metric, values, count, &got.value);
  return got;
}

cleat_status go_source_endpoints(uint64_t self, GO_IN(packed), const uint64_t *sizes, const uint64_t *endpoints, uint64_t count) {
  /* The first text is the cluster's name. */
  const cleat_str cluster = next(&packed, &sizes);
  cleat_source_endpoint *const list = calloc(count + 1, sizeof *list);
  cleat_status done;
  (void)packed_size;
  if (list == NULL) return CLEAT_LIMIT;
  for (uint64_t i = 0; i < count; ++i) {
    list[i].size = sizeof list[i];
    list[i].weight = (uint32_t)endpoints[i];
    list[i].flags = (uint32_t)(endpoints[i] >> 32);
    list[i].address = next(&packed, &sizes);
  }
  done = GO_CALL(config_source, endpoints, self, cluster, list, count, sizeof *list);
  free(list);
  return done;
}

/* --- to the host: callbacks --- */

static void on_commit(void *instance, cleat_status status, uint64_t version, cleat_str text, void *user) {
  cleatGoCommit((uintptr_t)instance, status, version, &text, (uintptr_t)user);
}
cleat_status go_source_commit(uint64_t transaction, uintptr_t user) { return GO_CALL(config_source, commit, transaction, on_commit, (void *)user); }

static void on_control(void *instance, cleat_status status, cleat_str text, void *user) {
  cleatGoControl((uintptr_t)instance, status, &text, (uintptr_t)user);
}
cleat_status go_control_reload(uint64_t self, uintptr_t user) { return GO_CALL(control, reload, self, on_control, (void *)user); }
cleat_status go_control_restore(uint64_t self, GO_IN(instance), uintptr_t user) {
  return GO_CALL(control, restore, self, GO_STR(instance), on_control, (void *)user);
}
cleat_status go_control_describe(uint64_t self, GO_IN(topic), uintptr_t user) {
  return GO_CALL(control, describe, self, GO_STR(topic), on_control, (void *)user);
}

static void on_series(void *user, const cleat_metric_view *view) { cleatGoSeries((uintptr_t)user, (cleat_metric_view *)view); }
cleat_status go_metrics_visit(uintptr_t user) { return GO_CALL(metrics, visit, on_series, (void *)user); }

static void on_post(void *instance, cleat_status status, uint64_t owner, void *user) {
  cleatGoPost((uintptr_t)instance, status, owner, (uintptr_t)user);
}
cleat_status go_post(uint64_t self, uint64_t owner, uintptr_t user) { return GO_CALL(post, post, self, owner, on_post, (void *)user); }
cleat_status go_post_worker(uint64_t self, uint32_t worker, uintptr_t user) {
  return GO_CALL(post, post_worker, self, worker, on_post, (void *)user);
}

static void on_timer(void *instance, uint64_t owner, void *user) { cleatGoHook((uintptr_t)instance, GO_TIMER, owner, (uintptr_t)user); }
static void on_connection_timer(void *instance, uint64_t owner, void *user) {
  cleatGoHook((uintptr_t)instance, GO_CONNECTION_TIMER, owner, (uintptr_t)user);
}
static void on_worker_timer(void *instance, uint64_t owner, void *user) {
  cleatGoHook((uintptr_t)instance, GO_WORKER_TIMER, owner, (uintptr_t)user);
}
go_unsigned go_timer_arm(uint64_t self, uint64_t owner, uint64_t ms, uint32_t hook, uintptr_t token) {
  const cleat_timer_fn call = hook == GO_TIMER ? on_timer : hook == GO_CONNECTION_TIMER ? on_connection_timer : on_worker_timer;
  go_unsigned got = {0};
  got.status = GO_CALL(timer, arm, self, owner, ms, call, (void *)token, &got.value);
  return got;
}
