// What may stand in a request's head beside its fields, of a plugin's making.
#pragma once

#include <string_view>

namespace cleat::hooks {

bool valid_target(std::string_view target);        // "/path?query" as a client may send it
bool valid_authority(std::string_view authority);  // host[:port]

}  // namespace cleat::hooks
