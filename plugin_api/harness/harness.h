/* harness.h: libcleat_harness, a kernel without sockets for tests of one plugin. What runs is the kernel itself: its loader, its chain, its host
 * functions, its exchanges; only the two wires and the clock are the test's. It is a checking host: what a plugin does against a rule of
 * ABI.md becomes a finding, which names the rule; `cleat_harness_finish` says how many there are.
 *
 *   cleat_harness_options o = {.size = sizeof o, .plugin = "build/plugins/teapot.so", .config = "{path: /coffee}"};
 *   cleat_harness *h = cleat_harness_new(&o);
 *   if (cleat_harness_error(h)[0] != 0) ...                     what the loader, or the plugin, says against it
 *   cleat_harness_request get = {.size = sizeof get, .target = CLEAT_HARNESS_TEXT("/coffee")};
 *   uint64_t x = cleat_harness_begin(h, 0, &get);
 *   cleat_harness_message reply = {.size = sizeof reply};
 *   cleat_harness_response(h, x, &reply);                        reply.status == 418
 *   uint64_t findings = cleat_harness_finish(h);
 *   cleat_harness_delete(h);
 *
 * One harness at a time in a process. All functions are for the thread that called `cleat_harness_new`, which is the plugin's control
 * thread; hooks run on a worker's thread of its own, and each function returns when that has nothing left to do but wait: for the test, for
 * the clock, or for a thread of the plugin's own (`cleat_harness_wait`). Time stands still until `cleat_harness_step`. Texts that are given are
 * copied. Texts that are returned live until `cleat_harness_delete`, or until more of the same message has come. No TLS and no tunnels. */
#ifndef CLEAT_HARNESS_H
#define CLEAT_HARNESS_H

#include "../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_HARNESS_TEXT(literal) {(literal), sizeof(literal) - 1}

typedef struct cleat_harness cleat_harness;

/* --- hosting --- */

#define CLEAT_HARNESS_HANDLER UINT32_C(1)   /* flag: the plugin is the route's `handler` (cleat.handler/1) */
#define CLEAT_HARNESS_FAIL_OPEN UINT32_C(2) /* flag: `on_failure: open`; else closed */
#define CLEAT_HARNESS_UNCHECKED UINT32_C(4) /* flag: nothing is checked, views are not guarded: for measurements */
#define CLEAT_HARNESS_QUIET UINT32_C(8)     /* flag: findings are not printed on standard error as they are made */

typedef struct cleat_harness_options {
  uint32_t size;
  uint32_t flags;            /* CLEAT_HARNESS_* */
  const char *plugin;        /* the .so; or NULL, and `entry` */
  cleat_plugin_v1_fn entry;  /* the function of a plugin that is linked into the test: its note is not read */
  const char *name;          /* of the instance; NULL: "plugin" */
  const char *config;        /* its `config:`, YAML or JSON; NULL: none */
  const char *route_config;  /* the route's `plugins:` entry of it; NULL: none */
  const char *clusters;      /* names separated by spaces, that the plugin may call or choose; "origin" is there always */
  const char *document;      /* a whole configuration in place of all of the above but the flags; its plugins are found as `cleat run` finds them */
  const char *folder;        /* what relative paths in the configuration are relative to; NULL: the current one */
} cleat_harness_options;

/* Loads the plugin, creates the instance, starts the worker. Never NULL; where it failed `cleat_harness_error` is not empty, and
 * only that, `cleat_harness_finish` and `cleat_harness_delete` may be called. */
cleat_harness *cleat_harness_new(const cleat_harness_options *options);
/* What the latest function of the harness that failed has to say, NUL-terminated; of `new` and `reload` with the plugin's own words. */
const char *cleat_harness_error(const cleat_harness *h);
/* Another generation with this configuration beside the old one, as SIGHUP makes; exchanges under way stay in theirs. CLEAT_FAILED: it was
 * refused, and nothing has changed. */
cleat_status cleat_harness_reload(cleat_harness *h, const char *config);
/* Cuts what is open, stops the worker, asks on_shutdown, destroys the instance, looks for threads and descriptors that it has left behind. How many
 * findings there are. */
uint64_t cleat_harness_finish(cleat_harness *h);
void cleat_harness_delete(cleat_harness *h); /* finishes what is not finished */

/* --- the client's side --- */

/* A connection to the first listener from `peer` ("192.0.2.1:4711"; NULL: 127.0.0.1 and a port); on_connection is asked. 0: it could not be made. */
uint64_t cleat_harness_connect(cleat_harness *h, const char *peer);
uint64_t cleat_harness_connect_to(cleat_harness *h, const char *listener, const char *peer); /* of a `document` with several listeners: that one */
cleat_status cleat_harness_disconnect(cleat_harness *h, uint64_t connection);

#define CLEAT_HARNESS_OPENING UINT32_C(0)   /* of a connection: a hook has suspended it */
#define CLEAT_HARNESS_OPEN UINT32_C(1)      /* of a connection */
#define CLEAT_HARNESS_RECEIVING UINT32_C(2) /* of an exchange: more of the request's body is awaited */
#define CLEAT_HARNESS_SUSPENDED UINT32_C(3) /* a hook has said SUSPEND: `cleat_harness_where` names it */
#define CLEAT_HARNESS_UPSTREAM UINT32_C(4)  /* an attempt is out: `cleat_harness_outgoing` finds it */
#define CLEAT_HARNESS_PAUSED UINT32_C(5)    /* waits for the time of another attempt */
#define CLEAT_HARNESS_ANSWERING UINT32_C(6) /* the response's head was sent, or a handler is to write it */
#define CLEAT_HARNESS_CLOSED UINT32_C(7)    /* of a connection; of an exchange: over, on_end has been called */

/* Of a connection or an exchange; CLEAT_HARNESS_CLOSED of a number that names neither. */
uint32_t cleat_harness_state(cleat_harness *h, uint64_t subject);
cleat_str cleat_harness_where(cleat_harness *h, uint64_t exchange); /* the hook that has suspended it ("on_request"), or nothing */

#define CLEAT_HARNESS_BODY UINT32_C(1) /* flag of a request, an answer: a body follows in pieces, of no known length */

typedef struct cleat_harness_request {
  uint32_t size;
  uint32_t flags;              /* CLEAT_HARNESS_BODY */
  cleat_str method;            /* empty: GET */
  cleat_str target;            /* empty: "/" */
  cleat_str authority;         /* sent as Host; NULL: "example.org"; empty, but not NULL: none */
  const cleat_header *headers; /* as they are: framing of their own is judged as the kernel judges it */
  uint64_t header_count;
  cleat_str body;              /* all of it, with Content-Length; empty with CLEAT_HARNESS_BODY */
  uint64_t content_length;     /* with CLEAT_HARNESS_BODY: the length is announced; 0: it is not */
} cleat_harness_request;

/* A request's head, of HTTP/1.1, on an open connection that has no other under way; 0: on a new one of its own. What the kernel would refuse
 * with a 4xx is refused here too. 0: it could not be begun. */
uint64_t cleat_harness_begin(cleat_harness *h, uint64_t connection, const cleat_harness_request *request);
/* More of the body. CLEAT_LIMIT: the exchange takes no more at present, and kept none of it; CLEAT_WRONG_PHASE: none is to come. */
cleat_status cleat_harness_body(cleat_harness *h, uint64_t exchange, cleat_str data);
cleat_status cleat_harness_body_end(cleat_harness *h, uint64_t exchange, const cleat_header *trailers, uint64_t count);
cleat_status cleat_harness_abort(cleat_harness *h, uint64_t exchange); /* the client goes away */

#define CLEAT_HARNESS_HEAD UINT32_C(1)     /* the head is here */
#define CLEAT_HARNESS_END UINT32_C(2)      /* all of it is */
#define CLEAT_HARNESS_CUT UINT32_C(4)      /* it was cut off */
#define CLEAT_HARNESS_LOCAL UINT32_C(8)    /* made by the kernel or a plugin: `flag` says why */
#define CLEAT_HARNESS_CALL UINT32_C(16)    /* of cleat.http_call/1, not an attempt of an exchange */
#define CLEAT_HARNESS_RELEASED UINT32_C(32) /* whoever made the request has let go of it: answers go nowhere */

typedef struct cleat_harness_message {
  uint32_t size;
  uint32_t flags;              /* CLEAT_HARNESS_HEAD ... */
  uint32_t status;
  uint32_t header_count;
  const cleat_header *headers; /* as sent, framing left out */
  cleat_str body;
  const cleat_header *trailers;
  uint64_t trailer_count;
  cleat_str flag;              /* "plugin_reply", "no_route" ...: the table in kernel/README.md; empty: an upstream's response */
  cleat_str by;                /* the plugin instance that replied; empty: the kernel, or nobody */
  cleat_str reason;            /* of a reply: cleat_reply.reason */
  uint64_t informational;      /* how many 1xx heads went before */
} cleat_harness_message;

/* What the client has got so far, and still can be asked when the exchange is over. */
cleat_status cleat_harness_response(cleat_harness *h, uint64_t exchange, cleat_harness_message *response);

/* --- the upstream's side --- */

/* The oldest request to a cluster, of an exchange or a plugin's call, that this function has not returned yet; 0: there is none. */
uint64_t cleat_harness_outgoing(cleat_harness *h);

typedef struct cleat_harness_outgoing_request {
  uint32_t size;
  uint32_t flags;     /* CLEAT_HARNESS_HEAD, _END, _CALL, _RELEASED */
  uint64_t exchange;  /* whose attempt it is, or whose call; 0: a call for the instance */
  uint32_t attempt;   /* 1 for the first; 0 of a call */
  uint32_t header_count;
  cleat_str cluster;
  cleat_str method, target, authority;
  const cleat_header *headers; /* as sent, Host and framing left out */
  cleat_str body;
  const cleat_header *trailers;
  uint64_t trailer_count;
} cleat_harness_outgoing_request;

cleat_status cleat_harness_outgoing_get(cleat_harness *h, uint64_t outgoing, cleat_harness_outgoing_request *request);

typedef struct cleat_harness_answer {
  uint32_t size;
  uint32_t flags;              /* CLEAT_HARNESS_BODY: pieces follow */
  uint32_t status;             /* 100..199 may come before the final one; no 101 */
  uint32_t header_count;
  const cleat_header *headers;
  cleat_str body;              /* all of it; empty with CLEAT_HARNESS_BODY */
} cleat_harness_answer;

/* CLEAT_WRONG_PHASE: it is answered already, or released; CLEAT_INVALID: the kernel would take this head for malformed. */
cleat_status cleat_harness_answer_send(cleat_harness *h, uint64_t outgoing, const cleat_harness_answer *answer);
/* More of a body. CLEAT_LIMIT: the other side takes no more at present, and kept none of it. */
cleat_status cleat_harness_answer_body(cleat_harness *h, uint64_t outgoing, cleat_str data);
cleat_status cleat_harness_answer_end(cleat_harness *h, uint64_t outgoing, const cleat_header *trailers, uint64_t count);
/* In place of an answer: CLEAT_END_CONNECT_FAILED, _CONNECT_TIMEOUT, _RESET, _TIMEOUT, _MALFORMED, _OVERFLOW. After a head: it breaks off. */
cleat_status cleat_harness_answer_fail(cleat_harness *h, uint64_t outgoing, uint32_t how);

/* --- time, the plugin's threads, the process --- */

/* The worker's clock goes on by this much: timers and timeouts that are due fire, in their order. At most a day. */
cleat_status cleat_harness_step(cleat_harness *h, uint64_t ms);
uint64_t cleat_harness_now_ms(const cleat_harness *h); /* since `new` */
/* Waits, in real time, until a thread of the plugin's own has posted or resumed something and that is done: CLEAT_OK; or CLEAT_NOT_FOUND. */
cleat_status cleat_harness_wait(cleat_harness *h, uint64_t real_ms_max);

cleat_status cleat_harness_reopen(cleat_harness *h);                                /* on_event(cleat.reopen), as SIGUSR1 */
cleat_status cleat_harness_event(cleat_harness *h, cleat_str name, cleat_str data); /* to whom subscribed to it: cleat.events/1 */
cleat_status cleat_harness_drain(cleat_harness *h); /* on_drain; CLEAT_OK once completed, CLEAT_NOT_FOUND: not yet, CLEAT_UNSUPPORTED: no such hook */

/* --- looking --- */

/* The value of a metric, summed over the series that have these labels ("code=403,route=a"; NULL: all of them); of a histogram how many were
 * observed. CLEAT_NOT_FOUND: there is no such metric, or series. */
cleat_status cleat_harness_metric(cleat_harness *h, const char *name, const char *labels, int64_t *value);
/* cleat.metadata/1 of an exchange, also when it is over; numbers as text. */
cleat_status cleat_harness_metadata(cleat_harness *h, uint64_t exchange, const char *key, cleat_str *value);
uint64_t cleat_harness_calls(cleat_harness *h, const char *hook);    /* how often "on_request", "on_end" ... was called, of all instances */
uint64_t cleat_harness_failures(cleat_harness *h, const char *hook); /* how often it failed: FAIL, an exception, no verdict */

typedef struct cleat_harness_line {
  uint32_t size;
  uint32_t level;   /* CLEAT_DEBUG ... */
  cleat_str source; /* "kernel", "plugin/<instance>" */
  cleat_str text;
} cleat_harness_line;

uint64_t cleat_harness_log_count(const cleat_harness *h);
cleat_status cleat_harness_log(const cleat_harness *h, uint64_t index, cleat_harness_line *line);

typedef struct cleat_harness_finding {
  uint32_t size;
  uint32_t rule;      /* 1 to 12, of ABI.md's "The twelve rules"; 0: of its "Semantics" */
  cleat_str section;  /* "rule 6", or the word that the paragraph of "Semantics" begins with: "SUSPEND" */
  cleat_str hook;     /* in which it was done; may be empty */
  cleat_str function; /* of the host; may be empty */
  cleat_str text;     /* a sentence */
} cleat_harness_finding;

uint64_t cleat_harness_finding_count(const cleat_harness *h);
cleat_status cleat_harness_finding_get(const cleat_harness *h, uint64_t index, cleat_harness_finding *finding);

#ifdef __cplusplus
}
#endif
#endif
