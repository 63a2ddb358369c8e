// What a configuration source stages: the first byte chooses the kind, the rest is the document. Nothing is refused without a word, and what
// was read without a mistake composes with a file that has what it may refer to, or is refused there with one.
#include <cstdint>
#include <string_view>

#include "kernel/base/check.hpp"
#include "kernel/config/compose.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cleat::config;
  constexpr std::size_t kBytesMax = 64 * 1024;
  if (size == 0 || size > kBytesMax) return 0;
  const ResourceKey key{"source", static_cast<ResourceKind>(data[0] % kResourceKinds), "name"};
  const auto resource = Resource::read(key, {reinterpret_cast<const char*>(data + 1), size - 1});
  CLEAT_CHECK(resource != nullptr);  // it is within the bounds
  CLEAT_CHECK(resource->part.document.root != nullptr || resource->diagnostics.failed());
  if (resource->diagnostics.failed()) {
    CLEAT_CHECK(!resource->diagnostics.text().empty());
    return 0;
  }
  Diagnostics diagnostics("f.yaml");
  static const auto file = read_configuration("plugins: [{name: source, use: a}]\nclusters: [{name: app, endpoints: []}]\nroute_tables: [{name: web, routes: []}]\n", diagnostics);
  CLEAT_CHECK(file != nullptr && !diagnostics.failed());
  const auto composed = compose(file, {{key, resource}}, diagnostics);
  CLEAT_CHECK(composed.has_value() == !diagnostics.failed());
  return 0;
}
