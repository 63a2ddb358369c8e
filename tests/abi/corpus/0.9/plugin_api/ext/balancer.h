/* cleat.balancer/1: the plugin chooses a cluster's endpoints (`balancer: {use: <instance>, config: ...}`). */
#ifndef CLEAT_EXT_BALANCER_H
#define CLEAT_EXT_BALANCER_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_BALANCER "cleat.balancer/1"

typedef struct cleat_endpoint {
  uint32_t size;
  uint32_t weight; /* 1..65535 */
  cleat_str address; /* ip:port, [ip]:port or unix path */
} cleat_endpoint;

/* The endpoints of one cluster in one generation. Dies with the generation. */
typedef struct cleat_endpoint_set {
  uint32_t size;
  uint32_t reserved;
  uint64_t cluster; /* names the set in cleat_host_balancer */
  cleat_str cluster_name;
  const cleat_endpoint *endpoints;
  uint64_t endpoint_count;
  uint64_t endpoint_stride; /* bytes from one to the next: they grow too */
} cleat_endpoint_set;

/* The plugin's half. */
typedef struct cleat_plugin_balancer {
  uint32_t size;
  uint32_t reserved;
  /* [control] A state for this cluster, shared by all workers. */
  cleat_status (*set_create)(void *instance, const cleat_endpoint_set *set, cleat_config config, void **state);
  void (*set_destroy)(void *instance, void *state); /* [control] */
  /* [worker] The endpoint for this attempt: index < endpoint_count. A failure, or an index out of range, falls back to
   * weighted round robin and is counted against the plugin. */
  cleat_status (*pick)(void *instance, void *state, cleat_exchange x, uint64_t *index);
} cleat_plugin_balancer;

/* The host's half. `cluster` from cleat_endpoint_set, index as there. */
typedef struct cleat_host_balancer {
  uint32_t size;
  uint32_t reserved;
  /* [any] Exchanges in flight to the endpoint, summed over workers. */
  cleat_status (*in_flight)(uint64_t cluster, uint64_t index, uint64_t *count);
  /* [any] Health as the kernel's own choice sees it: 0 unhealthy, 1 healthy (the start). Unhealthy ones are passed over. */
  cleat_status (*health_get)(uint64_t cluster, uint64_t index, uint32_t *healthy);
  cleat_status (*health_set)(uint64_t cluster, uint64_t index, uint32_t healthy);
  /* [worker] 1 if an earlier attempt of this exchange went to the endpoint and a retry asked for another. */
  cleat_status (*tried)(cleat_exchange x, uint64_t index, uint32_t *tried);
} cleat_host_balancer;

#ifdef __cplusplus
}
#endif
#endif
