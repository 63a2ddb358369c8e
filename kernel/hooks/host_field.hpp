// What may stand in a request's head beside its fields, of a plugin's making.
#pragma once

#include <string_view>

#include "kernel/http/message.hpp"
#include "plugin_api/types.h"

namespace cleat::hooks {

bool valid_target(std::string_view target);        // "/path?query" as a client may send it
bool valid_authority(std::string_view authority);  // host[:port]

// What field_set does to a head that may be changed.
cleat_status set_method(http::RequestHead& request, Arena& arena, std::string_view method);
cleat_status set_authority(http::RequestHead& request, Arena& arena, std::string_view authority);

}  // namespace cleat::hooks
