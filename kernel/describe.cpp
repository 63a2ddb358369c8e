// Copies of what generations, registries and the process hold, made into JSON. Control thread: nothing it reads can go meanwhile.
#include "kernel/describe.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/base/process.hpp"
#include "kernel/control.hpp"
#include "kernel/generation.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/reload.hpp"

namespace cleat {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kStates = {"starting", "serving", "draining", "stopping"};

// --- values ---

// The value that the share `part` of the observations does not exceed, taken to lie evenly in their bucket; of the open one, its bound.
template <class Bounds, class Buckets>
std::uint64_t quantile(const Bounds& bounds, const Buckets& buckets, double part) {
  const auto all = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  double rest = part * static_cast<double>(all);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && rest <= here) return below + static_cast<std::uint64_t>(static_cast<double>(bounds[i] - below) * rest / here);
    rest -= here;
    below = bounds[i];
  }
  return all == 0 ? 0 : below;
}

Json duration(metrics::SeriesId series) {
  const metrics::View view = metrics::look(series);
  const std::vector<std::uint64_t>& bounds = view.definition->bounds;
  return {{"count", std::accumulate(view.buckets.begin(), view.buckets.end(), std::uint64_t{0})},
          {"sum_us", view.value},
          {"p50_us", quantile(bounds, view.buckets, 0.5)},
          {"p99_us", quantile(bounds, view.buckets, 0.99)},
          {"bounds_us", bounds},
          {"buckets", view.buckets}};
}

// Those that are not 0, by name.
template <class Names, class Series>
Json counts(const Names& names, const Series& series) {
  Json json = Json::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (series[i] == 0) continue;
    if (const std::int64_t value = metrics::value(series[i]); value != 0) json[names[i]] = value;
  }
  return json;
}

std::string hex_start(const std::string& sha256) { return sha256.substr(0, 16); }

// --- topics ---

Json server(const Generation& now) {
  const ProcessFacts facts = process_facts();
  return {{"version", CLEAT_VERSION},
          {"abi", hooks::abi_text(hooks::kHostAbi)},
          {"state", kStates[static_cast<std::size_t>(server_state())]},
          {"pid", ::getpid()},
          {"start_unix_s", facts.start_unix_s},
          {"uptime_s", std::max<std::int64_t>(0, std::time(nullptr) - facts.start_unix_s)},
          {"workers", now.workers},
          {"log_level", log::level_name(log::level())},
          {"generation", now.id},
          {"generations_retired", retired_generations()},
          {"config_file", now.file->document.file},
          {"resident_bytes", facts.resident_bytes},
          {"descriptors", facts.descriptors},
          {"descriptors_max", facts.descriptors_max},
          {"threads", facts.threads},
          {"cpu_us", facts.cpu_us}};
}

Json redacted_node(const config::Node* node) { return node == nullptr ? Json() : Json::parse(redacted(config::to_json(*node))); }

Json config_of(const Generation& now) {
  Json resources = Json::array();
  for (const auto& [id, resource] : *now.resources) {
    const bool secret = id.kind == config::ResourceKind::kSecret;
    resources.push_back({{"source", id.source},
                         {"kind", config::kind_word(id.kind)},
                         {"name", id.name},
                         {"config", secret ? Json("[redacted]") : redacted_node(resource->part.document.root.get())}});
  }
  return {{"generation", now.id},
          {"file", now.file->document.file},
          {"config", redacted_node(now.file->document.root.get())},
          {"resources", std::move(resources)}};
}

Json match(const config::Match& from) {
  Json json = Json::object();
  if (!from.hosts.empty()) json["hosts"] = from.hosts;
  constexpr std::array kPaths = {"", "path", "prefix", "regex"};
  if (from.path_kind != config::Match::Path::kAny) json[kPaths[static_cast<std::size_t>(from.path_kind)]] = from.path;
  if (!from.methods.empty()) json["methods"] = from.methods;
  if (!from.headers.empty()) json["headers"] = from.headers.size();  // how many: their values may be secrets
  if (!from.query.empty()) json["query"] = from.query.size();
  return json;
}

Json route(const Route& from) {
  const config::Route& config = *from.config;
  Json json = {{"name", config.name}, {"match", match(config.match)}};
  if (!config.clusters.empty()) {
    Json& clusters = json["clusters"] = Json::array();
    for (const config::WeightedCluster& one : config.clusters) clusters.push_back({{"name", one.cluster}, {"weight", one.weight}});
  }
  if (!config.handler.empty()) json["handler"] = config.handler;
  if (config.redirect) json["redirect"] = config.redirect->status;
  if (config.reply) json["reply"] = config.reply->status;
  json["requests"] = counts(kClasses, from.metrics.requests);
  json["duration"] = duration(from.metrics.duration);
  return json;
}

Json listeners(const Generation& now) {
  Json all = Json::array();
  for (const auto& listener : now.listeners) {
    Json routes = Json::array();
    for (const Route& one : listener->routes) routes.push_back(route(one));
    all.push_back({{"name", listener->config->name},
                   {"address", listener->address.text()},
                   {"chain", listener->config->chain},
                   {"connections", metrics::value(listener->metrics.connections)},
                   {"connections_active", metrics::value(listener->metrics.active)},
                   {"exchanges_active", metrics::value(listener->metrics.exchanges)},
                   {"requests", metrics::value(listener->metrics.requests)},
                   {"responses", counts(kClasses, listener->metrics.responses)},
                   {"request_bytes", metrics::value(listener->metrics.bytes_received)},
                   {"response_bytes", metrics::value(listener->metrics.bytes_sent)},
                   {"routes", std::move(routes)}});
  }
  return all;
}

Json endpoints(const EndpointSet& set) {
  Json all = Json::array();
  for (const auto& member : set.members) {
    all.push_back({{"address", member.endpoint->text},
                   {"weight", member.weight},
                   {"healthy", member.endpoint->healthy.load(std::memory_order_relaxed)},
                   {"in_flight", member.endpoint->in_flight()}});
  }
  return all;
}

Json clusters(const Generation& now) {
  Json all = Json::array();
  for (const auto& cluster : now.clusters) {
    const ClusterMetrics& counted = cluster->metrics;
    const std::shared_ptr<const EndpointSet> set = cluster->endpoints();
    all.push_back({{"name", cluster->config.name},
                   {"balancer", set->balancer == nullptr ? "weighted_round_robin" : set->balancer->name},
                   {"in_flight", metrics::value(counted.in_flight)},
                   {"attempts", metrics::value(counted.attempts)},
                   {"outcomes", counts(kOutcomes, counted.outcomes)},
                   {"connections", metrics::value(counted.connections)},
                   {"connect_failures", metrics::value(counted.connect_failures)},
                   {"overflows", metrics::value(counted.overflows)},
                   {"duration", duration(counted.duration)},
                   {"endpoints", endpoints(*set)}});
  }
  return all;
}

Json hook(const hooks::HookRow& row) {
  return {{"hook", hooks::hook_name(row.hook)},
          {"calls", row.total.calls},
          {"failures", row.total.failures},
          {"timed", std::accumulate(row.total.times.begin(), row.total.times.end(), std::uint64_t{0})},
          {"timed_sum_ns", row.total.sampled_ns},
          {"p50_ns", quantile(hooks::kHookTimeBounds, row.total.times, 0.5)},
          {"p99_ns", quantile(hooks::kHookTimeBounds, row.total.times, 0.99)},
          {"buckets", row.total.times}};
}

Json instance(const hooks::Instance& from, const config::Instance& config, const std::vector<hooks::HookRow>& rows) {
  const hooks::Note& note = from.note;
  const hooks::QuarantineState quarantine = from.quarantine.state();
  Json hooks_called = Json::array();
  std::uint64_t calls = 0, failures = 0;
  const auto by_name = [](const hooks::HookRow& row, const std::string& name) { return row.instance < name; };
  auto at = std::lower_bound(rows.begin(), rows.end(), from.name, by_name);
  for (; at != rows.end() && at->instance == from.name; ++at) {
    const hooks::HookRow& row = *at;
    calls += row.total.calls;
    failures += row.total.failures;
    hooks_called.push_back(hook(row));
  }
  return {{"name", from.name},
          {"use", config.use},
          {"plugin", note.name},
          {"version", note.version},
          {"abi", hooks::abi_text(note.abi)},
          {"file_sha256", hex_start(from.sha256)},
          {"generation", from.generation},
          {"on_failure", from.fail_open ? "open" : "closed"},
          {"quarantined", quarantine.out},
          {"quarantine", {{"since_unix_us", quarantine.since_unix_us}, {"until_unix_us", quarantine.until_unix_us}, {"times", quarantine.times},
                          {"failures_in_window", quarantine.failures}, {"stalls_in_window", quarantine.stalls}}},
          {"calls", calls},
          {"failures", failures},
          {"hooks", std::move(hooks_called)}};
}

Json plugins(const Generation& now) {
  const std::vector<hooks::HookRow> rows = hooks::hook_totals();
  Json all = Json::array();
  for (std::size_t i = 0; i < now.instances.size(); ++i) all.push_back(instance(*now.instances[i], now.model.instances[i], rows));
  return {{"bounds_ns", hooks::kHookTimeBounds}, {"plugins", std::move(all)}, {"files_loaded", hooks::libraries_loaded()}};
}

Json generations(const Generation& now) {
  Json retired = Json::array();  // instances that only generations no longer current have
  hooks::all_instances().each([&](const hooks::Instance& one) {
    const auto same = [&](const auto& current) { return current.get() == &one; };
    if (std::any_of(now.instances.begin(), now.instances.end(), same)) return;
    retired.push_back({{"name", one.name}, {"generation", one.generation}});
  });
  return {{"current", now.id},
          {"retired", retired_generations()},
          {"listeners", now.listeners.size()},
          {"clusters", now.clusters.size()},
          {"plugins", now.instances.size()},
          {"retired_plugins", std::move(retired)}};
}

}  // namespace

std::optional<std::string> describe(std::string_view topic) {
  using Topic = Json (*)(const Generation&);
  static const std::map<std::string_view, Topic> kTopics = {{"server", server},     {"config", config_of}, {"listeners", listeners},
                                                            {"clusters", clusters}, {"plugins", plugins},  {"generations", generations}};
  const auto found = kTopics.find(topic);
  const std::shared_ptr<Generation> now = current_generation();
  if (found == kTopics.end() || now == nullptr) return {};
  return found->second(*now).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cleat
