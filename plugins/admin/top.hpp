// `cleat top`: a live view of routes, clusters and plugins in a terminal, from the admin plugin of a running process.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "plugin_api/cpp/cleat.hpp"
#include "plugin_api/cpp/command.hpp"

namespace admin {

int run_top(cleat::Command call);  // the exit code

// What was fetched at one time.
struct Sample {
  double at_s = 0;
  nlohmann::json server, listeners, clusters, plugins;
};

// One frame: lines of at most `columns`, at most `rows` of them, without control characters but, where `color`, those that colour.
std::string frame(const Sample& now, const std::optional<Sample>& before, std::size_t columns, std::size_t rows, bool color);

}  // namespace admin
