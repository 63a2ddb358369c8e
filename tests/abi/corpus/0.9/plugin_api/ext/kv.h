/* cleat.kv/1: state that workers share, kept over generations: keys and values of any bytes in spaces, each with a bound. Everything is
 * in this process's memory: a restart, also a hot one, begins anew. Every call locks a part of the space for as long as it copies.
 *
 * A version names one state of one key: it changes with every change, and none comes twice in a space. What has outlived its time to
 * live is not there. When a space is full, what has expired makes room; what lives never does: CLEAT_LIMIT. */
#ifndef CLEAT_EXT_KV_H
#define CLEAT_EXT_KV_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_KV "cleat.kv/1"

#define CLEAT_KV_PLUGIN UINT32_C(1) /* open: shared by all instances of the plugin, not only by those of this name */

typedef struct cleat_host_kv {
  uint32_t size;
  uint32_t reserved;
  /* [control] The space of that name, 1 to 64 of A-Z a-z 0-9 _ . -, made if there is none. It lives as long as an instance that has
   * opened it; the next generation's is created before the last one's is destroyed, and finds it as it was. bytes_max: of
   * all entries, each counted with 96 more; 1 KiB to 1 GiB; who asks for more than was asked for before widens it. At most 1,024
   * spaces in all, 16 of an instance: CLEAT_LIMIT. The other calls answer CLEAT_STALE once it is gone. */
  cleat_status (*open)(cleat_instance self, cleat_str name, uint32_t flags, uint64_t bytes_max, uint64_t *space);
  /* [any] Keys are 1 to 512 bytes: CLEAT_INVALID. The value, up to `capacity` bytes; `needed` gets its size. version may be NULL. */
  cleat_status (*get)(uint64_t space, cleat_str key, char *buffer, uint64_t capacity, uint64_t *needed, uint64_t *version);
  /* [any] Values are at most 64 KiB. ttl_ms: 0 = for ever. version, of what it is now, may be NULL. */
  cleat_status (*set)(uint64_t space, cleat_str key, cleat_str value, uint64_t ttl_ms, uint64_t *version);
  /* [any] The same if the key's version is `expected`, 0: if there is no such key; else CLEAT_STALE, and nothing is changed. */
  cleat_status (*set_if)(uint64_t space, cleat_str key, cleat_str value, uint64_t ttl_ms, uint64_t expected, uint64_t *version);
  /* [any] expected 0: whatever its version is. CLEAT_NOT_FOUND, CLEAT_STALE as above. */
  cleat_status (*remove)(uint64_t space, cleat_str key, uint64_t expected);
  /* [any] Adds to a decimal integer, in one step; one that is not there is 0, and gets ttl_ms; else its time stays as it is. `value`, of
   * what it is now, may be NULL. CLEAT_INVALID where the value is no such number, or would leave 64 bits. */
  cleat_status (*add)(uint64_t space, cleat_str key, int64_t amount, uint64_t ttl_ms, int64_t *value);
  /* [any] The first key behind `after`, in the order of bytes, that begins with `prefix`; both may be empty. CLEAT_NOT_FOUND at the
   * end. A walk that others change meanwhile sees each key that stays. */
  cleat_status (*next)(uint64_t space, cleat_str prefix, cleat_str after, char *buffer, uint64_t capacity, uint64_t *needed);
} cleat_host_kv;

#ifdef __cplusplus
}
#endif
#endif
