/* cleat.timer/1: callbacks after a time, on the worker that armed them. Coarse: never early, late by up to 10 ms. */
#ifndef CLEAT_EXT_TIMER_H
#define CLEAT_EXT_TIMER_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_TIMER "cleat.timer/1"

/* `owner` and `user` are those of `arm`; the timer is gone when this is called, and may be armed anew inside. [worker] */
typedef void (*cleat_timer_fn)(void *instance, uint64_t owner, void *user);

typedef struct cleat_host_timer {
  uint32_t size;
  uint32_t reserved;
  /* [worker] owner: an exchange or a connection (the timer is cancelled when it ends), or the instance (worker_start to
   * worker_stop, of this worker). At most 16 timers an owner that is not the instance, 65,536 an instance and worker:
   * CLEAT_LIMIT. delay_ms <= 2^31. */
  cleat_status (*arm)(cleat_instance self, uint64_t owner, uint64_t delay_ms, cleat_timer_fn fn, void *user, cleat_timer *timer);
  /* [worker] Moves the deadline to delay_ms from now; CLEAT_STALE if it has fired or was cancelled. */
  cleat_status (*rearm)(cleat_timer timer, uint64_t delay_ms);
  /* [worker] After it returns CLEAT_OK the callback will not be called. CLEAT_STALE as above. */
  cleat_status (*cancel)(cleat_timer timer);
} cleat_host_timer;

#ifdef __cplusplus
}
#endif
#endif
