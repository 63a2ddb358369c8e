// The file's top level and its plugins.
#include "kernel/config/model.hpp"

#include <filesystem>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::uint64_t kMemoryMaxMin = 16 * 1024 * 1024;

constexpr std::int64_t kWorkersMax = 255;        // a worker's number has 8 bits in the handles of the ABI

constexpr std::int64_t kQuarantineCountMax = 10'000;  // so many times of failures are kept of each instance

void optional_span(const Node& map, std::string_view key, Reading& reading, Milliseconds& value) {
  if (optional(map, key, reading, value) && value.count() == 0) reading.diagnostics.error(*child(map, key), "must be more than 0");
}

void read_quarantine(const Node& node, Reading& reading, Quarantine& quarantine) {
  optional_integer(node, "failures", reading, 0, kQuarantineCountMax, quarantine.failures);
  optional_integer(node, "stalls", reading, 0, kQuarantineCountMax, quarantine.stalls);
  optional_span(node, "window", reading, quarantine.window);
  optional_span(node, "backoff", reading, quarantine.backoff);
}

}  // namespace

std::string beside(const std::string& file, const std::string& path) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(std::filesystem::path(file).parent_path() / path, ignored);
  return ignored ? path : whole.lexically_normal().string();
}

Instance read_instance(const Node& node, Reading& reading) {
  Instance instance;
  instance.node = &node;
  if (!expect_map(node, reading)) return instance;
  if (const Node* name = required(node, "name", reading)) read_name(*name, reading, instance.name);
  if (const Node* use = required(node, "use", reading); use != nullptr && read_name(*use, reading, instance.use)) {
    if (instance.use.find('/') != std::string::npos) instance.use = beside(reading.diagnostics.file(), instance.use);
  }
  optional_word<bool>(node, "on_failure", reading, {{"open", true}, {"closed", false}}, instance.fail_open);
  instance.config = opaque_child(node, "config", reading);
  if (const Node* quarantine = optional_map(node, "quarantine", reading)) read_quarantine(*quarantine, reading, instance.quarantine);
  if ((instance.isolation_node = opaque_child(node, "isolation", reading)) != nullptr) {
    const bool map = instance.isolation_node->type == Node::Type::kMap;
    if (const Node* kind = map ? required(*instance.isolation_node, "kind", reading) : instance.isolation_node) {
      read_name(*kind, reading, instance.isolation);
    }
  }
  return instance;
}

void read_file_part(const Document& document, Diagnostics& diagnostics, Part& part) {
  Model& model = part.model;
  if (document.root == nullptr) return;
  const Node& root = *document.root;
  Reading reading(diagnostics);
  if (root.type == Node::Type::kNull) {
    diagnostics.error(root, "the document is empty");
    return;
  }
  if (!expect_map(root, reading)) return;

  optional_integer(root, "workers", reading, 0, kWorkersMax, model.workers);
  optional_word<Model::LogLevel>(root, "log_level", reading,
                                 {{"debug", Model::LogLevel::kDebug},
                                  {"info", Model::LogLevel::kInfo},
                                  {"warn", Model::LogLevel::kWarn},
                                  {"error", Model::LogLevel::kError}},
                                 model.log_level);
  optional(root, "watch", reading, model.watch);
  optional_bytes(root, "memory_max", reading, kMemoryMaxMin, model.memory_max);
  if (const Node* watchdog = optional_map(root, "watchdog", reading)) optional(*watchdog, "stall", reading, model.watchdog.stall);
  if (optional(root, "crash_report", reading, model.crash_report)) model.crash_report = beside(document.file, model.crash_report);
  for (const Node* node : one_or_items(root, "plugin_path", reading)) {
    std::string folder;
    if (read_text(*node, diagnostics, folder)) model.plugin_path.push_back(beside(document.file, folder));
  }
  for (const Node* node : items(root, "plugins", reading)) model.instances.push_back(read_instance(*node, reading));
  for (const Node* node : items(root, "listeners", reading)) model.listeners.push_back(read_listener(*node, reading));
  for (const Node* node : items(root, "clusters", reading)) model.clusters.push_back(read_cluster(*node, reading));
  for (const Node* node : items(root, "route_tables", reading)) model.route_tables.push_back(read_route_table(*node, reading));
  for (const Node* node : items(root, "secrets", reading)) model.secrets.push_back(read_secret(*node, reading));
  report_unknown_keys(root, reading.opaque, diagnostics);
  part.references = std::move(reading.references);
}

std::vector<ReadFile> read_files(const Model& model) {
  std::vector<ReadFile> all;
  const auto add = [&](const Secret& secret) { all.insert(all.end(), secret.files.begin(), secret.files.end()); };
  for (const Secret& secret : model.secrets) add(secret);
  for (const Listener& listener : model.listeners) {
    if (listener.tls) add(listener.tls->own);
  }
  for (const Cluster& cluster : model.clusters) {
    if (cluster.tls) add(cluster.tls->own);
  }
  return all;
}

}  // namespace cleat::config
