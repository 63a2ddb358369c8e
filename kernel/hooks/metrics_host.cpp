// cleat.metrics/1 and cleat.metadata/1's keys: the tables' functions over the process's registries. Everything that a plugin
// passes is checked here: the registries trust their callers.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/metrics.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/hooks/structs.hpp"

namespace cleat::hooks {
namespace {

constexpr std::uint64_t kLabelsMax = 8;
constexpr std::uint64_t kBoundsMax = 32;
constexpr std::size_t kMetadataKeysMax = 4096;
constexpr std::size_t kMetadataKeyBytesMax = 64;

cleat_status metrics_define(cleat_instance self, const cleat_metric_def* given, std::uint64_t* metric) {
  if (!on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "metrics define: only on the control thread, at best in create");
  if (find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "metrics define: no such instance");
  if (metric == nullptr) return fail_call(CLEAT_INVALID, "metrics define: the output is NULL");
  cleat_metric_def def{};
  if (const char* wrong = read_struct(given, sizeof(cleat_metric_def), def)) {
    return fail_call(CLEAT_INVALID, std::string("metrics define: the definition: ") + wrong);
  }
  if (def.kind < CLEAT_COUNTER || def.kind > CLEAT_HISTOGRAM) return fail_call(CLEAT_INVALID, "metrics define: there is no such kind");
  if (def.label_count > kLabelsMax) return fail_call(CLEAT_INVALID, "metrics define: more than 8 labels");
  if (def.bound_count > kBoundsMax) return fail_call(CLEAT_INVALID, "metrics define: more than 32 bounds");
  const bool lists = (def.labels != nullptr || def.label_count == 0) && (def.bounds != nullptr || def.bound_count == 0);
  if (bad(def.name) || bad(def.help) || !lists) {
    return fail_call(CLEAT_INVALID, "metrics define: a pointer is NULL");
  }
  metrics::Definition definition;
  definition.kind = static_cast<metrics::Kind>(def.kind);
  definition.name = to_view(def.name);
  definition.help = to_view(def.help);
  for (std::uint64_t i = 0; i < def.label_count; ++i) {
    if (bad(def.labels[i])) return fail_call(CLEAT_INVALID, "metrics define: a label is NULL");
    definition.labels.emplace_back(to_view(def.labels[i]));
  }
  definition.bounds.assign(def.bounds, def.bounds + def.bound_count);
  if (def.series_max != 0) definition.series_max = def.series_max;
  Result<metrics::MetricId> id = metrics::define(definition);
  if (!id.ok()) return fail_call(CLEAT_INVALID, "metrics define: " + id.error());
  *metric = *id;
  return CLEAT_OK;
}

cleat_status metrics_series(std::uint64_t metric, const cleat_str* values, std::uint64_t count, cleat_series* series) {
  if (series == nullptr || (values == nullptr && count != 0)) return fail_call(CLEAT_INVALID, "metrics series: a pointer is NULL");
  if (count > kLabelsMax) return fail_call(CLEAT_INVALID, "metrics series: more than 8 label values");
  std::vector<std::string_view> views;
  views.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bad(values[i])) return fail_call(CLEAT_INVALID, "metrics series: a label value is NULL");
    views.push_back(to_view(values[i]));
  }
  Result<metrics::SeriesId> id = metrics::series(metric, views);
  if (!id.ok()) return fail_call(CLEAT_INVALID, "metrics series: " + id.error());
  *series = *id;
  return CLEAT_OK;
}

cleat_status metrics_add(cleat_series series, std::int64_t value) {
  if (!metrics::valid(series)) return fail_call(CLEAT_STALE, "metrics add: no such series");
  const metrics::Kind kind = metrics::kind(series);
  if (kind == metrics::Kind::kHistogram) return fail_call(CLEAT_INVALID, "metrics add: a histogram is observed");
  if (kind == metrics::Kind::kCounter && value < 0) return fail_call(CLEAT_INVALID, "metrics add: a counter never falls");
  metrics::add(series, value);
  return CLEAT_OK;
}

cleat_status metrics_observe(cleat_series series, std::uint64_t value) {
  if (!metrics::valid(series)) return fail_call(CLEAT_STALE, "metrics observe: no such series");
  if (metrics::kind(series) != metrics::Kind::kHistogram) return fail_call(CLEAT_INVALID, "metrics observe: not a histogram");
  metrics::observe(series, value);
  return CLEAT_OK;
}

using Visitor = void (*)(void* user, const cleat_metric_view* view);

// A metric that the calls into plugins came to. Of histograms `view` holds the bounds, and the buckets are put in for each row.
void visit_hooks(const std::vector<HookRow>& rows, cleat_metric_view view, std::uint64_t HookTotal::*value, Visitor fn, void* user) {
  for (const HookRow& row : rows) {
    const std::array labels = {cleat_header{to_str("instance"), to_str(row.instance)},
                               cleat_header{to_str("hook"), to_str(hook_name(row.hook))}};
    view.labels = labels.data();
    view.label_count = labels.size();
    view.value = static_cast<std::int64_t>(row.total.*value);
    if (view.bound_count != 0) view.buckets = row.total.times.data();
    fn(user, &view);
  }
}

void visit_hooks(Visitor fn, void* user) {
  const std::vector<HookRow> rows = hook_totals();
  cleat_metric_view view{};
  view.size = sizeof view;
  view.kind = CLEAT_COUNTER;
  view.name = to_str("cleat_plugin_calls_total");
  view.help = to_str("Calls of a plugin's hook.");
  visit_hooks(rows, view, &HookTotal::calls, fn, user);
  view.name = to_str("cleat_plugin_failures_total");
  view.help = to_str("Calls that failed: FAIL, an exception, an answer that is no verdict, a reply that was not made.");
  visit_hooks(rows, view, &HookTotal::failures, fn, user);
  view.kind = CLEAT_HISTOGRAM;
  view.name = to_str("cleat_plugin_hook_nanoseconds");
  view.help = to_str("Time that a plugin's hook took: of one call in 128 on workers, of every call on the control thread.");
  view.bounds = kHookTimeBounds.data();
  view.bound_count = kHookTimeBounds.size();
  visit_hooks(rows, view, &HookTotal::sampled_ns, fn, user);
}

cleat_status metrics_visit(void (*fn)(void* user, const cleat_metric_view* view), void* user) {
  if (fn == nullptr) return fail_call(CLEAT_INVALID, "metrics visit: the callback is NULL");
  metrics::visit([&](const metrics::View& one) {
    std::array<cleat_header, kLabelsMax> labels;
    const std::size_t count = one.definition->labels.size();
    for (std::size_t i = 0; i < count; ++i) labels[i] = {to_str(one.definition->labels[i]), to_str((*one.label_values)[i])};
    const cleat_metric_view view = {.size = sizeof(cleat_metric_view),
                                    .kind = static_cast<std::uint32_t>(one.definition->kind),
                                    .name = to_str(one.definition->name),
                                    .help = to_str(one.definition->help),
                                    .labels = labels.data(),
                                    .label_count = count,
                                    .value = one.value,
                                    .bounds = one.definition->bounds.data(),
                                    .buckets = one.buckets.data(),
                                    .bound_count = one.definition->bounds.size()};
    fn(user, &view);
  });
  visit_hooks(fn, user);
  visit_computed(fn, user);
  return CLEAT_OK;
}

}  // namespace

const cleat_host_metrics kHostMetrics = {
    .size = sizeof(cleat_host_metrics),
    .reserved = 0,
    .define = metrics_define,
    .series = metrics_series,
    .add = metrics_add,
    .observe = metrics_observe,
    .visit = metrics_visit,
};

cleat_status metadata_key(cleat_str name, std::uint32_t* key) {
  static auto* const mutex = new std::mutex;
  static auto* const keys = new std::unordered_map<std::string, std::uint32_t>;
  if (!on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "metadata key: only on the control thread, at best in create");
  if (key == nullptr || bad(name)) return fail_call(CLEAT_INVALID, "metadata key: a pointer is NULL");
  const std::string_view text = to_view(name);
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; };
  if (text.empty() || text.size() > kMetadataKeyBytesMax || !std::all_of(text.begin(), text.end(), allowed)) {
    return fail_call(CLEAT_INVALID, "metadata key: a key is [a-z0-9_.], 1 to 64 characters");
  }
  const std::lock_guard lock(*mutex);
  if (const auto found = keys->find(std::string(text)); found != keys->end()) {
    *key = found->second;
    return CLEAT_OK;
  }
  if (keys->size() == kMetadataKeysMax) return fail_call(CLEAT_LIMIT, "metadata key: there are 4096 keys already");
  *key = static_cast<std::uint32_t>(keys->size()) + 1;
  keys->emplace(text, *key);
  return CLEAT_OK;
}

}  // namespace cleat::hooks
