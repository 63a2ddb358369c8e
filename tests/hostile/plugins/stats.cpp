// Honest: a handler that prints every metric of the process as text, one series a line: `name{label="value",...} number`. A histogram
// becomes `name_bucket{...,le="bound"}` lines, cumulated, then `name_sum` and `name_count`. Tests read it; it is no exposition.
#include <string>

#include "plugin_api/cpp/cleat.hpp"

namespace {

std::string labels(const cleat_metric_view& view, std::string_view le = {}) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    text += text.empty() ? "{" : ",";
    text += std::string(name) + "=\"" + std::string(value) + "\"";
  };
  for (std::uint64_t i = 0; i < view.label_count; ++i) add(cleat::to_view(view.labels[i].name), cleat::to_view(view.labels[i].value));
  if (!le.empty()) add("le", le);
  return text.empty() ? text : text + "}";
}

void print(const cleat_metric_view& view, std::string& out) {
  const std::string name(cleat::to_view(view.name));
  if (view.kind != CLEAT_HISTOGRAM) {
    out += name + labels(view) + " " + std::to_string(view.value) + "\n";
    return;
  }
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i <= view.bound_count; ++i) {
    count += view.buckets[i];
    const std::string le = i < view.bound_count ? std::to_string(view.bounds[i]) : "+Inf";
    out += name + "_bucket" + labels(view, le) + " " + std::to_string(count) + "\n";
  }
  out += name + "_sum" + labels(view) + " " + std::to_string(view.value) + "\n";
  out += name + "_count" + labels(view) + " " + std::to_string(count) + "\n";
}

class Stats : public cleat::Plugin {
 public:
  cleat::Verdict on_handle(cleat::Exchange x) {
    std::string text;
    if (!cleat::visit_metrics([&text](const cleat_metric_view& view) { print(view, text); })) return cleat::fail(cleat::error_text());
    const cleat_header type = cleat::header("content-type", "text/plain; charset=utf-8");
    return x.reply({.headers = {&type, 1}, .body = text});
  }
};

}  // namespace

CLEAT_PLUGIN(Stats, "name=stats\nversion=1.0.0\nrequires=cleat.handler/1 cleat.metrics/1\nabout=every metric as text\n");
