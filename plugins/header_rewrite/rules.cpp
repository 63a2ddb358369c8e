#include "rules.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace header_rewrite {

Rules::Rules(const cleat::Config& node, Stage stage) {
  for (const auto& member : node["remove"].members()) {
    const auto name = member.value.as<std::string>();
    if (check_name(member.value, name)) rules_.push_back({Action::kRemove, name, {}});
  }
  read_values(node["set"], Action::kSet, stage);
  read_values(node["add"], Action::kAdd, stage);
}

void Rules::read_values(const cleat::Config& node, Action action, Stage stage) {
  if (node && !node.is_map()) {
    node.error("must be a map of names to values");
    return;
  }
  for (const auto& [name, value] : node.members()) {
    if (!check_name(value, name)) continue;
    if (action == Action::kAdd && value.is_list()) {
      for (const auto& each : value.members()) add_rule(each.value, action, stage, name);
    } else {
      add_rule(value, action, stage, name);
    }
  }
}

void Rules::add_rule(const cleat::Config& node, Action action, Stage stage, const std::string& name) {
  std::string error;
  const auto text = node ? node.as<std::string>() : std::string();
  if (auto value = Value::compile(text, stage, error)) {
    rules_.push_back({action, name, *std::move(value)});
  } else {
    node.error(error);
  }
}

bool Rules::check_name(const cleat::Config& node, const std::string& name) {
  static constexpr std::array<std::string_view, 4> kHosts = {"host", "connection", "transfer-encoding", "content-length"};
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!is_field_name(name)) {
    node.error("\"" + name + "\" is not a header's name (RFC 9110 5.1)");
    return false;
  }
  if (std::find(kHosts.begin(), kHosts.end(), lower) != kHosts.end()) {
    node.error("\"" + name + "\" frames the message and is the proxy's own; a route's host_rewrite changes Host");
    return false;
  }
  return true;
}

unsigned Rules::apply(cleat::Exchange x, const cleat::Fields& fields) const {
  unsigned failures = 0;
  char scratch[Value::kBytesMax];
  for (const Rule& rule : rules_) {
    if (rule.action == Action::kRemove) {
      fields.remove(rule.name);
      continue;
    }
    const auto value = rule.value.render(x, scratch);
    const bool absent = !value || (value->empty() && !rule.value.fixed());
    if (rule.action == Action::kAdd) {
      if (!value || (!absent && !fields.add(rule.name, *value))) ++failures;
    } else if (absent || !fields.set(rule.name, *value)) {
      // Nothing to set: a field of that name that came from outside must not pass for ours.
      fields.remove(rule.name);
      if (!absent || !value) ++failures;
    }
  }
  return failures;
}

}  // namespace header_rewrite
