/* bridge.h: between the tables of the ABI and Go. Calls of the host as functions that cgo can call, which answer CLEAT_UNSUPPORTED where
 * the host has no such entry; values come back in structs, so that nothing of Go's is pointed to. Not for plugins to use. */
#ifndef CLEAT_GO_BRIDGE_H
#define CLEAT_GO_BRIDGE_H

#include <stddef.h>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/command.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/plugin.h"

/* This plugin's copy of the host's tables, made once by cleat_plugin_v1; an absent extension is zeros. */
typedef struct go_host {
  cleat_host core;
  cleat_host_attributes attributes;
  cleat_host_balancer balancer;
  cleat_host_body body;
  cleat_host_config config;
  cleat_host_config_source config_source;
  cleat_host_control control;
  cleat_host_events events;
  cleat_host_handler handler;
  cleat_host_handover handover;
  cleat_host_http_call http_call;
  cleat_host_kv kv;
  cleat_host_metadata metadata;
  cleat_host_metrics metrics;
  cleat_host_post post;
  cleat_host_timer timer;
  cleat_host_tls tls;
} go_host;
extern go_host cleat_go_host;

/* What a call that has an output answers. */
typedef struct go_text {
  cleat_status status;
  cleat_str value;
} go_text;
typedef struct go_field {
  cleat_status status;
  cleat_header value;
} go_field;
typedef struct go_unsigned {
  cleat_status status;
  uint64_t value;
} go_unsigned;
typedef struct go_signed {
  cleat_status status;
  int64_t value;
} go_signed;
typedef struct go_double {
  cleat_status status;
  double value;
} go_double;
typedef struct go_kept {
  cleat_status status;
  uint64_t size;
  uint64_t version;
} go_kept;
typedef struct go_member {
  cleat_status status;
  cleat_str key;
  cleat_config value;
} go_member;

/* Which hooks the plugin's type has: bits of what cleatGoEnter answers, and the number of a hook for cleatGoHook. */
enum {
  GO_ROUTE, GO_WORKER_START, GO_WORKER_STOP, GO_CONNECTION, GO_TLS, GO_CONNECTION_END, GO_REQUEST, GO_ON_ROUTE, GO_REQUEST_BODY,
  GO_REQUEST_TRAILERS, GO_ATTEMPT, GO_ATTEMPT_END, GO_RESPONSE, GO_RESPONSE_BODY, GO_RESPONSE_TRAILERS, GO_REPLY, GO_END, GO_EVENT,
  GO_DRAIN, GO_SHUTDOWN, GO_TIMER, GO_CONNECTION_TIMER, GO_WORKER_TIMER, GO_HANDLE, GO_HANDLE_BODY, GO_WRITABLE, GO_HANDLE_END, GO_COMMAND,
  GO_CLIENT_HELLO, GO_BALANCER, GO_WATCH, GO_HANDOVER
};

#define GO_CALL(table, entry, ...) \
  (cleat_go_host.table.entry == NULL ? CLEAT_UNSUPPORTED : cleat_go_host.table.entry(__VA_ARGS__))
#define GO_STR(name) ((cleat_str){name, name##_size})
#define GO_IN(name) const char *name, uint64_t name##_size

/* --- core --- */
static inline cleat_status go_log(uint64_t self, uint32_t level, GO_IN(text)) { return GO_CALL(core, log, self, level, GO_STR(text)); }
static inline cleat_status go_error_text(char *to, uint64_t size, uint64_t *needed) { return GO_CALL(core, error_text, to, size, needed); }
static inline cleat_status go_set_error(GO_IN(text)) { return GO_CALL(core, set_error, GO_STR(text)); }
static inline go_unsigned go_worker_index(void) {
  uint32_t index = 0;
  const cleat_status status = GO_CALL(core, worker_index, &index);
  return (go_unsigned){status, index};
}
static inline go_text go_header_get(uint64_t x, uint32_t part, GO_IN(name), uint64_t index) {
  go_text got = {0};
  got.status = GO_CALL(core, header_get, x, part, GO_STR(name), index, &got.value);
  return got;
}
static inline go_unsigned go_header_count(uint64_t x, uint32_t part) {
  go_unsigned got = {0};
  got.status = GO_CALL(core, header_count, x, part, &got.value);
  return got;
}
static inline go_field go_header_at(uint64_t x, uint32_t part, uint64_t position) {
  go_field got = {0};
  got.status = GO_CALL(core, header_at, x, part, position, &got.value);
  return got;
}
static inline cleat_status go_header_set(uint64_t x, uint32_t part, GO_IN(name), GO_IN(value)) {
  return GO_CALL(core, header_set, x, part, GO_STR(name), GO_STR(value));
}
static inline cleat_status go_header_add(uint64_t x, uint32_t part, GO_IN(name), GO_IN(value)) {
  return GO_CALL(core, header_add, x, part, GO_STR(name), GO_STR(value));
}
static inline cleat_status go_header_remove(uint64_t x, uint32_t part, GO_IN(name)) { return GO_CALL(core, header_remove, x, part, GO_STR(name)); }
static inline go_text go_field_get(uint64_t x, uint32_t field) {
  go_text got = {0};
  got.status = GO_CALL(core, field_get, x, field, &got.value);
  return got;
}
static inline cleat_status go_field_set(uint64_t x, uint32_t field, GO_IN(value)) { return GO_CALL(core, field_set, x, field, GO_STR(value)); }
static inline go_unsigned go_status_get(uint64_t x) {
  uint32_t value = 0;
  const cleat_status status = GO_CALL(core, status_get, x, &value);
  return (go_unsigned){status, value};
}
static inline cleat_status go_status_set(uint64_t x, uint32_t status) { return GO_CALL(core, status_set, x, status); }
static inline go_unsigned go_route_config(uint64_t x) {
  void *route = NULL;
  const cleat_status status = GO_CALL(core, route_config, x, &route);
  return (go_unsigned){status, (uintptr_t)route};
}
static inline cleat_status go_reset(uint64_t x) { return GO_CALL(core, reset, x); }
static inline cleat_status go_reroute(uint64_t x) { return GO_CALL(core, reroute, x); }
static inline cleat_status go_cluster_set(uint64_t x, GO_IN(cluster)) { return GO_CALL(core, cluster_set, x, GO_STR(cluster)); }
static inline cleat_status go_attempt_timeout(uint64_t x, uint64_t ms) { return GO_CALL(core, attempt_timeout, x, ms); }
static inline cleat_status go_exchange_timeout(uint64_t x, uint64_t ms) { return GO_CALL(core, exchange_timeout, x, ms); }
static inline cleat_status go_retry(uint64_t x, uint32_t flags, uint64_t delay_ms) {
  const cleat_retry retry = {sizeof(cleat_retry), flags, delay_ms};
  return GO_CALL(core, retry, x, &retry);
}
static inline go_unsigned go_suspend(uint64_t subject) {
  go_unsigned got = {0};
  got.status = GO_CALL(core, suspend, subject, &got.value);
  return got;
}
static inline cleat_status go_resume(uint64_t ticket, uint32_t verdict) { return GO_CALL(core, resume, ticket, verdict); }
static inline cleat_status go_complete(uint64_t completion) { return GO_CALL(core, complete, completion); }

/* --- extensions --- */
static inline go_text go_attribute_text(uint64_t subject, uint32_t attribute) {
  go_text got = {0};
  got.status = GO_CALL(attributes, text, subject, attribute, &got.value);
  return got;
}
static inline go_signed go_attribute_integer(uint64_t subject, uint32_t attribute) {
  go_signed got = {0};
  got.status = GO_CALL(attributes, integer, subject, attribute, &got.value);
  return got;
}
static inline cleat_status go_body_subscribe(uint64_t x, uint32_t part, uint32_t mode, uint64_t max) {
  return GO_CALL(body, subscribe, x, part, mode, max);
}
static inline go_text go_body_view(uint64_t x, uint32_t part) {
  go_text got = {0};
  got.status = GO_CALL(body, view, x, part, &got.value);
  return got;
}
static inline cleat_status go_body_append(uint64_t x, uint32_t part, GO_IN(data)) { return GO_CALL(body, append, x, part, GO_STR(data)); }
static inline cleat_status go_body_prepend(uint64_t x, uint32_t part, GO_IN(data)) { return GO_CALL(body, prepend, x, part, GO_STR(data)); }
static inline cleat_status go_body_replace(uint64_t x, uint32_t part, GO_IN(data)) { return GO_CALL(body, replace, x, part, GO_STR(data)); }
static inline cleat_status go_body_drain(uint64_t x, uint32_t part, uint64_t count) { return GO_CALL(body, drain, x, part, count); }
static inline cleat_status go_keep_for_replay(uint64_t x, uint64_t max) { return GO_CALL(body, keep_for_replay, x, max); }

static inline uint32_t go_config_type(uint64_t node) {
  uint32_t type = CLEAT_CONFIG_NULL;
  return GO_CALL(config, type, node, &type) == CLEAT_OK ? type : CLEAT_CONFIG_NULL;
}
static inline go_unsigned go_config_get(uint64_t node, GO_IN(key)) {
  go_unsigned got = {0};
  got.status = GO_CALL(config, get, node, GO_STR(key), &got.value);
  return got;
}
static inline go_unsigned go_config_count(uint64_t node) {
  go_unsigned got = {0};
  got.status = GO_CALL(config, count, node, &got.value);
  return got;
}
static inline go_member go_config_at(uint64_t node, uint64_t index) {
  go_member got = {0};
  got.status = GO_CALL(config, at, node, index, &got.key, &got.value);
  return got;
}
static inline go_text go_config_text(uint64_t node) {
  go_text got = {0};
  got.status = GO_CALL(config, text, node, &got.value);
  return got;
}
static inline go_text go_config_path(uint64_t node) {
  go_text got = {0};
  got.status = GO_CALL(config, path, node, &got.value);
  return got;
}
static inline go_text go_config_json(uint64_t node) {
  go_text got = {0};
  got.status = GO_CALL(config, json, node, &got.value);
  return got;
}
static inline go_signed go_config_integer(uint64_t node, int64_t least, int64_t most) {
  go_signed got = {0};
  got.status = GO_CALL(config, integer, node, least, most, &got.value);
  return got;
}
static inline go_double go_config_number(uint64_t node) {
  go_double got = {0};
  got.status = GO_CALL(config, number, node, &got.value);
  return got;
}
static inline go_unsigned go_config_boolean(uint64_t node) {
  uint32_t value = 0;
  const cleat_status status = GO_CALL(config, boolean, node, &value);
  return (go_unsigned){status, value};
}
static inline go_unsigned go_config_duration(uint64_t node) {
  go_unsigned got = {0};
  got.status = GO_CALL(config, duration_ms, node, &got.value);
  return got;
}
static inline go_unsigned go_config_bytes(uint64_t node) {
  go_unsigned got = {0};
  got.status = GO_CALL(config, bytes, node, &got.value);
  return got;
}
static inline cleat_status go_config_error(uint64_t node, GO_IN(text)) { return GO_CALL(config, error, node, GO_STR(text)); }

static inline go_unsigned go_metadata_key(GO_IN(name)) {
  uint32_t key = 0;
  const cleat_status status = GO_CALL(metadata, key, GO_STR(name), &key);
  return (go_unsigned){status, key};
}
static inline cleat_status go_metadata_set_text(uint64_t x, uint32_t key, GO_IN(value)) { return GO_CALL(metadata, set_text, x, key, GO_STR(value)); }
static inline cleat_status go_metadata_set_integer(uint64_t x, uint32_t key, int64_t value) { return GO_CALL(metadata, set_integer, x, key, value); }
static inline cleat_status go_metadata_set_number(uint64_t x, uint32_t key, double value) { return GO_CALL(metadata, set_number, x, key, value); }
static inline go_text go_metadata_text(uint64_t x, uint32_t key) {
  go_text got = {0};
  got.status = GO_CALL(metadata, get_text, x, key, &got.value);
  return got;
}
static inline go_signed go_metadata_integer(uint64_t x, uint32_t key) {
  go_signed got = {0};
  got.status = GO_CALL(metadata, get_integer, x, key, &got.value);
  return got;
}
static inline go_double go_metadata_number(uint64_t x, uint32_t key) {
  go_double got = {0};
  got.status = GO_CALL(metadata, get_number, x, key, &got.value);
  return got;
}
static inline go_unsigned go_metadata_type(uint64_t x, uint32_t key) {
  uint32_t type = 0;
  const cleat_status status = GO_CALL(metadata, type, x, key, &type);
  return (go_unsigned){status, type};
}

static inline cleat_status go_metric_add(uint64_t series, int64_t value) { return GO_CALL(metrics, add, series, value); }
static inline cleat_status go_metric_observe(uint64_t series, uint64_t value) { return GO_CALL(metrics, observe, series, value); }
static inline cleat_status go_timer_rearm(uint64_t timer, uint64_t ms) { return GO_CALL(timer, rearm, timer, ms); }
static inline cleat_status go_timer_cancel(uint64_t timer) { return GO_CALL(timer, cancel, timer); }

static inline go_unsigned go_call_write(uint64_t call, GO_IN(data)) {
  go_unsigned got = {0};
  got.status = GO_CALL(http_call, write, call, GO_STR(data), &got.value);
  return got;
}
static inline cleat_status go_call_pause(uint64_t call, uint32_t on) { return GO_CALL(http_call, pause, call, on); }
static inline cleat_status go_call_cancel(uint64_t call) { return GO_CALL(http_call, cancel, call); }

static inline go_unsigned go_handler_write(uint64_t x, GO_IN(data)) {
  go_unsigned got = {0};
  got.status = GO_CALL(handler, write, x, GO_STR(data), &got.value);
  return got;
}
static inline cleat_status go_handler_abort(uint64_t x) { return GO_CALL(handler, abort, x); }

static inline const cleat_endpoint *go_endpoint(const cleat_endpoint_set *set, uint64_t i) {
  return (const cleat_endpoint *)((const char *)set->endpoints + i * set->endpoint_stride);
}
static inline go_unsigned go_in_flight(uint64_t cluster, uint64_t index) {
  go_unsigned got = {0};
  got.status = GO_CALL(balancer, in_flight, cluster, index, &got.value);
  return got;
}
static inline go_unsigned go_health_get(uint64_t cluster, uint64_t index) {
  uint32_t healthy = 0;
  const cleat_status status = GO_CALL(balancer, health_get, cluster, index, &healthy);
  return (go_unsigned){status, healthy};
}
static inline cleat_status go_health_set(uint64_t cluster, uint64_t index, uint32_t healthy) {
  return GO_CALL(balancer, health_set, cluster, index, healthy);
}
static inline go_unsigned go_tried(uint64_t x, uint64_t index) {
  uint32_t tried = 0;
  const cleat_status status = GO_CALL(balancer, tried, x, index, &tried);
  return (go_unsigned){status, tried};
}

static inline go_unsigned go_source_begin(uint64_t self, uint32_t flags) {
  go_unsigned got = {0};
  got.status = GO_CALL(config_source, begin, self, flags, &got.value);
  return got;
}
static inline cleat_status go_source_stage(uint64_t transaction, uint32_t kind, GO_IN(name), GO_IN(document)) {
  return GO_CALL(config_source, stage, transaction, kind, GO_STR(name), GO_STR(document));
}
static inline cleat_status go_source_remove(uint64_t transaction, uint32_t kind, GO_IN(name)) {
  return GO_CALL(config_source, remove, transaction, kind, GO_STR(name));
}
static inline cleat_status go_source_abandon(uint64_t transaction) { return GO_CALL(config_source, abandon, transaction); }
static inline go_unsigned go_source_version(uint64_t self) {
  go_unsigned got = {0};
  got.status = GO_CALL(config_source, version, self, &got.value);
  return got;
}

static inline cleat_status go_handover_write(uint64_t to, GO_IN(bytes)) { return GO_CALL(handover, write, to, GO_STR(bytes)); }

static inline go_unsigned go_control_state(void) {
  uint32_t state = CLEAT_STATE_STARTING;
  const cleat_status status = GO_CALL(control, state, &state);
  return (go_unsigned){status, state};
}
static inline cleat_status go_control_drain(uint64_t self) { return GO_CALL(control, drain, self); }
static inline go_unsigned go_log_level_get(void) {
  uint32_t level = 0;
  const cleat_status status = GO_CALL(control, log_level_get, &level);
  return (go_unsigned){status, level};
}
static inline cleat_status go_log_level_set(uint64_t self, uint32_t level) { return GO_CALL(control, log_level_set, self, level); }

static inline go_text go_client_hello(uint64_t conn, uint32_t part) {
  go_text got = {0};
  got.status = GO_CALL(tls, client_hello, conn, part, &got.value);
  return got;
}
static inline go_text go_client_hello_extension(uint64_t conn, uint32_t type) {
  go_text got = {0};
  got.status = GO_CALL(tls, extension, conn, type, &got.value);
  return got;
}
static inline cleat_status go_certificate_use(uint64_t conn, GO_IN(secret)) { return GO_CALL(tls, certificate_use, conn, GO_STR(secret)); }
static inline go_text go_peer_certificate(uint64_t conn, uint32_t index) {
  go_text got = {0};
  got.status = GO_CALL(tls, peer_certificate, conn, index, &got.value);
  return got;
}

static inline cleat_str go_command_argument(const cleat_command_call *call, uint64_t i) { return call->arguments[i]; }
static inline cleat_status go_command_write(const cleat_command_call *call, uint32_t stream, GO_IN(text)) {
  return call->write(stream, GO_STR(text));
}

static inline cleat_status go_events_subscribe(uint64_t self, GO_IN(pattern)) { return GO_CALL(events, subscribe, self, GO_STR(pattern)); }
static inline cleat_status go_events_publish(uint64_t self, GO_IN(name), GO_IN(data)) {
  return GO_CALL(events, publish, self, GO_STR(name), GO_STR(data));
}

static inline go_unsigned go_kv_open(uint64_t self, GO_IN(name), uint32_t flags, uint64_t max) {
  go_unsigned got = {0};
  got.status = GO_CALL(kv, open, self, GO_STR(name), flags, max, &got.value);
  return got;
}
static inline go_kept go_kv_get(uint64_t space, GO_IN(key), char *to, uint64_t capacity) {
  go_kept got = {0};
  got.status = GO_CALL(kv, get, space, GO_STR(key), to, capacity, &got.size, &got.version);
  return got;
}
static inline go_unsigned go_kv_set(uint64_t space, GO_IN(key), GO_IN(value), uint64_t ttl_ms) {
  go_unsigned got = {0};
  got.status = GO_CALL(kv, set, space, GO_STR(key), GO_STR(value), ttl_ms, &got.value);
  return got;
}
static inline go_unsigned go_kv_set_if(uint64_t space, GO_IN(key), GO_IN(value), uint64_t ttl_ms, uint64_t expected) {
  go_unsigned got = {0};
  got.status = GO_CALL(kv, set_if, space, GO_STR(key), GO_STR(value), ttl_ms, expected, &got.value);
  return got;
}
static inline cleat_status go_kv_remove(uint64_t space, GO_IN(key), uint64_t expected) { return GO_CALL(kv, remove, space, GO_STR(key), expected); }
static inline go_signed go_kv_add(uint64_t space, GO_IN(key), int64_t amount, uint64_t ttl_ms) {
  go_signed got = {0};
  got.status = GO_CALL(kv, add, space, GO_STR(key), amount, ttl_ms, &got.value);
  return got;
}
static inline go_unsigned go_kv_next(uint64_t space, GO_IN(prefix), GO_IN(after), char *to, uint64_t capacity) {
  go_unsigned got = {0};
  got.status = GO_CALL(kv, next, space, GO_STR(prefix), GO_STR(after), to, capacity, &got.value);
  return got;
}

/* --- in bridge.c: what takes lists, or a callback. `packed` is texts one after the other, `sizes` their lengths. --- */
cleat_status go_reply(uint64_t x, uint32_t status, GO_IN(packed), const uint64_t *sizes, uint64_t header_count);
cleat_status go_handler_start(uint64_t x, uint32_t status, GO_IN(packed), const uint64_t *sizes, uint64_t header_count);
cleat_status go_handler_finish(uint64_t x, GO_IN(packed), const uint64_t *sizes, uint64_t count);
go_unsigned go_call_start(uint64_t self, uint64_t owner, uint32_t flags, GO_IN(packed), const uint64_t *sizes, uint64_t header_count,
                          uint64_t timeout_ms, uint64_t body_max, uintptr_t user);
cleat_status go_call_finish(uint64_t call, GO_IN(packed), const uint64_t *sizes, uint64_t count);
go_unsigned go_metric_define(uint64_t self, uint32_t kind, GO_IN(packed), const uint64_t *sizes, uint64_t label_count, const uint64_t *bounds,
                             uint64_t bound_count);
go_unsigned go_metric_series(uint64_t metric, GO_IN(packed), const uint64_t *sizes, uint64_t count);
cleat_status go_source_commit(uint64_t transaction, uintptr_t user);
/* `endpoints`: of each the weight, and its flags above the weight's 32 bits. */
cleat_status go_source_endpoints(uint64_t self, GO_IN(packed), const uint64_t *sizes, const uint64_t *endpoints, uint64_t count);
cleat_status go_control_reload(uint64_t self, uintptr_t user);
cleat_status go_control_restore(uint64_t self, GO_IN(instance), uintptr_t user);
cleat_status go_control_describe(uint64_t self, GO_IN(topic), uintptr_t user);
cleat_status go_metrics_visit(uintptr_t user);
cleat_status go_post(uint64_t self, uint64_t owner, uintptr_t user);
cleat_status go_post_worker(uint64_t self, uint32_t worker, uintptr_t user);
go_unsigned go_timer_arm(uint64_t self, uint64_t owner, uint64_t ms, uint32_t hook, uintptr_t token);

#endif
