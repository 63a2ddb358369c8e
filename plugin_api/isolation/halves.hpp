// What an isolating plugin says to the kernel's loader beyond the ABI, by its `find`: its own tables are the same for every instance, and the plugins
// that it stands in for differ. Of one build, as the protocol is.
#pragma once

#include <string_view>

#include "plugin_api/types.h"

namespace cleat::isolation {

inline constexpr std::string_view kHostedHalves = "cleat.hosted_halves/1";  // the id; the table is a HostedHalves

struct HostedHalves {
  // [control] Right after a create or validate that answered CLEAT_OK: whether the plugin that this instance stands in for has that half
  // ("cleat.handler/1").
  bool (*has)(cleat_instance self, cleat_str id);
};

}  // namespace cleat::isolation
