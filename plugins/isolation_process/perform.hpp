// What the process wants done with an exchange, done with the host's own functions: each of them judges its arguments as if a plugin in this process
// had called it. A worker's thread.
#pragma once

#include <string>
#include <vector>

#include "host.hpp"
#include "message.hpp"

namespace isolation_process {

// Whether the plugin relies on one of them: where it fails, its hook has failed.
bool relies_on_success(const std::vector<Step>& steps);
// In their order. False: one that the plugin relies on failed, and `words` says why. What else fails is a line of the debug log.
bool perform(cleat_instance self, cleat_exchange x, const Message& message, std::string& words);

}  // namespace isolation_process
