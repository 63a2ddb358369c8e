/* cleat.metadata/1: typed values of one exchange, handed from plugin to plugin and to access logs. Keys are names such as
 * "api_key.owner" (the plugin's name first), made into numbers once, at create. The last set wins. Values live until
 * after on_end; texts together are bounded by the exchange's memory (64 KiB). */
#ifndef CLEAT_EXT_METADATA_H
#define CLEAT_EXT_METADATA_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_METADATA "cleat.metadata/1"

#define CLEAT_METADATA_TEXT UINT32_C(1)
#define CLEAT_METADATA_INTEGER UINT32_C(2)
#define CLEAT_METADATA_NUMBER UINT32_C(3)

typedef struct cleat_host_metadata {
  uint32_t size;
  uint32_t reserved;
  /* [control] The key's number, the same for every plugin of the process. [a-z0-9_.]{1,64}; at most 4096 keys: CLEAT_LIMIT. */
  cleat_status (*key)(cleat_str name, uint32_t *key);
  /* [worker] */
  cleat_status (*set_text)(cleat_exchange x, uint32_t key, cleat_str value);
  cleat_status (*set_integer)(cleat_exchange x, uint32_t key, int64_t value);
  cleat_status (*set_number)(cleat_exchange x, uint32_t key, double value);
  /* [worker] CLEAT_NOT_FOUND if unset, CLEAT_INVALID if of another type. The view lives until the key is set again. */
  cleat_status (*get_text)(cleat_exchange x, uint32_t key, cleat_str *value);
  cleat_status (*get_integer)(cleat_exchange x, uint32_t key, int64_t *value);
  cleat_status (*get_number)(cleat_exchange x, uint32_t key, double *value);
  /* [worker] The type (CLEAT_METADATA_*), or CLEAT_NOT_FOUND. */
  cleat_status (*type)(cleat_exchange x, uint32_t key, uint32_t *type);
} cleat_host_metadata;

#ifdef __cplusplus
}
#endif
#endif
