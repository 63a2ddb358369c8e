// The configuration in force is what the file says and what configuration sources have staged beside it. Each resource of a source is
// a document of its own, read once, when it is staged, on whatever thread that is; composing puts what was read together and
// looks that it fits. So one of 10,000 resources changes without the others being read again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernel/config/model.hpp"

namespace cleat::config {

// A name that must be defined somewhere in the configuration.
struct Reference {
  const Node* node;
  std::string name;
};

struct References {
  std::vector<Reference> clusters, instances, route_tables, secrets;
};

// What one document defines, and what it counts on.
struct Part {
  Document document;
  Model model;
  References references;
};

// The file. With errors in `diagnostics` it is still good for finding more of them by compose(), which then refuses it. nullptr: it
// could not be parsed.
std::shared_ptr<const Part> read_configuration(std::string_view text, Diagnostics& diagnostics);

enum class ResourceKind : std::uint8_t { kListener, kRouteTable, kCluster, kSecret };
inline constexpr std::size_t kResourceKinds = 4;
std::string_view kind_word(ResourceKind kind);  // "listeners", as the file's section is called

// Bounds of all that sources hold, staged and in force. Parsing takes up to 250 bytes a byte for a moment, one document at a time.
inline constexpr std::size_t kResourceBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kResourcesBytesMax = 128 * 1024 * 1024;
inline constexpr std::size_t kResourcesMax = 100'000;

struct ResourceKey {
  std::string source;                // name of the instance
  ResourceKind kind = ResourceKind::kListener;
  std::string name;
  auto operator<=>(const ResourceKey&) const = default;
};

// Immutable once read.
class Resource {
 public:
  const ResourceKey key;
  const std::string text;
  const std::string label;           // <source>/<kind>/<name>: what its errors call it
  Part part;                         // a model with one thing in it
  Diagnostics diagnostics;           // of reading it; a resource that failed is in no composition

  // [any] Reads the text of one list member of the file's section. Waits while another is read. nullptr: a bound would be exceeded.
  static std::shared_ptr<const Resource> read(ResourceKey key, std::string_view text);
  ~Resource();
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;

 private:
  Resource(ResourceKey key, std::string_view text);
};

using Resources = std::map<ResourceKey, std::shared_ptr<const Resource>>;

// A whole configuration, and what its nodes point into.
struct Composition {
  std::shared_ptr<const Part> file;
  std::shared_ptr<const Resources> resources;
  Model model;
};

// Merges, and checks names and references over all of it: a name has one owner. Resources of instances that the file does not have
// are left out. std::nullopt with diagnostics on failure.
std::optional<Composition> compose(std::shared_ptr<const Part> file, Resources resources, Diagnostics& diagnostics);

}  // namespace cleat::config
