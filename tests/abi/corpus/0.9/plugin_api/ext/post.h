/* cleat.post/1: from any thread, run a callback on the thread that owns something. */
#ifndef CLEAT_EXT_POST_H
#define CLEAT_EXT_POST_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_POST "cleat.post/1"

#define CLEAT_POST_CONTROL UINT32_MAX /* `worker` of post_worker: the control thread */

/* status: CLEAT_OK, or CLEAT_STALE when the owner is gone: `user` is then only to be freed. */
typedef void (*cleat_post_fn)(void *instance, cleat_status status, uint64_t owner, void *user);

typedef struct cleat_host_post {
  uint32_t size;
  uint32_t reserved;
  /* [any] Runs fn on the worker of `owner`, an exchange or a connection. When CLEAT_OK is returned fn is called exactly once,
   * never before this call has returned to a caller on that same thread, and after worker_start there. It is not called after
   * the instance's worker_stop (control thread: destroy): what `user` points to is then destroy's to free. A queue holds
   * 65,536: CLEAT_LIMIT over it. */
  cleat_status (*post)(cleat_instance self, uint64_t owner, cleat_post_fn fn, void *user);
  /* [any] The same for a worker by number, or CLEAT_POST_CONTROL; `owner` of the callback is the instance. */
  cleat_status (*post_worker)(cleat_instance self, uint32_t worker, cleat_post_fn fn, void *user);
} cleat_host_post;

#ifdef __cplusplus
}
#endif
#endif
