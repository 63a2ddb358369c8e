// Calls into a plugin on the control thread: an exception becomes a failure with its text, and time and outcome are counted.
// Hooks of workers are called by dispatch.hpp. What an exception crosses must share this process's unwinder: a plugin that is
// linked with -static-libgcc ends the process instead (measured), which is why plugins are built without it.
#pragma once

#include <functional>
#include <string>

#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {

struct CallOutcome {
  cleat_status status = CLEAT_OK;
  std::string words;  // of a failure: what set_error left, or the exception's; may be empty
  bool ok() const { return status == CLEAT_OK; }
};

// [control] counters: of the control shard, or nullptr.
CallOutcome call_plugin(HookCounters* counters, const std::function<cleat_status()>& call);

}  // namespace cleat::hooks
