/* cleat.config/1: reads an instance's or a route's configuration. Every failure is recorded by the host at its
 * file:line:column, all of them, and the load is refused when create (validate, route_create) returns; a plugin may go on
 * reading after one. A key of a map that was never asked for is refused as unknown, with the nearest asked-for key as the
 * suggestion: ask for every key you know, each time. Nodes die when the call they were given to returns. */
#ifndef CLEAT_EXT_CONFIG_H
#define CLEAT_EXT_CONFIG_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_CONFIG "cleat.config/1"

#define CLEAT_CONFIG_NULL UINT32_C(0) /* absent or empty */
#define CLEAT_CONFIG_SCALAR UINT32_C(1)
#define CLEAT_CONFIG_LIST UINT32_C(2)
#define CLEAT_CONFIG_MAP UINT32_C(3)

typedef struct cleat_host_config {
  uint32_t size;
  uint32_t reserved;
  /* [control] What the node is. */
  cleat_status (*type)(cleat_config node, uint32_t *type);
  /* [control] A map's value. CLEAT_NOT_FOUND if absent (no error recorded); CLEAT_INVALID, recorded, if `node` is not a map. */
  cleat_status (*get)(cleat_config node, cleat_str key, cleat_config *value);
  /* [control] A list's or map's size, and its members in file order; `key` is empty in a list. `at` counts as asking. */
  cleat_status (*count)(cleat_config node, uint64_t *count);
  cleat_status (*at)(cleat_config node, uint64_t index, cleat_str *key, cleat_config *value);
  /* [control] A scalar as text, integer, number, boolean (0 or 1), duration ("250ms", "2s", "1m", "1h") in milliseconds,
   * size ("16KiB", "1MB", "512") in bytes. Out of form or range: recorded, CLEAT_INVALID. */
  cleat_status (*text)(cleat_config node, cleat_str *value);
  cleat_status (*integer)(cleat_config node, int64_t least, int64_t most, int64_t *value);
  cleat_status (*number)(cleat_config node, double *value);
  cleat_status (*boolean)(cleat_config node, uint32_t *value);
  cleat_status (*duration_ms)(cleat_config node, uint64_t *value);
  cleat_status (*bytes)(cleat_config node, uint64_t *value);
  /* [control] The whole subtree as JSON text (counts as asking for all of it); the view lives as long as the node. */
  cleat_status (*json)(cleat_config node, cleat_str *text);
  /* [control] Records an error at this node, in the plugin's own words; the load will be refused. */
  cleat_status (*error)(cleat_config node, cleat_str text);
  /* [control] A path as the operator meant it: relative ones are relative to the configuration file. */
  cleat_status (*path)(cleat_config node, cleat_str *value);
} cleat_host_config;

#ifdef __cplusplus
}
#endif
#endif
