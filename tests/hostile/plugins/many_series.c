/* Defines a metric of 100,000 series at create: as many as the host lets it have. */
#include <stdio.h>
#include <string.h>

#include "plugin_api/ext/metrics.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=many_series\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.metrics/1\n");

static const cleat_host *host;

static cleat_str str(const char *text) {
  const cleat_str view = {text, strlen(text)};
  return view;
}

static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_metrics *metrics = host->find(str(CLEAT_EXT_METRICS));
  const cleat_str label = str("number");
  cleat_metric_def def = {.size = sizeof def, .kind = CLEAT_COUNTER};
  uint64_t metric, i;
  cleat_status status;
  *instance = NULL;
  def.name = str("many_series_total");
  def.help = str("One of many");
  def.labels = &label;
  def.label_count = 1;
  def.series_max = 1000000;
  status = metrics->define(info->self, &def, &metric);
  for (i = 0; i < 100000 && status == CLEAT_OK; ++i) {
    char number[32];
    cleat_str value;
    cleat_series series;
    snprintf(number, sizeof number, "%08llu", (unsigned long long)i);
    value = str(number);
    status = metrics->series(metric, &value, 1, &series);
    if (status == CLEAT_OK) metrics->add(series, (int64_t)i);
  }
  return status;
}

static const cleat_plugin table = {.size = sizeof(cleat_plugin), .abi = CLEAT_ABI, .create = create};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
