// Which extensions this host has: the answer to a note's `requires`. host.find must answer for exactly these.
#pragma once

#include <array>
#include <string_view>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/ext/tls.h"

namespace cleat::hooks {

// ABI 0.9. Balancer, handler, config_source, tls and handover have a plugin's half too.
inline constexpr std::array<std::string_view, 16> kHostExtensions = {
    CLEAT_EXT_CONFIG, CLEAT_EXT_BODY, CLEAT_EXT_ATTRIBUTES, CLEAT_EXT_METADATA, CLEAT_EXT_TIMER,
    CLEAT_EXT_POST, CLEAT_EXT_METRICS, CLEAT_EXT_BALANCER, CLEAT_EXT_HANDLER, CLEAT_EXT_EVENTS, CLEAT_EXT_CONTROL,
    CLEAT_EXT_CONFIG_SOURCE, CLEAT_EXT_KV, CLEAT_EXT_HTTP_CALL, CLEAT_EXT_TLS, CLEAT_EXT_HANDOVER,
};

constexpr bool host_has(std::string_view extension) {
  for (const std::string_view id : kHostExtensions) {
    if (id == extension) return true;
  }
  return false;
}

}  // namespace cleat::hooks
