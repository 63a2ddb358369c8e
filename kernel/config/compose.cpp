// Putting parts together: the sections one after another, then what only the whole can tell.
#include "kernel/config/compose.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::size_t kInstancesMax = 65'535;  // hooks::Instance::index is below 2^16

// Names of one section, defined and referred to. Made once for all parts.
class Names {
 public:
  Names(const std::vector<Named>& defined, std::string_view what) : what_(what) {
    for (const Named& one : defined) {
      if (known_.insert(one.name).second) names_.emplace_back(one.name);
    }
  }
  void check(const std::vector<Reference>& references, Reading& reading) const {
    for (const Reference& reference : references) {
      if (known_.contains(reference.name)) continue;
      reading.diagnostics.error(*reference.node, "there is no " + std::string(what_) + " \"" + reference.name + "\"" +
                                                     did_you_mean(reference.name, names_, reading.diagnostics));
    }
  }

 private:
  std::string_view what_;
  std::unordered_set<std::string_view> known_;
  std::vector<std::string> names_;
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Two listeners on one address: the second bind would split the connections between them (SO_REUSEPORT), unnoticed.
void report_shared_addresses(const std::vector<Listener>& listeners, Reading& reading) {
  std::vector<Named> addresses;
  for (const Listener& listener : listeners) {
    if (!listener.address.ends_with(":0")) addresses.push_back({listener.node, listener.address});
  }
  report_repeated(addresses, "a listener on", reading);
}

// The routes of a table were read without knowing the listeners that would use them.
void fill_listener(Listener& listener, const RouteTable& table, Reading& reading) {
  listener.routes = table.routes;
  check_route_plugins(listener, reading);
  if (listener.path == PathPolicy{}) return;
  for (const Route& route : listener.routes) {
    const Match& match = route.match;
    const bool compared = match.path_kind == Match::Path::kExact || match.path_kind == Match::Path::kPrefix;
    if (compared && !match.path.empty()) check_path(*match.path_node, match.path, listener.path, reading);
  }
}

void fill_listeners(Model& model, Reading& reading) {
  std::unordered_map<std::string_view, const RouteTable*> tables;
  for (const RouteTable& table : model.route_tables) tables.emplace(table.name, &table);
  for (Listener& listener : model.listeners) {
    const auto found = listener.route_table.empty() ? tables.end() : tables.find(listener.route_table);
    if (found != tables.end()) fill_listener(listener, *found->second, reading);
  }
}

void check_names(const Model& model, const std::vector<const References*>& references, Reading& reading) {
  const std::vector<Named> instances = named(model.instances, &Instance::name), clusters = named(model.clusters, &Cluster::name);
  const std::vector<Named> tables = named(model.route_tables, &RouteTable::name);
  report_repeated(instances, "a plugin named", reading);
  report_repeated(named(model.listeners, &Listener::name), "a listener named", reading);
  report_repeated(clusters, "a cluster named", reading);
  report_repeated(tables, "a route table named", reading);
  const std::vector<Named> secrets = named(model.secrets, &Secret::name);
  report_repeated(secrets, "a secret named", reading);
  report_shared_addresses(model.listeners, reading);
  const Names known_instances(instances, "plugin"), known_clusters(clusters, "cluster"), known_tables(tables, "route table"), known_secrets(secrets, "secret");
  for (const References* one : references) {
    known_instances.check(one->instances, reading);
    known_clusters.check(one->clusters, reading);
    known_tables.check(one->route_tables, reading);
    known_secrets.check(one->secrets, reading);
  }
}

Model check(Model model, const std::vector<const References*>& references, Diagnostics& diagnostics) {
  Reading reading(diagnostics);
  if (model.instances.size() > kInstancesMax) diagnostics.error(Position{}, "plugins", "more than 65535 plugin instances");
  check_names(model, references, reading);
  fill_listeners(model, reading);
  return model;
}

}  // namespace

Model read_model(const Document& document, Diagnostics& diagnostics) {
  Part part;
  read_file_part(document, diagnostics, part);
  return check(std::move(part.model), {&part.references}, diagnostics);
}

std::shared_ptr<const Part> read_configuration(std::string_view text, Diagnostics& diagnostics) {
  auto part = std::make_shared<Part>();
  part->document = parse_document(text, diagnostics);
  if (part->document.root == nullptr) return nullptr;
  read_file_part(part->document, diagnostics, *part);
  return part;
}

std::optional<Composition> compose(std::shared_ptr<const Part> file, Resources resources, Diagnostics& diagnostics) {
  std::unordered_set<std::string_view> instances;
  for (const Instance& instance : file->model.instances) instances.insert(instance.name);
  std::erase_if(resources, [&](const auto& one) { return !instances.contains(one.first.source); });
  Composition whole{std::move(file), std::make_shared<const Resources>(std::move(resources)), {}};
  whole.model = whole.file->model;

  std::vector<const References*> references{&whole.file->references};
  for (const auto& [key, resource] : *whole.resources) {
    const Model& model = resource->part.model;
    append(whole.model.listeners, model.listeners);
    append(whole.model.clusters, model.clusters);
    append(whole.model.route_tables, model.route_tables);
    append(whole.model.secrets, model.secrets);
    references.push_back(&resource->part.references);
    if (resource->diagnostics.failed()) diagnostics.add(resource->diagnostics);
  }
  whole.model = check(std::move(whole.model), references, diagnostics);
  if (diagnostics.failed()) return std::nullopt;
  return whole;
}

}  // namespace cleat::config
