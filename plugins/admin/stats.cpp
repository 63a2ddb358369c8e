#include "stats.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace admin {
namespace {

using Json = nlohmann::ordered_json;

std::string_view view_of(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

std::uint64_t count_of(const cleat_metric_view& view) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i <= view.bound_count; ++i) count += view.buckets[i];
  return count;
}

// The bound that the share `part` of the observations does not exceed; of the open bucket, the last bound and a "+".
std::string quantile(const cleat_metric_view& view, std::uint64_t count, double part) {
  const auto wanted = static_cast<std::uint64_t>(static_cast<double>(count) * part);
  std::uint64_t below = 0;
  for (std::uint64_t i = 0; i < view.bound_count; ++i) {
    below += view.buckets[i];
    if (below != 0 && below >= wanted) return std::to_string(view.bounds[i]);
  }
  return view.bound_count == 0 ? "?" : std::to_string(view.bounds[view.bound_count - 1]) + "+";
}

void add_text(const cleat_metric_view& view, std::string& out) {
  out += view_of(view.name);
  char before = '{';
  for (std::uint64_t i = 0; i < view.label_count; ++i) {
    out.append(1, std::exchange(before, ',')).append(view_of(view.labels[i].name)).append(1, '=');
    out += quoted(view_of(view.labels[i].value));
  }
  if (before == ',') out += '}';
  if (view.kind != CLEAT_HISTOGRAM) {
    out.append(1, ' ').append(std::to_string(view.value));
  } else if (const std::uint64_t count = count_of(view); count == 0) {
    out += " count=0";
  } else {
    out.append(" count=").append(std::to_string(count)).append(" sum=").append(std::to_string(view.value));
    out.append(" p50<=").append(quantile(view, count, 0.5)).append(" p99<=").append(quantile(view, count, 0.99));
  }
  out += '\n';
}

void add_json(const cleat_metric_view& view, std::string& out) {
  Json labels = Json::object();
  for (std::uint64_t i = 0; i < view.label_count; ++i) labels[std::string(view_of(view.labels[i].name))] = view_of(view.labels[i].value);
  const char* const kind = view.kind == CLEAT_COUNTER ? "counter" : view.kind == CLEAT_GAUGE ? "gauge" : "histogram";
  Json json = {{"name", view_of(view.name)}, {"kind", kind}, {"labels", std::move(labels)}};
  if (view.kind != CLEAT_HISTOGRAM) {
    json["value"] = view.value;
  } else {
    json["count"] = count_of(view);
    json["sum"] = view.value;
    json["bounds"] = std::vector<std::uint64_t>(view.bounds, view.bounds + view.bound_count);
    json["buckets"] = std::vector<std::uint64_t>(view.buckets, view.buckets + view.bound_count + 1);
  }
  if (out.size() > 1) out += ",\n";
  out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string quoted(std::string_view text) { return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace); }

void Stats::add(const cleat_metric_view& view) {
  if (!view_of(view.name).starts_with(prefix_)) return;
  json_ ? add_json(view, out_) : add_text(view, out_);
}

std::string Stats::finish() {
  if (json_) out_ += "]\n";
  return std::move(out_);
}

}  // namespace admin
