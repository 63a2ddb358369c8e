// The process's metrics: counters, gauges, histograms, each with labels, sharded by worker so that adding needs no lock
// and no atomic read-modify-write: the writer of a shard is one thread; threads without a shard share one with atomics.
// Definitions and series live as long as the process, so values outlive generations. Bounded in series.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace cleat::metrics {

enum class Kind : std::uint8_t { kCounter = 1, kGauge = 2, kHistogram = 3 };

using MetricId = std::uint64_t;  // never 0
using SeriesId = std::uint64_t;  // never 0

struct Definition {
  Kind kind = Kind::kCounter;
  std::string name, help;
  std::vector<std::string> labels;
  std::vector<std::uint64_t> bounds;
  std::uint64_t series_max = 1000;
};

inline constexpr std::uint32_t kShardsMax = 257;     // workers + 1
inline constexpr std::uint32_t kSeriesMax = 262'144;  // of the whole process; over it new tuples share the metric's overflow series

// The shard this thread writes, until it ends: a worker sets its number once, at its start. Threads that never call this use
// atomics, and so do those whose shard another living thread has.
void set_thread_shard(std::uint32_t worker);

Result<MetricId> define(const Definition& definition);                                  // [any] takes a lock
Result<SeriesId> series(MetricId metric, const std::vector<std::string_view>& values);  // [any] takes a lock
// The same for the kernel's own, which are defined before a plugin could take their names for something else: they cannot fail.
MetricId define_own(Kind kind, const char* name, const char* help, std::vector<std::string> labels = {}, std::uint64_t series_max = 1'000,
                    std::vector<std::uint64_t> bounds = {});
SeriesId own_series(MetricId metric, const std::vector<std::string_view>& values = {});
bool valid(SeriesId series);                         // [any] no lock
inline Kind kind(SeriesId series) { return static_cast<Kind>(series >> 24 & 0xff); }  // REQUIRES a valid series
void add(SeriesId series, std::int64_t value);       // [any] no lock; REQUIRES a valid series
void observe(SeriesId series, std::uint64_t value);  // [any] no lock

struct View {
  const Definition* definition;
  const std::vector<std::string>* label_values;
  std::int64_t value;                  // histogram: sum
  std::vector<std::uint64_t> buckets;  // bounds + 1, not cumulated
};
void visit(const std::function<void(const View&)>& fn);  // [any] grouped by name
std::int64_t value(SeriesId series);                     // [any] summed over shards
View look(SeriesId series);                              // [any] REQUIRES a valid series

}  // namespace cleat::metrics
