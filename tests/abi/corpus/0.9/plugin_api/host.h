/* host.h: what the kernel offers every plugin. One table, handed to cleat_plugin_v1, valid until the process ends.
 *
 * Tags: [control] the control thread only; [worker] inside a hook, or inside a callback that the host runs on that worker;
 * [any] any thread. A call on the wrong thread answers CLEAT_WRONG_THREAD. Nothing here blocks, and nothing calls back
 * into the plugin before the hook that called it has returned. Strings passed in are copied before the call returns. */
#ifndef CLEAT_HOST_H
#define CLEAT_HOST_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_host {
  uint32_t size;
  uint32_t abi; /* the ABI this host implements; it loads every plugin built for it or an older one */
  cleat_str name;
  cleat_str version;

  /* [any] The host's table of an extension ("cleat.body/1"), or NULL where this host has none. Lives as long as the host. */
  const void *(*find)(cleat_str extension_id);

  /* [any] A line in the log, blamed on plugin/<instance name>. Bounded: over the rate limit it is counted and dropped. */
  cleat_status (*log)(cleat_instance self, uint32_t level, cleat_str text);

  /* [any] Text of this thread's last failed host call, up to `capacity` bytes; `needed` (may be NULL) gets the whole size. */
  cleat_status (*error_text)(char *buffer, uint64_t capacity, uint64_t *needed);

  /* [any] Says why the plugin is about to return a failure (create, validate, FAIL ...). Kept for this thread's current call. */
  cleat_status (*set_error)(cleat_str text);

  /* [worker] The running worker's number, 0 <= n < workers of cleat_create. */
  cleat_status (*worker_index)(uint32_t *index);

  /* --- heads. Parts that do not exist yet or any more answer CLEAT_WRONG_PHASE. Host, Connection, Transfer-Encoding and
   * Content-Length frame the message and are the host's: reading works, changing them answers CLEAT_INVALID. --- */

  /* [worker] The `index`-th field of that name (0 = first). */
  cleat_status (*header_get)(cleat_exchange x, cleat_part part, cleat_str name, uint64_t index, cleat_str *value);
  /* [worker] How many fields the part has. */
  cleat_status (*header_count)(cleat_exchange x, cleat_part part, uint64_t *count);
  /* [worker] The field at a position, 0 <= position < count, in order of arrival. */
  cleat_status (*header_at)(cleat_exchange x, cleat_part part, uint64_t position, cleat_header *header);
  /* [worker] Replaces every field of that name by one. Refuses names and values that RFC 9110 5.1, 5.5 do not allow. */
  cleat_status (*header_set)(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value);
  /* [worker] Adds one more field of that name. */
  cleat_status (*header_add)(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value);
  /* [worker] Removes every field of that name; CLEAT_NOT_FOUND if there was none. */
  cleat_status (*header_remove)(cleat_exchange x, cleat_part part, cleat_str name);
  /* [worker] Request method, scheme, authority, target. Setting one after on_route does not choose another route. */
  cleat_status (*field_get)(cleat_exchange x, cleat_field field, cleat_str *value);
  cleat_status (*field_set)(cleat_exchange x, cleat_field field, cleat_str value);
  /* [worker] Response status, 200..599; set in on_response and on_reply. */
  cleat_status (*status_get)(cleat_exchange x, uint32_t *status);
  cleat_status (*status_set)(cleat_exchange x, uint32_t status);

  /* --- the exchange --- */

  /* [worker] `size` zeroed bytes (<= 4096, aligned to 16) of this instance's own for this exchange: made at the first call,
   * the same at later ones, freed by the host after on_end. size 0 only looks: CLEAT_NOT_FOUND before the first. */
  cleat_status (*exchange_state)(cleat_exchange x, uint64_t size, void **state);
  /* [worker] What this instance's route_create made for the chosen route; CLEAT_NOT_FOUND where the route has none. */
  cleat_status (*route_config)(cleat_exchange x, void **route);
  /* [worker] Stages the reply of a hook that then returns CLEAT_REPLIED (or resumes with it). Until a response head is sent. */
  cleat_status (*reply)(cleat_exchange x, const cleat_reply *reply);
  /* [worker] Cuts the exchange off without a reply once the hook has returned: downstream sees a closed connection. */
  cleat_status (*reset)(cleat_exchange x);
  /* [worker] In on_route: choose the route again, from the head as it then stands, when the chain has run. At most 4 times. */
  cleat_status (*reroute)(cleat_exchange x);
  /* [worker] In on_route: send the exchange to this cluster instead of the route's. */
  cleat_status (*cluster_set)(cleat_exchange x, cleat_str cluster);
  /* [worker] In on_attempt: a timeout of this attempt, to the end of its response head; 0 = none but the route's. */
  cleat_status (*attempt_timeout)(cleat_exchange x, uint64_t timeout_ms);
  /* [worker] In on_attempt_end: drop this attempt's outcome and make another. The last plugin that asks wins. */
  cleat_status (*retry)(cleat_exchange x, const cleat_retry *retry);

  /* [worker] The ticket of a hook that then returns CLEAT_SUSPEND. `subject`: the exchange, or in on_connection the connection. */
  cleat_status (*suspend)(uint64_t subject, cleat_ticket *ticket);
  /* [any] Ends the suspension with a verdict other than SUSPEND; the exchange moves on after the current event of its
   * worker. CLEAT_STALE for a ticket used before, timed out, or whose exchange is gone: harmless. */
  cleat_status (*resume)(cleat_ticket ticket, cleat_verdict verdict);

  /* [any] on_drain and on_shutdown are done when this is called, or when their deadline passes. */
  cleat_status (*complete)(uint64_t completion);

  /* [worker] In on_request, on_route: the exchange ends this long after its first byte, if it is not to end sooner: the least of the
   * route's timeout and of all that was asked for holds. 1 <= timeout_ms <= 2^31. */
  cleat_status (*exchange_timeout)(cleat_exchange x, uint64_t timeout_ms);
} cleat_host;

#ifdef __cplusplus
}
#endif
#endif
