/* cleat.http_call/1: a plugin's own requests to a cluster: through its pools, balancing by weight, health, connections and bounds. Nothing of the
 * host's is added to the request but what frames it, and what comes back is told as it came. No hooks run for it.
 *
 * A call belongs to the worker it was started on. Its callback comes on that worker, never before the function that started it has
 * returned: one event for a call without CLEAT_CALL_STREAM, DONE or FAILED; with it HEAD, DATA and WRITABLE may come before. Exactly one
 * DONE or FAILED comes for each call, as its last event: FAILED with CLEAT_CALL_CANCELLED after `cancel`, when the exchange has ended
 * (what is asked of `owner` then answers CLEAT_STALE or CLEAT_WRONG_PHASE), and before the instance's worker_stop. */
#ifndef CLEAT_EXT_HTTP_CALL_H
#define CLEAT_EXT_HTTP_CALL_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_HTTP_CALL "cleat.http_call/1"

typedef uint64_t cleat_call;

#define CLEAT_CALL_STREAM UINT32_C(1)       /* flag: the response is told piece by piece, and is not kept */
#define CLEAT_CALL_STREAM_BODY UINT32_C(2)  /* flag: the request's body comes through write and finish, chunked */

typedef struct cleat_call_request {
  uint32_t size;
  uint32_t flags;
  cleat_str cluster;
  cleat_str method;            /* empty: GET. Not CONNECT */
  cleat_str target;            /* path[?query], sent as it stands */
  cleat_str authority;         /* host[:port]; empty: the endpoint's address */
  const cleat_header *headers; /* none of those that frame the message */
  uint64_t header_count;
  cleat_str body;              /* at most 1 MiB; empty with CLEAT_CALL_STREAM_BODY */
  uint64_t timeout_ms;         /* from the start to the response's end, 1 to 2^31 */
  uint64_t body_max;           /* most of a response's body that is kept, at most 16 MiB; 0: 64 KiB. Not with CLEAT_CALL_STREAM */
} cleat_call_request;

#define CLEAT_CALL_DONE UINT32_C(1)     /* all of the response: with its head and body unless they were told before; trailers */
#define CLEAT_CALL_FAILED UINT32_C(2)   /* how, reason; whatever was told before is not whole */
#define CLEAT_CALL_HEAD UINT32_C(3)     /* status, headers */
#define CLEAT_CALL_DATA UINT32_C(4)     /* body */
#define CLEAT_CALL_WRITABLE UINT32_C(5) /* write takes more again, after it had taken less than it was given */

#define CLEAT_CALL_CANCELLED UINT32_C(64) /* how, beside CLEAT_END_* */
#define CLEAT_CALL_TOO_LARGE UINT32_C(65) /* how: the body was longer than body_max */

typedef struct cleat_call_event { /* dies with the callback */
  uint32_t size;
  uint32_t kind;
  uint32_t how;
  uint32_t status;
  const cleat_header *headers;
  uint64_t header_count;
  cleat_str body;
  const cleat_header *trailers;
  uint64_t trailer_count;
  cleat_str reason;
} cleat_call_event;

/* [worker] */
typedef void (*cleat_call_fn)(void *instance, cleat_call call, uint64_t owner, const cleat_call_event *event, void *user);

typedef struct cleat_host_http_call {
  uint32_t size;
  uint32_t reserved;
  /* [worker] owner: an exchange, or the instance (worker_start to worker_stop). What `request` points to is copied. CLEAT_NOT_FOUND: no such
   * cluster. At most 1,024 calls of an instance on a worker: CLEAT_LIMIT. From another thread, post (ext/post.h) and start there. */
  cleat_status (*start)(cleat_instance self, uint64_t owner, const cleat_call_request *request, cleat_call_fn fn, void *user, cleat_call *call);
  /* [worker] More of the request's body: how much of it was taken; it takes 64 KiB before the endpoint does. */
  cleat_status (*write)(cleat_call call, cleat_str data, uint64_t *accepted);
  cleat_status (*finish)(cleat_call call, const cleat_header *trailers, uint64_t count); /* [worker] the body's end */
  cleat_status (*pause)(cleat_call call, uint32_t on); /* [worker] 1: no more of a streamed response for now; 0: go on */
  cleat_status (*cancel)(cleat_call call);             /* [worker] its last event follows, once this has returned */
} cleat_host_http_call;

#ifdef __cplusplus
}
#endif
#endif
