// The metrics that the plugin has defined, and their series, by numbers of this process. What is added goes to the kernel's side with a worker's ring:
// each worker tells once what a number stands for there.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin_api/isolation/protocol.hpp"

namespace cleat::isolation {

inline constexpr std::uint32_t kSeriesMax = 65'536;          // further tuples share their metric's series of "overflow" labels
inline constexpr std::size_t kLabelValueBytesMax = 1024;

class Series {
 public:
  void define(std::uint64_t metric, std::uint32_t kind, std::uint32_t labels, std::uint64_t series_max);
  // [any] The series' number, from 1; 0 and a reason where it cannot be.
  std::uint64_t find(std::uint64_t metric, const std::vector<std::string_view>& values, const char*& reason);
  // [any] CLEAT_COUNTER ...; 0: there is no such series. No lock.
  std::uint32_t kind(std::uint64_t series) const {
    return series == 0 || series >= kinds_.size() ? 0 : kinds_[series].load(std::memory_order_acquire);
  }
  void write(std::uint64_t series, Writer& writer);  // [any] as kSeries has it

 private:
  struct Metric {
    std::uint32_t kind = 0, labels = 0;
    std::uint64_t series_max = 0;
    std::unordered_map<std::string, std::uint64_t> by_values;
  };
  struct One {
    std::uint64_t metric = 0;
    std::vector<std::string> values;
  };
  std::uint64_t make(std::uint64_t id, Metric& metric, std::vector<std::string> values);

  static constexpr std::uint32_t kMetricsMax = 4096;  // overflow series have room beside the others
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Metric> metrics_;
  std::vector<One> series_{1};
  std::array<std::atomic<std::uint8_t>, kSeriesMax + kMetricsMax> kinds_{};
};

// What one thread has added and observed and not told yet. One thread.
class Gathered {
 public:
  static constexpr std::size_t kEntriesMax = 1024;  // then it is told at once
  struct Entry {
    std::uint64_t series;
    std::uint8_t what;  // 0 add, 1 observe
    std::int64_t value;
  };
  void add(std::uint64_t series, std::int64_t value);
  void observe(std::uint64_t series, std::uint64_t value) { entries_.push_back({series, 1, static_cast<std::int64_t>(value)}); }
  bool empty() const { return entries_.empty(); }
  bool full() const { return entries_.size() >= kEntriesMax; }
  const std::vector<Entry>& entries() const { return entries_; }
  void clear();

 private:
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> place_;  // by series: where its sum stands in entries_, from 1; 0: nowhere
};

}  // namespace cleat::isolation
