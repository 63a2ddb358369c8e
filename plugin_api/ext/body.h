/* cleat.body/1: reading and changing bodies. Bodies pass by unseen unless an instance subscribes, per exchange and part.
 *   NONE    the default: this instance's body hook is not called.
 *   STREAM  called for each piece as it passes. SUSPEND holds the stream back, and with it the sender.
 *   WHOLE   pieces are gathered, up to `bytes_max`, and the hook is called once, with CLEAT_BODY_END. A request body is gathered
 *           before the first attempt, so the hook may still reply or change the head. Over the bound: 413, or 502 for a response.
 * Subscribe in on_connection..on_route for the request, up to on_response for the response. part: CLEAT_REQUEST or _RESPONSE.
 * A changed body is framed anew by the host: WHOLE by Content-Length, STREAM chunked. */
#ifndef CLEAT_EXT_BODY_H
#define CLEAT_EXT_BODY_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_BODY "cleat.body/1"

#define CLEAT_BODY_NONE UINT32_C(0)
#define CLEAT_BODY_STREAM UINT32_C(1)
#define CLEAT_BODY_WHOLE UINT32_C(2)

typedef struct cleat_host_body {
  uint32_t size;
  uint32_t reserved;
  /* [worker] bytes_max (WHOLE only) <= the listener's body_buffer_max: CLEAT_LIMIT otherwise; 0 means that bound. */
  cleat_status (*subscribe)(cleat_exchange x, cleat_part part, uint32_t mode, uint64_t bytes_max);
  /* The rest: inside the body hook of that part; in callbacks and hooks of this instance on that worker too, while that hook is suspended. */
  /* [worker] The piece at hand. The view dies with the hook or at the next change. */
  cleat_status (*view)(cleat_exchange x, cleat_part part, cleat_str *data);
  /* [worker] Changes of the piece at hand; later plugins see the result. */
  cleat_status (*append)(cleat_exchange x, cleat_part part, cleat_str data);
  cleat_status (*prepend)(cleat_exchange x, cleat_part part, cleat_str data);
  cleat_status (*replace)(cleat_exchange x, cleat_part part, cleat_str data);
  /* [worker] Takes `count` bytes off the front; CLEAT_INVALID if there are fewer. */
  cleat_status (*drain)(cleat_exchange x, cleat_part part, uint64_t count);
  /* [worker] on_request, on_route: keep the request body as it is sent, up to bytes_max, so that it can be sent again by
   * host->retry. A longer body is still sent, but not kept: CLEAT_ATTEMPT_CAN_RETRY is then off. The largest request wins. */
  cleat_status (*keep_for_replay)(cleat_exchange x, uint64_t bytes_max);
} cleat_host_body;

#ifdef __cplusplus
}
#endif
#endif
