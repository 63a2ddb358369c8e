/* cleat.handover/1: what an instance knows, for the one that takes its place. A reload that changes an instance's configuration, policy or
 * file makes a new instance of that name beside the old one; where both are of one plugin (the note's `name`) and have this table, the
 * old one is asked for its state, and the new one is handed the bytes. They may be of different builds of the plugin: bytes alone go
 * across, under a number that says how to read them.
 *
 * When: once `create` of every new instance has succeeded, before route_create, worker_start or any other call of the new one. Not of an
 * instance that stays as it is or is in quarantine, not while a configuration is only checked, not to another process (SIGUSR2).
 *
 * What is given is a snapshot. The old instance serves on, until its last exchange has ended; what it learns after give is lost to the
 * new one. The reload may still be refused: then the old one goes on alone, and is asked again by the next. So give changes nothing of
 * it. State of which nothing may be lost, such as what is counted against a quota, belongs into cleat.kv/1. */
#ifndef CLEAT_EXT_HANDOVER_H
#define CLEAT_EXT_HANDOVER_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_HANDOVER "cleat.handover/1"

typedef struct cleat_host_handover {
  uint32_t size;
  uint32_t reserved;
  /* [control] Within give alone, with what it was called with; else CLEAT_STALE. Adds the bytes, of any value, to those written before;
   * they are copied. CLEAT_LIMIT: there would be more than 64 MiB, or no memory. After a failed write nothing is handed over. */
  cleat_status (*write)(uint64_t handover, cleat_str bytes);
} cleat_host_handover;

/* The plugin's half: both entries are there. Of the two instances either may be of the newer build. */
typedef struct cleat_plugin_handover {
  uint32_t size;
  uint32_t reserved;
  /* [control] Of the old instance, while its hooks run on the workers: what they change is read as another thread would, and no
   * request waits for it. Writes its state, and sets `format` (0 before) to a number of the plugin's own that says how it is written.
   * CLEAT_OK: hand it over, also if it is empty. CLEAT_NOT_FOUND: there is nothing to hand over. Anything else: it failed; a warning,
   * and the new instance begins anew: an old one holds up no reload. */
  cleat_status (*give)(void *instance, uint64_t handover, uint32_t *format);
  /* [control] Of the new instance, at most once, after a give that answered CLEAT_OK. The bytes die when it returns, and are to be
   * read with suspicion: another build wrote them. CLEAT_OK: taken. CLEAT_UNSUPPORTED: it does not know this format, or can make
   * nothing of it, and begins anew: a line in the log. Anything else: it will not begin without; the reload is refused. */
  cleat_status (*take)(void *instance, uint32_t format, cleat_str bytes);
} cleat_plugin_handover;

#ifdef __cplusplus
}
#endif
#endif
