// Exposition: metrics as text, in Prometheus' format 0.0.4 or OpenMetrics 1.0. Takes series grouped by name, as the host's visit gives
// them. Families of one name, or of a name that an earlier histogram takes, are left out whole: a scrape with duplicates is refused whole.
// https://prometheus.io/docs/instrumenting/exposition_formats/, https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "negotiate.hpp"
#include "plugin_api/ext/metrics.h"

namespace prometheus {

struct Limits {
  std::uint64_t series_max = 100'000;
  std::vector<std::string> drop;  // families whose name begins with one of these
};

class Exposition {
 public:
  Exposition(Format format, const Limits& limits) : format_(format), limits_(limits) {}

  void add(const cleat_metric_view& view);
  std::string finish();                               // the whole text; nothing can be added after
  std::uint64_t series() const { return series_; }    // shown
  std::uint64_t dropped() const { return dropped_; }  // over series_max, or of a family that could not be shown

 private:
  bool begin_family(const cleat_metric_view& view);
  void sample(std::string_view suffix, const cleat_metric_view& view, std::string_view le, std::string_view value);
  void histogram(const cleat_metric_view& view);

  Format format_;
  const Limits& limits_;
  std::string out_;
  std::string source_name_;              // of the family at hand, as the host calls it
  std::string family_;                   // and as it is shown
  unsigned scale_ = 0;                   // its values are in units of 10^-scale_
  bool shown_ = false;
  std::unordered_set<std::string> taken_;
  std::uint64_t series_ = 0, dropped_ = 0;
};

// --- its parts ---

// The name in base units, and how many decimal places the integers of the old unit have: x_microseconds becomes x_seconds, 6.
std::string base_unit(std::string_view name, unsigned& scale);
std::string decimal(std::int64_t value, unsigned scale);     // 1500, 3: "1.5"
void append_escaped(std::string& out, std::string_view text, bool quotes);  // bytes that are no UTF-8 become \xHH

}  // namespace prometheus
