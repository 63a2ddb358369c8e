// `cleat plugin inspect`: what a plugin file is, and whether this host would load it.
#pragma once

#include <string>

namespace cleat::kit {

// The answer is the exit code: 0 it would be loaded, 1 the file cannot be read, 2 it would be refused.
int inspect(const std::string& plugin_file, bool json);

}  // namespace cleat::kit
