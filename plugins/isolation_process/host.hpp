// The host's tables, found once when the file is loaded, and the few words all of this plugin says to it. Any thread, but where a function's own tag
// says otherwise.
#pragma once

#include <string>
#include <string_view>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/plugin.h"

namespace isolation_process {

struct Host {
  const cleat_host* core = nullptr;
  const cleat_host_attributes* attributes = nullptr;
  const cleat_host_body* body = nullptr;
  const cleat_host_config* config = nullptr;
  const cleat_host_events* events = nullptr;
  const cleat_host_handler* handler = nullptr;
  const cleat_host_handover* handover = nullptr;
  const cleat_host_http_call* http_call = nullptr;
  const cleat_host_kv* kv = nullptr;
  const cleat_host_metadata* metadata = nullptr;
  const cleat_host_metrics* metrics = nullptr;
  const cleat_host_post* post = nullptr;
};
inline Host host;

inline cleat_str str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

// What this thread's last failed host call said.
inline std::string host_error() {
  std::string text(512, '\0');
  std::uint64_t needed = 0;
  host.core->error_text(text.data(), text.size(), &needed);
  text.resize(needed < text.size() ? needed : text.size());
  return text;
}

}  // namespace isolation_process
