// The configuration that a plugin reads during one call. Nodes are handed out as handles into a table that lives as long as
// the call; a handle kept after it, or shown to another thread, is answered, never followed. Control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernel/config/document.hpp"
#include "kernel/hooks/guard.hpp"
#include "plugin_api/types.h"

namespace cleat::hooks {

class ConfigCall {
 public:
  // config: nullptr makes a null node at `at`, for the errors that the plugin finds with nothing being there.
  ConfigCall(const config::Node* config, const config::Node* at, config::Diagnostics& diagnostics);
  ConfigCall(const ConfigCall&) = delete;
  ConfigCall& operator=(const ConfigCall&) = delete;
  ~ConfigCall();

  cleat_config root() const;
  // After the plugin's call returned CLEAT_OK: reports what it did not ask for. True if nothing was wrong in the whole call.
  bool accept();
  bool failed() const;  // errors were recorded since the construction
  // After another answer: why, at `at`, unless the plugin has already said it at nodes of its configuration.
  void report(const config::Node& at, const std::string& what, const CallOutcome& outcome) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace cleat::hooks
