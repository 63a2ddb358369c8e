// The running state as JSON, for people and their tools: kernel/README.md has the fields. Fields are added; none changes or goes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cleat {

// [control] Of a topic: server, config, listeners, clusters, plugins, generations. Empty: there is no such topic.
std::optional<std::string> describe(std::string_view topic);

// A configuration's JSON with everything that looks like a secret replaced; "null" if the text is no JSON.
std::string redacted(const std::string& json);

}  // namespace cleat
