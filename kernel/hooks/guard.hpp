// Calls into a plugin on the control thread: an exception becomes a failure with its text, time and outcome are counted, and the thread
// is stamped (call_stamp.hpp). Hooks of workers are called by dispatch.hpp. What an exception crosses must share this process's unwinder:
// a plugin that is linked with -static-libgcc ends the process instead (measured), which is why plugins are built without it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {

struct CallOutcome {
  cleat_status status = CLEAT_OK;
  std::string words;  // of a failure: what set_error left, or the exception's; may be empty
  bool ok() const { return status == CLEAT_OK; }
};

// [control] instance: whose call is stamped and counted, or nullptr while a file is being loaded.
CallOutcome call_plugin(Instance* instance, Hook hook, const std::function<cleat_status()>& call);

// [control] The same of what answers nothing: that `what` failed is in the log. True if it did not.
bool tell_plugin(Instance& instance, Hook hook, std::string_view what, const std::function<void()>& call);

// [control] The instance, if its create has returned and its destroy has not begun: it stays for as long as this thread is busy with it.
Instance* find_created(cleat_instance handle);

// [control] Stamps the thread while code of a plugin's file may run that no instance stands for yet. `file` outlives it.
class LoadStamp {
 public:
  explicit LoadStamp(const char* file);
  LoadStamp(const LoadStamp&) = delete;
  LoadStamp& operator=(const LoadStamp&) = delete;
  ~LoadStamp();
};

}  // namespace cleat::hooks
