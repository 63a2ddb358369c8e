/* cleat.handler/1: the plugin is the origin of a route (`handler: <instance>`). The exchange passes every hook as if an
 * upstream had answered, on_attempt and on_attempt_end excepted. */
#ifndef CLEAT_EXT_HANDLER_H
#define CLEAT_EXT_HANDLER_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_HANDLER "cleat.handler/1"

/* The plugin's half. */
typedef struct cleat_plugin_handler {
  uint32_t size;
  uint32_t reserved;
  /* [worker] The request head is complete. CONTINUE: the answer is, or will be, made through cleat_host_handler.
   * REPLIED: host->reply holds it all. FAIL: a 500. SUSPEND: asked again, from the start, when resumed. */
  cleat_verdict (*on_handle)(void *instance, cleat_exchange x);
  /* [worker] A piece of the request body, read by cleat.body/1 view (no subscription needed); flags: CLEAT_BODY_END. NULL: the
   * body is read and dropped. SUSPEND holds the sender back. Called with an empty last piece also where there is no body. */
  cleat_verdict (*on_handle_body)(void *instance, cleat_exchange x, uint32_t flags);
  /* [worker] `write` accepted less than all, and now there is room again. May be NULL. */
  void (*on_writable)(void *instance, cleat_exchange x);
  /* [worker] The exchange is over, or no more is wanted of it; on_end follows if the instance is in the chain too. May be NULL. */
  void (*on_handle_end)(void *instance, cleat_exchange x);
} cleat_plugin_handler;

/* The host's half: from on_handle on, in any hook or callback on the exchange's worker (timer, post). */
typedef struct cleat_host_handler {
  uint32_t size;
  uint32_t reserved;
  /* [worker] Begins the answer: status and headers of `head` (its body must be empty). A Content-Length among the headers
   * is kept, and the body held to it; without one the body is framed chunked. */
  cleat_status (*start)(cleat_exchange x, const cleat_reply *head);
  /* [worker] More of the body. `accepted` <= data.size: less when downstream is slow; go on at on_writable. */
  cleat_status (*write)(cleat_exchange x, cleat_str data, uint64_t *accepted);
  /* [worker] Ends the answer, with trailers or none. */
  cleat_status (*finish)(cleat_exchange x, const cleat_header *trailers, uint64_t count);
  /* [worker] Cuts the answer off: downstream sees a broken message. */
  cleat_status (*abort)(cleat_exchange x);
} cleat_host_handler;

#ifdef __cplusplus
}
#endif
#endif
