/* cleat.kv/1 (draft): state shared by all workers, and by the instances that ask for it. NOT IN 0.9: find() answers NULL for this id,
 * which is reserved.
 *
 * Will give: namespaces of an instance or of a plugin, kept over generations; get, set, delete, compare-and-swap on a version,
 * add on an integer, time to live, bounded list of keys; a bound in bytes for each namespace. Calls do not block: what is not local
 * answers by callback.
 * For: quotas, sessions, caches, deduplication. */
#ifndef CLEAT_EXT_DRAFT_KV_H
#define CLEAT_EXT_DRAFT_KV_H
#include "../../types.h"

#define CLEAT_EXT_KV "cleat.kv/1"

#endif
