// Counters, gauges and histograms. Defined in the constructor, through the functions of cleat::Plugin; then each is one
// handle that any thread may add to without a lock. Without cleat.metrics/1 they count nothing, and nothing fails.
#pragma once

#include <exception>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

class Counter {
 public:
  static constexpr std::uint32_t kKind = CLEAT_COUNTER;
  constexpr Counter() noexcept = default;
  constexpr explicit Counter(cleat_series series) noexcept : series_(series) {}
  // [any] amount >= 0.
  void add(std::int64_t amount = 1) const noexcept {
    if (series_ != 0) detail::host.metrics.add(series_, amount);
  }

 private:
  cleat_series series_ = 0;
};

class Gauge {
 public:
  static constexpr std::uint32_t kKind = CLEAT_GAUGE;
  constexpr Gauge() noexcept = default;
  constexpr explicit Gauge(cleat_series series) noexcept : series_(series) {}
  // [any] Adds; amount may be negative.
  void add(std::int64_t amount) const noexcept {
    if (series_ != 0) detail::host.metrics.add(series_, amount);
  }

 private:
  cleat_series series_ = 0;
};

class Histogram {
 public:
  static constexpr std::uint32_t kKind = CLEAT_HISTOGRAM;
  constexpr Histogram() noexcept = default;
  constexpr explicit Histogram(cleat_series series) noexcept : series_(series) {}
  // [any] One value, in the unit of the bounds.
  void observe(std::uint64_t value) const noexcept {
    if (series_ != 0) detail::host.metrics.observe(series_, value);
  }

 private:
  cleat_series series_ = 0;
};

// A metric with labels: one series for each tuple of their values.
template <class Metric>
class Family {
 public:
  Family() = default;
  // [control] Throws std::runtime_error if the name was defined before with another kind, help, labels or bounds. Every
  // series carries `instance` as its first label, so that two instances of one plugin are told apart.
  Family(cleat_instance self, std::string_view instance_name, std::string_view name, std::string_view help,
         std::initializer_list<std::string_view> labels = {}, std::span<const std::uint64_t> bounds = {})
      : instance_name_(instance_name) {
    if (detail::host.metrics.define == nullptr) return;
    std::vector<cleat_str> names{to_str("instance")};
    for (const std::string_view label : labels) names.push_back(to_str(label));
    cleat_metric_def def{};
    def.size = sizeof def;
    def.kind = Metric::kKind;
    def.name = to_str(name);
    def.help = to_str(help);
    def.labels = names.data();
    def.label_count = names.size();
    def.bounds = bounds.data();
    def.bound_count = bounds.size();
    defined_ = detail::host.metrics.define(self, &def, &metric_) == CLEAT_OK;
    if (!defined_) throw std::runtime_error("metric " + std::string(name) + ": " + error_text());
  }

  // [any] The series of these label values, in the order of the labels. Takes a lock and allocates: resolve once, keep it.
  Metric with(std::initializer_list<std::string_view> values) const {
    if (!defined_) return Metric();
    std::vector<cleat_str> all{to_str(instance_name_)};
    for (const std::string_view value : values) all.push_back(to_str(value));
    cleat_series series = 0;
    return detail::host.metrics.series(metric_, all.data(), all.size(), &series) == CLEAT_OK ? Metric(series) : Metric();
  }

 private:
  std::string instance_name_;
  std::uint64_t metric_ = 0;
  bool defined_ = false;
};

// [any] Calls visit(const cleat_metric_view&) for every series of the process, grouped by name. `visit` must not use metrics; what it
// throws is kept until the host's walk is over, and thrown again here.
template <class Visit>
Status visit_metrics(Visit&& visit) {
  struct Walk {
    Visit& visit;
    std::exception_ptr thrown;
  } walk{visit, nullptr};
  const cleat_status status = detail::call(
      detail::host.metrics.visit,
      +[](void* user, const cleat_metric_view* view) {
        Walk& to = *static_cast<Walk*>(user);
        if (to.thrown) return;
        try {
          to.visit(*view);
        } catch (...) {
          to.thrown = std::current_exception();
        }
      },
      static_cast<void*>(&walk));
  if (walk.thrown) std::rethrow_exception(walk.thrown);
  return status;
}

CLEAT_CPP_NAMESPACE_END
