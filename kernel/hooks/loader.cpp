// From the model's plugins to instances: find the file, load it, make a table and counters, ask the plugin. Whatever goes wrong is
// reported at the place in the configuration that asked for it. Control thread.
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <unordered_map>

#include "kernel/hooks/config_host.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/handover.hpp"
#include "kernel/hooks/library.hpp"
#include "plugin_api/isolation/halves.hpp"

namespace cleat::hooks {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kInstancesMax = 65'535;
constexpr std::size_t kSuggestionsMax = 1'000;

void (*change_tables)(Instance& instance) = nullptr;

// The place that errors about the instance's file are reported at: its `use`, or itself.
const config::Node& use_node(const config::Instance& wanted) {
  const config::Node* use = wanted.node->get("use");
  return use != nullptr ? *use : *wanted.node;
}

// The file's path, or the sentence that says where it was looked for.
Result<std::string> find_file(const std::string& use, const std::vector<std::string>& folders, const std::string& config_file) {
  std::error_code ignored;
  if (use.find('/') != std::string::npos) {
    const fs::path file = fs::path(config_file).parent_path() / use;
    if (fs::exists(file, ignored)) return file.string();
    return Error{"no such plugin file: " + file.string()};
  }
  std::vector<std::string> names;
  std::string looked;
  for (const std::string& folder : folders) {
    const fs::path file = fs::path(folder) / (use + ".so");
    if (fs::exists(file, ignored)) return file.string();
    looked += (looked.empty() ? "" : ", ") + folder;
    fs::directory_iterator entry(folder, ignored);
    for (; !ignored && entry != fs::directory_iterator() && names.size() < kSuggestionsMax; entry.increment(ignored)) {
      if (entry->path().extension() == ".so") names.push_back(entry->path().stem().string());
    }
  }
  const std::string near = config::nearest(use, names);
  return Error{"no plugin file " + use + ".so in " + (looked.empty() ? "any folder: plugin_path is empty" : looked) +
               (near.empty() ? "" : " (did you mean \"" + near + "\"?)")};
}

using ByName = std::unordered_map<std::string_view, std::shared_ptr<Instance>>;

ByName by_name(const std::vector<std::shared_ptr<Instance>>& instances) {
  ByName all;
  for (const auto& instance : instances) all.emplace(instance->name, instance);
  return all;
}

std::shared_ptr<Instance> named(const ByName& instances, const std::string& name) {
  const auto found = instances.find(name);
  return found == instances.end() ? nullptr : found->second;
}

bool is_same(const Instance& old, const Instance& wanted) {
  return old.library == wanted.library && old.sha256 == wanted.sha256 && old.hosted == wanted.hosted &&
         old.config_text == wanted.config_text && old.fail_open == wanted.fail_open && old.quarantine_policy == wanted.quarantine_policy;
}

// Of a plugin that another stands in for: the halves that both have.
void keep_halves(Instance& instance) {
  const void* const halves = instance.table.find != nullptr ? instance.table.find(to_str(isolation::kHostedHalves)) : nullptr;
  if (halves == nullptr) return;
  const auto has = [&](std::string_view id) { return static_cast<const isolation::HostedHalves*>(halves)->has(instance.handle, to_str(id)); };
  if (!has(CLEAT_EXT_HANDLER)) instance.handler = nullptr;
  if (!has(CLEAT_EXT_HANDOVER)) instance.handover = nullptr;
}

}  // namespace

void use_tables(void (*change)(Instance& instance)) { change_tables = change; }

Loader::Loader(std::vector<std::string> folders, const cleat_host* host, std::uint32_t workers)
    : folders_(std::move(folders)), host_(host), workers_(workers) {
  set_control_thread();
  Quarantine::define_metrics();
}

std::vector<std::shared_ptr<Instance>> Loader::load(const std::vector<config::Instance>& wanted,
                                                    const std::vector<std::shared_ptr<Instance>>& before, std::uint64_t generation,
                                                    bool validate_only, config::Diagnostics& diagnostics) {
  const ByName old = by_name(before);
  std::vector<std::shared_ptr<Instance>> instances;
  bool failed = false;
  for (const config::Instance& one : wanted) {
    if (instances.size() >= kInstancesMax) {
      diagnostics.error(*one.node, "too many plugin instances: 65,535 is the bound");
      failed = true;
      break;
    }
    instances.push_back(make(one, named(old, one.name), generation, validate_only, diagnostics));
    failed = failed || instances.back() == nullptr;
  }
  for (std::size_t i = 0; !failed && !validate_only && i < instances.size(); ++i) {
    const auto from = named(old, wanted[i].name);
    if (from != nullptr && from != instances[i]) failed = !hand_over(*from, *instances[i], *wanted[i].node, diagnostics);
  }
  if (failed) {
    while (!instances.empty()) instances.pop_back();  // the last made goes first
  }
  return instances;
}

std::shared_ptr<Instance> Loader::make(const config::Instance& wanted, const std::shared_ptr<Instance>& before,
                                       std::uint64_t generation, bool validate_only, config::Diagnostics& diagnostics) {
  auto instance = std::make_shared<Instance>();
  if (instance->handle == 0) {
    diagnostics.error(*wanted.node, "too many plugin instances: 65,535 is the bound, of all generations");
    return nullptr;
  }
  instance->generation = generation;
  if (!prepare(*instance, wanted, diagnostics)) return nullptr;
  if (before != nullptr && is_same(*before, *instance)) {
    if (wanted.config != nullptr) wanted.config->ask_all();  // it was judged when the instance was made
    return before;
  }
  return create(*instance, wanted, validate_only, diagnostics) ? instance : nullptr;
}

// What an isolating plugin is told, as its configuration: copies of the file's nodes, at their places, among nodes that stand at the instance's.
std::unique_ptr<config::Node> hosting(const config::Instance& wanted, const std::string& file, const Note& note, const std::string& config_file) {
  const auto node = [&](config::Node::Type type, std::string text) {
    auto made = std::make_unique<config::Node>();
    made->type = type;
    made->position = wanted.node->position;
    made->label = wanted.node->label;
    made->path = wanted.node->path;
    made->scalar = std::move(text);
    made->quoted = true;
    return made;
  };
  std::error_code ignored;
  auto all = node(config::Node::Type::kMap, {});
  const auto add = [&](const char* key, std::unique_ptr<config::Node> value) {
    all->members.push_back({key, wanted.node->position, std::move(value)});
  };
  add("file", node(config::Node::Type::kScalar, fs::absolute(file, ignored).string()));
  add("plugin", node(config::Node::Type::kScalar, note.name));
  add("config_file", node(config::Node::Type::kScalar, fs::absolute(config_file, ignored).string()));
  add("program", node(config::Node::Type::kScalar, fs::read_symlink("/proc/self/exe", ignored).string()));
  add("config", wanted.config != nullptr ? wanted.config->copy() : node(config::Node::Type::kNull, {}));
  const bool has_options = wanted.isolation_node->type == config::Node::Type::kMap;
  add("options", has_options ? wanted.isolation_node->copy() : node(config::Node::Type::kNull, {}));
  std::erase_if(all->members.back().value->members, [](const config::Node::Member& member) { return member.key == "kind"; });
  return all;
}

bool Loader::prepare(Instance& instance, const config::Instance& wanted, config::Diagnostics& diagnostics) {
  instance.name = wanted.name;
  if (wanted.config != nullptr) instance.config_text = config::to_json(*wanted.config);
  instance.fail_open = wanted.fail_open;
  instance.quarantine_policy = wanted.quarantine;
  Result<std::string> file = find_file(wanted.use, folders_, diagnostics.file());
  if (!file.ok()) {
    diagnostics.error(use_node(wanted), file.error());
    return false;
  }
  if (!wanted.isolation.empty()) {
    Result<JudgedFile> judged = Library::judge(*file);
    if (!judged.ok()) {
      diagnostics.error(use_node(wanted), "plugin " + *file + ": " + judged.error());
      return false;
    }
    instance.note = judged->note;
    instance.sha256 = judged->sha256;
    instance.hosting_ = hosting(wanted, *file, judged->note, diagnostics.file());
    instance.hosted = config::to_json(*instance.hosting_);
    file = find_file("isolation_" + wanted.isolation, folders_, diagnostics.file());
    if (!file.ok()) {
      diagnostics.error(*wanted.isolation_node, "there is no isolation \"" + wanted.isolation + "\": " + file.error());
      return false;
    }
  }
  Result<std::shared_ptr<Library>> library = Library::open(*file, host_);
  if (!library.ok()) {
    diagnostics.error(use_node(wanted), "plugin " + *file + ": " + library.error());
    return false;
  }
  instance.library = *library;
  if (wanted.isolation.empty()) {
    instance.note = instance.library->note();
    instance.sha256 = instance.library->sha256();
  }
  instance.table = instance.library->table();
  instance.handler = instance.library->handler();
  instance.balancer = instance.library->balancer();
  instance.source = instance.library->config_source();
  instance.tls = instance.library->tls();
  instance.handover = instance.library->handover();
  instance.shards.reserve(workers_ + 1);
  while (instance.shards.size() <= workers_) instance.shards.push_back(std::make_unique<Instance::Shard>());
  if (change_tables != nullptr) change_tables(instance);
  return true;
}

bool Loader::create(Instance& instance, const config::Instance& wanted, bool validate_only, config::Diagnostics& diagnostics) {
  ConfigCall config(instance.hosting_ != nullptr ? instance.hosting_.get() : wanted.config, wanted.node, diagnostics);
  const cleat_create info = {.size = sizeof(cleat_create),
                             .workers = workers_,
                             .self = instance.handle,
                             .name = to_str(instance.name),
                             .config = config.root()};
  const bool validate = validate_only && instance.table.validate != nullptr;
  // Before the call: the watchdog may have something to say of it.
  if (!validate) instance.quarantine.begin(instance.name, instance.quarantine_policy);
  const CallOutcome outcome = call_plugin(&instance, validate ? Hook::kValidate : Hook::kCreate, [&] {
    const cleat_status status = validate ? instance.table.validate(&info) : instance.table.create(&info, &instance.self);
    if (status == CLEAT_OK && !instance.hosted.empty()) keep_halves(instance);
    return status;
  });
  if (!outcome.ok()) {
    config.report(*wanted.node, validate ? "validate" : "create", outcome);
    return false;
  }
  instance.created_ = !validate;
  const bool accepted = config.accept();
  instance.hosting_.reset();
  return accepted;
}

void* Loader::create_route(Instance& instance, const config::Node* config, config::Diagnostics& diagnostics) {
  static const config::Node kNowhere;
  const config::Node& at = config != nullptr ? *config : kNowhere;
  if (instance.table.route_create == nullptr) {
    diagnostics.error(at, "plugin instance \"" + instance.name + "\" has no configuration of routes");
    return nullptr;
  }
  ConfigCall call(config, nullptr, diagnostics);
  void* route = nullptr;
  const CallOutcome outcome = call_plugin(&instance, Hook::kRouteCreate, [&] {
    return instance.table.route_create(instance.self, call.root(), &route);
  });
  if (!outcome.ok()) {
    call.report(at, "route_create of \"" + instance.name + "\"", outcome);
    return nullptr;
  }
  if (call.accept()) return route;
  destroy_route(instance, route);
  return nullptr;
}

void Loader::destroy_route(Instance& instance, void* route) {
  if (route == nullptr || instance.table.route_destroy == nullptr) return;
  call_plugin(&instance, Hook::kRouteDestroy, [&] {
    instance.table.route_destroy(instance.self, route);
    return CLEAT_OK;
  });
}

void check_halves(const config::Model& model, const std::vector<std::shared_ptr<Instance>>& instances, config::Diagnostics& diagnostics) {
  const ByName all = by_name(instances);
  for (const config::Listener& listener : model.listeners) {
    for (const config::Route& route : listener.routes) {
      const auto handler = route.handler.empty() ? nullptr : named(all, route.handler);
      if (handler != nullptr && handler->handler == nullptr) {
        diagnostics.error(*route.node,
                          "handler: plugin instance \"" + handler->name + "\" is no handler (it has no " CLEAT_EXT_HANDLER ")");
      }
    }
  }
  for (const config::Cluster& cluster : model.clusters) {
    const auto balancer = cluster.balancer.empty() ? nullptr : named(all, cluster.balancer);
    if (balancer != nullptr && balancer->balancer == nullptr) {
      diagnostics.error(*cluster.node,
                        "balancer: plugin instance \"" + balancer->name + "\" is no balancer (it has no " CLEAT_EXT_BALANCER ")");
    }
    const auto source = cluster.discovery.empty() ? nullptr : named(all, cluster.discovery);
    if (source != nullptr && source->source == nullptr) {
      diagnostics.error(*cluster.node, "discovery: plugin instance \"" + source->name + "\" discovers nothing (it has no " CLEAT_EXT_CONFIG_SOURCE " of its own)");
    }
  }
}

std::vector<std::string> plugin_folders(const std::string& config_file, const config::Model& model) {
  std::vector<std::string> folders;
  const fs::path base = fs::path(config_file).parent_path();
  for (const std::string& folder : model.plugin_path) folders.push_back((base / folder).lexically_normal().string());
  std::error_code failure;
  const fs::path executable = fs::read_symlink("/proc/self/exe", failure);
  if (failure) return folders;
  for (const char* beside : {"../plugins", "../lib/cleat/plugins"}) {
    folders.push_back((executable.parent_path() / beside).lexically_normal().string());
  }
  return folders;
}

}  // namespace cleat::hooks
