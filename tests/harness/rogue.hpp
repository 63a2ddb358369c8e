// A plugin that is linked into the test, and does what a request's x-do asks for: some of it well, most of it against ABI.md.
#pragma once

#include "plugin_api/plugin.h"

const cleat_plugin* rogue_v1(const cleat_host* host);
