/* cleat.events/1: named events of the process. A plugin subscribes to names; what is published under them comes through its
 * on_event, on the control thread, one at a time, in the order of publishing, as a cleat_event of kind CLEAT_EVENT_NAMED. An event
 * says that something is worth looking at: a queue holds 4,096, and what does not fit is counted and lost. It is delivered to
 * instances that are created when its turn comes.
 *
 * A name is 1 to 128 of A-Z a-z 0-9 _ - . ; a pattern is a name, or one with ".*" after it: every name below it. Names that begin with
 * "cleat." are the host's. Their data is text, "key=value" separated by blanks, keys at most added:
 *   cleat.generation.applied   generation=7                          all workers have switched to it
 *   cleat.generation.refused   the reasons, a line each, cut at the bound; nothing has changed
 *   cleat.generation.retired   generation=6                          its last exchange has ended
 *   cleat.endpoints.changed    cluster=api endpoints=3
 *   cleat.secret.changed       secret=server               or it is new; before the cleat.generation.applied of what it came with
 *   cleat.drain                                                      no new connections are taken from now on
 *   cleat.instance.stalled     instance=authn hook=on_request thread=cleat-w1
 *   cleat.instance.quarantined instance=authn
 *   cleat.instance.restored    instance=authn */
#ifndef CLEAT_EXT_EVENTS_H
#define CLEAT_EXT_EVENTS_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_EVENTS "cleat.events/1"

typedef struct cleat_host_events {
  uint32_t size;
  uint32_t reserved;
  /* [control] From now on, until the instance is destroyed; twice is once. CLEAT_LIMIT over 64 patterns of an instance. */
  cleat_status (*subscribe)(cleat_instance self, cleat_str pattern);
  /* [any] `data` <= 4,096 bytes, of any content. CLEAT_INVALID for the host's names; CLEAT_LIMIT if it was dropped. Delivered after this
   * call has returned, to the publisher too if it subscribed. */
  cleat_status (*publish)(cleat_instance self, cleat_str name, cleat_str data);
} cleat_host_events;

#ifdef __cplusplus
}
#endif
#endif
