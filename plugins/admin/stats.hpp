// All metrics for people and their scripts: a line each, or JSON. (Prometheus' formats are the prometheus plugin's.)
#pragma once

#include <string>
#include <string_view>

#include "plugin_api/ext/metrics.h"

namespace admin {

class Stats {
 public:
  // Only metrics whose name begins with `prefix`.
  Stats(bool json, std::string prefix) : json_(json), prefix_(std::move(prefix)), out_(json ? "[" : "") {}
  void add(const cleat_metric_view& view);
  std::string finish();

 private:
  bool json_;
  std::string prefix_;
  std::string out_;
};

std::string quoted(std::string_view text);  // as a JSON string

}  // namespace admin
