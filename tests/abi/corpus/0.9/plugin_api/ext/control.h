/* cleat.control/1: the running process: what it is like, and what an operator may ask of it. For admin-like plugins: whoever uses it
 * decides who may ask. */
#ifndef CLEAT_EXT_CONTROL_H
#define CLEAT_EXT_CONTROL_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_CONTROL "cleat.control/1"

#define CLEAT_STATE_STARTING UINT32_C(0) /* workers have not all begun */
#define CLEAT_STATE_SERVING UINT32_C(1)
#define CLEAT_STATE_DRAINING UINT32_C(2) /* no new connections; what is under way is finished */
#define CLEAT_STATE_STOPPING UINT32_C(3)

/* [control] The answer to a question: CLEAT_OK and the text, or another status and the reason. The text dies with the call. */
typedef void (*cleat_control_fn)(void *instance, cleat_status status, cleat_str text, void *user);

/* Functions with a callback: when they return CLEAT_OK it is called once, never before they have returned; not after the
 * instance's destroy: what `user` points to is then destroy's to free. CLEAT_LIMIT: too many wait already. */
typedef struct cleat_host_control {
  uint32_t size;
  uint32_t reserved;
  /* [any] CLEAT_STATE_* */
  cleat_status (*state)(uint32_t *state);
  /* [any] Reads the configuration again. CLEAT_FAILED: refused, for these reasons, and nothing has changed. */
  cleat_status (*reload)(cleat_instance self, cleat_control_fn fn, void *user);
  /* [any] Begins to drain, and ends the process after, as SIGTERM does. */
  cleat_status (*drain)(cleat_instance self);
  /* [any] Puts instances of this name that are in quarantine back to work. CLEAT_NOT_FOUND: there is none of the name;
   * CLEAT_WRONG_PHASE: it is not in quarantine. */
  cleat_status (*restore)(cleat_instance self, cleat_str instance, cleat_control_fn fn, void *user);
  /* [any] From which level on lines are written: CLEAT_DEBUG .. CLEAT_ERROR. Holds until the next reload. */
  cleat_status (*log_level_get)(uint32_t *level);
  cleat_status (*log_level_set)(cleat_instance self, uint32_t level);
  /* [any] JSON of "server", "config", "listeners", "clusters", "plugins" or "generations"; kernel/README.md says what is in it.
   * Fields are added and never change or go; what looks like a secret is replaced by "[redacted]". CLEAT_NOT_FOUND: no such topic. */
  cleat_status (*describe)(cleat_instance self, cleat_str topic, cleat_control_fn fn, void *user);
} cleat_host_control;

#ifdef __cplusplus
}
#endif
#endif
