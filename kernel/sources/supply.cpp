#include "kernel/sources/supply.hpp"

#include "kernel/base/log.hpp"
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
  const std::string what = "discovery: watch of \"" + source_->name + "\" failed";
  if (!outcome.words.empty()) {
    diagnostics.error(*of.node, what + ": " + outcome.words);
  } else if (!config.failed()) {
    diagnostics.error(*of.node, what + " without saying why (status " + std::to_string(outcome.status) + ")");
  }
}

Supply::~Supply() {
  if (!watching_ || source_->source->unwatch == nullptr) return;
  const hooks::CallOutcome outcome = hooks::call_plugin(source_.get(), hooks::Hook::kUnwatch, [this] {
    source_->source->unwatch(source_->self, watch_);
    return CLEAT_OK;
  });
  if (!outcome.ok()) log::write(log::Level::kError, "plugin/" + source_->name, "unwatch failed: " + outcome.words);
}

}  // namespace cleat::sources
