// One resource of a source, from text to what it says.
#include <atomic>
#include <mutex>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

constexpr std::string_view kWords[kResourceKinds] = {"listeners", "route_tables", "clusters", "secrets"};

// What all resources there are take; each counts itself in and out.
std::atomic<std::size_t> held_count{0}, held_bytes{0};

bool within_bounds(std::size_t bytes) {
  return bytes <= kResourceBytesMax && held_bytes.load() + bytes <= kResourcesBytesMax && held_count.load() < kResourcesMax;
}

void read_one(const Node& root, ResourceKind kind, Reading& reading, Model& model) {
  switch (kind) {
    case ResourceKind::kListener: model.listeners.push_back(read_listener(root, reading)); break;
    case ResourceKind::kRouteTable: model.route_tables.push_back(read_route_table(root, reading)); break;
    case ResourceKind::kCluster: model.clusters.push_back(read_cluster(root, reading)); break;
    case ResourceKind::kSecret: model.secrets.push_back(read_secret(root, reading)); break;
  }
}

}  // namespace

std::string_view kind_word(ResourceKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

Resource::Resource(ResourceKey of, std::string_view document)
    : key(std::move(of)), text(document), label(key.source + "/" + std::string(kind_word(key.kind)) + "/" + key.name), diagnostics(label) {
  held_count += 1;
  held_bytes += text.size();
}

Resource::~Resource() {
  held_count -= 1;
  held_bytes -= text.size();
}

std::shared_ptr<const Resource> Resource::read(ResourceKey key, std::string_view text) {
  static std::mutex one_at_a_time;  // parsing takes many times the text's memory
  const std::lock_guard lock(one_at_a_time);
  if (!within_bounds(text.size())) return nullptr;
  const std::shared_ptr<Resource> resource(new Resource(std::move(key), text));
  Part& part = resource->part;
  part.document = parse_document(resource->text, resource->diagnostics, &resource->label);
  if (part.document.root == nullptr) return resource;
  Reading reading(resource->diagnostics);
  reading.staged_name = &resource->key.name;
  read_one(*part.document.root, resource->key.kind, reading, part.model);
  for (Cluster& cluster : part.model.clusters) cluster.source = resource->key.source;
  part.references = std::move(reading.references);
  report_unknown_keys(*part.document.root, reading.opaque, resource->diagnostics);
  return resource;
}

}  // namespace cleat::config
