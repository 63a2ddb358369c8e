/* types.h: the words both tables are written in: views, handles, status, verdicts, constants.
 *
 * Plain C11 that is also C++11. Two kinds of struct: a VALUE (cleat_str, cleat_header) has a layout that never changes;
 * every other struct begins with `uint32_t size`, set by whoever fills it in, and grows at its end only.
 * Rules, promises and the change log: ABI.md beside this file. */
#ifndef CLEAT_TYPES_H
#define CLEAT_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI these headers describe: major << 16 | minor. 0.9 is the last before the freeze at 1.0. */
#define CLEAT_ABI_0_9 UINT32_C(0x00000009)
#define CLEAT_ABI CLEAT_ABI_0_9

/* VALUE. A view of `size` bytes, not NUL-terminated; data may be NULL when size is 0. Whoever hands out a view owns
 * the bytes. A view given to a plugin dies when the hook returns or the object it came from is changed. */
typedef struct cleat_str {
  const char *data;
  uint64_t size;
} cleat_str;

/* VALUE. One header or trailer field. Names compare without regard to case (RFC 9110 5.1). */
typedef struct cleat_header {
  cleat_str name;
  cleat_str value;
} cleat_header;

/* Handles: opaque, never 0 when valid, carry a generation. A late one answers CLEAT_STALE and touches nothing. */
typedef uint64_t cleat_exchange; /* one request and its response */
typedef uint64_t cleat_conn;     /* one downstream connection */
typedef uint64_t cleat_instance; /* one configured use of a plugin, in one generation */
typedef uint64_t cleat_ticket;   /* the right to resume one suspended hook, once */
typedef uint64_t cleat_timer;
typedef uint64_t cleat_config;   /* a node of configuration; dies when the call it was given to returns */
typedef uint64_t cleat_series;   /* a metric with its labels resolved */

/* What every call returns. After a failure on this thread `error_text` of the host table says more. */
typedef int32_t cleat_status;
#define CLEAT_OK INT32_C(0)
#define CLEAT_STALE INT32_C(-1)        /* the handle's object is gone, or the ticket was used */
#define CLEAT_INVALID INT32_C(-2)      /* an argument is out of its domain; nothing was changed */
#define CLEAT_NOT_FOUND INT32_C(-3)    /* no such header, key, value */
#define CLEAT_TOO_SMALL INT32_C(-4)    /* the output's capacity is short; the needed count was returned */
#define CLEAT_LIMIT INT32_C(-5)        /* a bound would be exceeded */
#define CLEAT_WRONG_PHASE INT32_C(-6)  /* not possible at this point of the exchange */
#define CLEAT_WRONG_THREAD INT32_C(-7) /* the function's thread tag was not kept */
#define CLEAT_UNSUPPORTED INT32_C(-8)  /* this host, or this object, cannot */
#define CLEAT_FAILED INT32_C(-9)       /* anything else: the text says what */

/* What a hook answers. All are legal in every hook that returns a verdict. Any other number is a failure.
 *   CONTINUE     go on with the next plugin, then the next stage.
 *   REPLIED      host->reply was called: the exchange is answered now. on_connection: close it.
 *   SUSPEND      host->suspend was called: nothing moves until the ticket is resumed. Bounded by `suspend_timeout`.
 *   FAIL         could not decide: the instance's `on_failure` applies (open: CONTINUE, closed: a 500 reply).
 *   UNSUBSCRIBE  CONTINUE, and call none of this instance's hooks (on_end included) for this exchange again. */
typedef uint32_t cleat_verdict;
#define CLEAT_CONTINUE UINT32_C(0)
#define CLEAT_REPLIED UINT32_C(1)
#define CLEAT_SUSPEND UINT32_C(2)
#define CLEAT_FAIL UINT32_C(3)
#define CLEAT_UNSUBSCRIBE UINT32_C(4)

/* Which list of fields, or which body. */
typedef uint32_t cleat_part;
#define CLEAT_REQUEST UINT32_C(0)
#define CLEAT_RESPONSE UINT32_C(1)
#define CLEAT_REQUEST_TRAILERS UINT32_C(2)
#define CLEAT_RESPONSE_TRAILERS UINT32_C(3)

/* The parts of a request head that are not header fields. */
typedef uint32_t cleat_field;
#define CLEAT_METHOD UINT32_C(1)    /* get, set */
#define CLEAT_SCHEME UINT32_C(2)    /* get: http or https */
#define CLEAT_AUTHORITY UINT32_C(3) /* get, set: host[:port], never in a header list; sent as Host */
#define CLEAT_TARGET UINT32_C(4)    /* get, set: path[?query], normalised by the host after every set */
#define CLEAT_PATH UINT32_C(5)      /* get: the target up to '?' */
#define CLEAT_QUERY UINT32_C(6)     /* get: the target after '?', empty if none */

/* Log levels. */
#define CLEAT_DEBUG UINT32_C(0)
#define CLEAT_INFO UINT32_C(1)
#define CLEAT_WARN UINT32_C(2)
#define CLEAT_ERROR UINT32_C(3)

/* A reply made here instead of by an upstream. The host copies everything before `reply` returns. Content-Length, Date and
 * Connection are the host's; the body is dropped for HEAD, 204 and 304. */
typedef struct cleat_reply {
  uint32_t size;
  uint32_t status;             /* 200..599 */
  const cleat_header *headers; /* `header_count` of them, or NULL */
  uint64_t header_count;
  cleat_str body;
  cleat_str reason;            /* a short token for the access log, such as "api_key_missing"; may be empty */
} cleat_reply;

/* How an attempt ended. */
#define CLEAT_END_RESPONSE UINT32_C(0)       /* a final response head arrived: `status` holds it */
#define CLEAT_END_CONNECT_FAILED UINT32_C(1) /* refused, unreachable */
#define CLEAT_END_CONNECT_TIMEOUT UINT32_C(2)
#define CLEAT_END_RESET UINT32_C(3)          /* closed or reset before a response head was complete */
#define CLEAT_END_TIMEOUT UINT32_C(4)        /* the attempt's own timeout */
#define CLEAT_END_MALFORMED UINT32_C(5)      /* the reply broke the protocol */
#define CLEAT_END_NO_ENDPOINT UINT32_C(6)    /* no endpoint, or every one unhealthy */
#define CLEAT_END_OVERFLOW UINT32_C(7)       /* the cluster's connection or pending bound */

#define CLEAT_ATTEMPT_CAN_RETRY UINT32_C(1)  /* flag: `retry` would be accepted now */
#define CLEAT_ATTEMPT_UNSENT UINT32_C(2)     /* flag: no byte of the request reached an endpoint */

typedef struct cleat_attempt_end {
  uint32_t size;
  uint32_t attempt; /* 1 for the first */
  uint32_t how;     /* CLEAT_END_* */
  uint32_t status;  /* 0 unless CLEAT_END_RESPONSE */
  uint32_t flags;   /* CLEAT_ATTEMPT_* */
  uint32_t reserved;
  uint64_t elapsed_us;
} cleat_attempt_end;

#define CLEAT_RETRY_OTHER_ENDPOINT UINT32_C(1) /* flag: prefer an endpoint not tried yet */

typedef struct cleat_retry {
  uint32_t size;
  uint32_t flags;    /* CLEAT_RETRY_* */
  uint64_t delay_ms; /* wait before the next attempt */
} cleat_retry;

/* An event. REOPEN, "cleat.reopen": log files have been moved away, open them anew (SIGUSR1); every plugin is told. NAMED: one that the
 * plugin subscribed to through cleat.events/1. */
#define CLEAT_EVENT_REOPEN UINT32_C(1)
#define CLEAT_EVENT_NAMED UINT32_C(2)

typedef struct cleat_event {
  uint32_t size;
  uint32_t kind;
  cleat_str name;
  cleat_str data;
} cleat_event;

#ifdef __cplusplus
}
#endif
#endif
