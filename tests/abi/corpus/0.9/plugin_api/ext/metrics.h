/* cleat.metrics/1: counters, gauges and histograms. Defined at create, label values resolved once to a series, then
 * added to without locks: each worker has its own shard, a reader sums them. Names and labels as Prometheus has them:
 * [a-zA-Z_:][a-zA-Z0-9_:]*. A definition equal to an earlier one is the same metric: values outlive generations. */
#ifndef CLEAT_EXT_METRICS_H
#define CLEAT_EXT_METRICS_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_METRICS "cleat.metrics/1"

#define CLEAT_COUNTER UINT32_C(1)
#define CLEAT_GAUGE UINT32_C(2)
#define CLEAT_HISTOGRAM UINT32_C(3)

typedef struct cleat_metric_def {
  uint32_t size;
  uint32_t kind;
  cleat_str name;
  cleat_str help;
  const cleat_str *labels; /* label names; at most 8 */
  uint64_t label_count;
  const uint64_t *bounds;  /* histogram: upper bounds, ascending, at most 32; the last bucket is open */
  uint64_t bound_count;
  uint64_t series_max;     /* bound on label tuples; 0 = 1000. Over it every further tuple shares one series of "overflow" labels */
} cleat_metric_def;

/* One series, as `visit` shows it. Views live during the callback. */
typedef struct cleat_metric_view {
  uint32_t size;
  uint32_t kind;
  cleat_str name;
  cleat_str help;
  const cleat_header *labels; /* name and value */
  uint64_t label_count;
  int64_t value;              /* counter, gauge; histogram: sum */
  const uint64_t *bounds;
  const uint64_t *buckets;    /* bound_count + 1 of them, not cumulated */
  uint64_t bound_count;
} cleat_metric_view;

typedef struct cleat_host_metrics {
  uint32_t size;
  uint32_t reserved;
  /* [control] CLEAT_INVALID with the reason if it contradicts an earlier definition of that name. */
  cleat_status (*define)(cleat_instance self, const cleat_metric_def *def, uint64_t *metric);
  /* [any] Takes a lock: resolve once, keep the series. It lives as long as the process. */
  cleat_status (*series)(uint64_t metric, const cleat_str *label_values, uint64_t count, cleat_series *series);
  /* [any] Counter: value >= 0. Gauge: adds, may be negative. On a worker without atomics read-modify-write across threads. */
  cleat_status (*add)(cleat_series series, int64_t value);
  /* [any] Histogram. */
  cleat_status (*observe)(cleat_series series, uint64_t value);
  /* [any] Every series of the process, the kernel's too, grouped by name. `fn` must not call metrics functions. */
  cleat_status (*visit)(void (*fn)(void *user, const cleat_metric_view *view), void *user);
} cleat_host_metrics;

#ifdef __cplusplus
}
#endif
#endif
