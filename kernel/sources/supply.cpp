#include "kernel/sources/supply.hpp"

#include "kernel/control.hpp"
#include "kernel/hooks/config_host.hpp"
#include "kernel/hooks/guard.hpp"

namespace cleat::sources {
std::shared_ptr<Supply> Supply::make(const config::Cluster& of, const std::shared_ptr<Cluster>& cluster,
                                     std::shared_ptr<hooks::Instance> source, config::Diagnostics& diagnostics) {
  const std::shared_ptr<Supply> made(new Supply(sources::feed(of.brings(), of.name), std::move(source)),
                                     [](Supply* last) { run_on_control([last] { delete last; }); });
  attach(*made->feed_, cluster);
  if (made->source_ != nullptr && made->source_->source != nullptr) made->watch(of, diagnostics);  // a lack of that half is reported elsewhere
  return made;
}

void Supply::watch(const config::Cluster& of, config::Diagnostics& diagnostics) {
  hooks::ConfigCall config(of.discovery_config, of.node, diagnostics);
  const hooks::CallOutcome outcome = hooks::call_plugin(source_.get(), hooks::Hook::kWatch, [&] {
    return source_->source->watch(source_->self, hooks::to_str(of.name), config.root(), &watch_);
  });
  if (outcome.ok()) {
    watching_ = true;
    config.accept();
    return;
  }
  config.report(*of.node, "discovery: watch of \"" + source_->name + "\"", outcome);
}

Supply::~Supply() {
  if (!watching_ || source_->source->unwatch == nullptr) return;
  hooks::tell_plugin(*source_, hooks::Hook::kUnwatch, "unwatch", [this] { source_->source->unwatch(source_->self, watch_); });
}

}  // namespace cleat::sources
