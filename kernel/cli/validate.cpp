// `cleat validate`: what `run` would refuse at its start, found without serving. Plugins that have `validate` are only asked that;
// what their routes tell them can then not be checked, and the last line says so.
#include <cstdio>

#include "kernel/cli/cli.hpp"
#include "kernel/config/document.hpp"
#include "kernel/config/model.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::cli {
namespace {

std::string counted(std::size_t count, const char* what) { return std::to_string(count) + " " + what + (count == 1 ? "" : "s"); }

struct RouteCheck {
  std::size_t routes = 0;
  std::size_t unchecked = 0;  // entries under routes' `plugins` whose instance was not created
};

RouteCheck check_routes(const config::Model& model, const std::vector<std::shared_ptr<hooks::Instance>>& instances,
                        config::Diagnostics& diagnostics) {
  RouteCheck result;
  for (const config::Listener& listener : model.listeners) {
    for (const config::Route& route : listener.routes) {
      ++result.routes;
      for (const config::RoutePlugin& entry : route.plugins) {
        for (const auto& instance : instances) {
          if (instance->name != entry.instance) continue;
          if (instance->created() || instance->table.route_create == nullptr) {
            hooks::Loader::destroy_route(*instance, hooks::Loader::create_route(*instance, entry.config, diagnostics));
          } else {
            ++result.unchecked;
          }
        }
      }
    }
  }
  return result;
}

}  // namespace

int validate(const std::string& config_file, bool full) {
  Result<std::string> text = config::read_file(config_file);
  if (!text.ok()) {
    std::fprintf(stderr, "%s\n", text.error().c_str());  // names the file
    return kRefused;
  }
  config::Diagnostics diagnostics(config_file);
  const auto refused = [&] {
    std::fprintf(stderr, "%s", diagnostics.text().c_str());  // ends with a newline of its own
    return kRefused;
  };
  const config::Document document = config::parse_document(*text, diagnostics);
  if (document.root == nullptr || diagnostics.failed()) return refused();
  const config::Model model = config::read_model(document, diagnostics);
  if (diagnostics.failed()) return refused();

  hooks::Loader loader(hooks::plugin_folders(config_file, model), hooks::host_table(), model.workers == 0 ? 1 : model.workers);
  auto instances = loader.load(model.instances, {}, 0, !full, diagnostics);
  RouteCheck routes;
  if (!diagnostics.failed()) {
    hooks::check_halves(model, instances, diagnostics);
    routes = check_routes(model, instances, diagnostics);
  }
  while (!instances.empty()) instances.pop_back();  // the last made goes first
  if (diagnostics.failed()) return refused();
  std::printf("%s: ok: %s, %s, %s, %s\n", config_file.c_str(), counted(model.listeners.size(), "listener").c_str(),
              counted(routes.routes, "route").c_str(), counted(model.clusters.size(), "cluster").c_str(),
              counted(model.instances.size(), "plugin").c_str());
  if (routes.unchecked != 0) {
    std::printf("%s: not checked: %s of plugins in routes; --full creates the plugins and checks them too\n", config_file.c_str(),
                counted(routes.unchecked, "setting").c_str());
  }
  return kOk;
}

}  // namespace cleat::cli
