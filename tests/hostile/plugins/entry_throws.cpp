// cleat_plugin_v1 throws.
#include <stdexcept>

#include "report.h"

HOSTILE_NOTE("entry_throws", "");

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  throw std::runtime_error("thrown by the entry");
}
