// The file's top level and its plugins, and the names that refer from one section to another.
#include "kernel/config/model.hpp"

#include <filesystem>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::int64_t kWorkersMax = 255;        // a worker's number has 8 bits in the handles of the ABI
constexpr std::size_t kInstancesMax = 65'535;    // hooks::Instance::index is below 2^16

// As the operator meant it: relative to the file that says it.
std::string beside(const std::string& file, const std::string& path) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(std::filesystem::path(file).parent_path() / path, ignored);
  return ignored ? path : whole.lexically_normal().string();
}

void check_references(const std::vector<Reference>& references, const std::vector<Named>& defined, std::string_view what,
                      Reading& reading) {
  std::vector<std::string> names;
  for (const Named& one : defined) names.emplace_back(one.name);
  const std::unordered_set<std::string> known(names.begin(), names.end());
  for (const Reference& reference : references) {
    if (known.contains(reference.name)) continue;
    reading.diagnostics.error(*reference.node, "there is no " + std::string(what) + " \"" + reference.name + "\"" +
                                                   did_you_mean(reference.name, names, reading.diagnostics));
  }
}

template <class T>
std::vector<Named> named(const std::vector<T>& all) {
  std::vector<Named> found;
  for (const T& one : all) found.push_back({one.node, one.name});
  return found;
}

// Two listeners on one address: the second bind would split the connections between them (SO_REUSEPORT), unnoticed.
void report_shared_addresses(const std::vector<Listener>& listeners, Reading& reading) {
  std::vector<Named> addresses;
  for (const Listener& listener : listeners) {
    if (!listener.address.ends_with(":0")) addresses.push_back({listener.node, listener.address});
  }
  report_repeated(addresses, "a listener on", reading);
}

}  // namespace

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
  return instance;
}

Model read_model(const Document& document, Diagnostics& diagnostics) {
  Model model;
  if (document.root == nullptr) return model;
  const Node& root = *document.root;
  Reading reading(diagnostics);
  if (root.type == Node::Type::kNull) {
    diagnostics.error(root, "the document is empty");
    return model;
  }
  if (!expect_map(root, reading)) return model;

  optional_integer(root, "workers", reading, 0, kWorkersMax, model.workers);
  optional_word<Model::LogLevel>(root, "log_level", reading,
                                 {{"debug", Model::LogLevel::kDebug},
                                  {"info", Model::LogLevel::kInfo},
                                  {"warn", Model::LogLevel::kWarn},
                                  {"error", Model::LogLevel::kError}},
                                 model.log_level);
  optional(root, "watch", reading, model.watch);
  for (const Node* node : one_or_items(root, "plugin_path", reading)) {
    std::string folder;
    if (read_text(*node, diagnostics, folder)) model.plugin_path.push_back(beside(document.file, folder));
  }
  for (const Node* node : items(root, "plugins", reading)) model.instances.push_back(read_instance(*node, reading));
  for (const Node* node : items(root, "listeners", reading)) model.listeners.push_back(read_listener(*node, reading));
  for (const Node* node : items(root, "clusters", reading)) model.clusters.push_back(read_cluster(*node, reading));

  if (model.instances.size() > kInstancesMax) diagnostics.error(*root.get("plugins"), "more than 65535 plugin instances");
  report_repeated(named(model.instances), "a plugin named", reading);
  report_repeated(named(model.listeners), "a listener named", reading);
  report_repeated(named(model.clusters), "a cluster named", reading);
  report_shared_addresses(model.listeners, reading);
  check_references(reading.instances, named(model.instances), "plugin", reading);
  check_references(reading.clusters, named(model.clusters), "cluster", reading);
  report_unknown_keys(root, reading.opaque, diagnostics);
  return model;
}

}  // namespace cleat::config
