#include "plugin_api/isolation/child/series.hpp"

#include "plugin_api/ext/metrics.h"

namespace cleat::isolation {
namespace {

constexpr std::uint64_t kSeriesDefault = 1000;  // of a metric, as in ext/metrics.h

template <class Values>
std::string key_of(const Values& values) {
  Writer writer;
  for (const auto& value : values) writer.text(std::string_view(value));
  return std::move(writer.bytes);
}

}  // namespace

void Series::define(std::uint64_t id, std::uint32_t kind, std::uint32_t labels, std::uint64_t series_max) {
  const std::lock_guard lock(mutex_);
  if (metrics_.size() >= kMetricsMax) return;
  Metric& metric = metrics_[id];
  metric.kind = kind;
  metric.labels = labels;
  metric.series_max = series_max == 0 ? kSeriesDefault : series_max;
}

std::uint64_t Series::make(std::uint64_t id, Metric& metric, std::vector<std::string> values) {
  const std::uint64_t number = series_.size();
  if (number >= kinds_.size()) return 0;
  metric.by_values.emplace(key_of(values), number);
  series_.push_back({id, std::move(values)});
  kinds_[number].store(static_cast<std::uint8_t>(metric.kind), std::memory_order_release);
  return number;
}

std::uint64_t Series::find(std::uint64_t id, const std::vector<std::string_view>& values, const char*& reason) {
  reason = "there are too many";
  for (const std::string_view value : values) {
    if (value.size() <= kLabelValueBytesMax) continue;
    reason = "a label value is longer than 1024 bytes";
    return 0;
  }
  const std::lock_guard lock(mutex_);
  const auto found = metrics_.find(id);
  if (found == metrics_.end() || found->second.labels != values.size()) {
    reason = found == metrics_.end() ? "there is no such metric" : "the metric has another number of labels";
    return 0;
  }
  Metric& metric = found->second;
  const auto known = metric.by_values.find(key_of(values));
  if (known != metric.by_values.end()) return known->second;
  if (metric.by_values.size() < metric.series_max && series_.size() <= kSeriesMax) {
    return make(id, metric, std::vector<std::string>(values.begin(), values.end()));
  }
  const std::vector<std::string> overflow(values.size(), "overflow");  // the kernel's own name for these
  const auto shared = metric.by_values.find(key_of(overflow));
  return shared != metric.by_values.end() ? shared->second : make(id, metric, overflow);
}

void Series::write(std::uint64_t series, Writer& writer) {
  const std::lock_guard lock(mutex_);
  const One& one = series_[series];
  writer.number(series);
  writer.number(one.metric);
  writer.number(static_cast<std::uint32_t>(one.values.size()));
  for (const std::string& value : one.values) writer.text(std::string_view(value));
}

void Gathered::add(std::uint64_t series, std::int64_t value) {
  if (place_.size() <= series) place_.resize(series + 64);
  std::uint32_t& place = place_[series];
  std::int64_t sum;
  if (place != 0 && !__builtin_add_overflow(entries_[place - 1].value, value, &sum)) {
    entries_[place - 1].value = sum;
    return;
  }
  entries_.push_back({series, 0, value});
  place = static_cast<std::uint32_t>(entries_.size());
}

void Gathered::clear() {
  for (const Entry& entry : entries_) {
    if (entry.what == 0) place_[entry.series] = 0;
  }
  entries_.clear();
}

}  // namespace cleat::isolation
