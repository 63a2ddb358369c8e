/* cleat.events/1 (draft): named events of the process. NOT IN 0.9: find() answers NULL for this id, which is reserved. on_event is called
 * for cleat.reopen (SIGUSR1) only, with nothing to subscribe.
 *
 * Will give: subscribe by name or prefix at create, publish from any thread, delivery through on_event on the control thread, or as a
 * post to a worker; a bounded queue that counts what it drops. The kernel's own names begin with "cleat.": configuration
 * applied, endpoints changed, secret rotated, drain, instance quarantined. An event kind reaches only plugins built for
 * the ABI that has it.
 * For: caches that must be dropped, exporters, controllers. */
#ifndef CLEAT_EXT_DRAFT_EVENTS_H
#define CLEAT_EXT_DRAFT_EVENTS_H
#include "../../types.h"

#define CLEAT_EXT_EVENTS "cleat.events/1"

#endif
