/* A note, and no cleat_plugin_v1. */
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=entry_missing\nversion=0.0.0\nabi=0.9\nleast=0.9\n");

CLEAT_EXPORT int cleat_plugin_v0(void);
int cleat_plugin_v0(void) { return 0; }
