// What is done to one head: an ordered list of removals, replacements and additions, read from configuration once.
#pragma once

#include <string>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"
#include "value.hpp"

namespace header_rewrite {

class Rules {
 public:
  Rules() = default;
  // Reads {remove: [name], set: {name: value}, add: {name: value | [values]}}. Mistakes are recorded at their node.
  Rules(const cleat::Config& node, Stage stage);

  // Removals first, then replacements, then additions, each in the file's order. The number of values that could not be made.
  unsigned apply(cleat::Exchange x, const cleat::Fields& fields) const;

  bool empty() const { return rules_.empty(); }

 private:
  enum class Action { kRemove, kSet, kAdd };
  struct Rule {
    Action action;
    std::string name;
    Value value;
  };

  void read_values(const cleat::Config& node, Action action, Stage stage);
  void add_rule(const cleat::Config& node, Action action, Stage stage, const std::string& name);
  static bool check_name(const cleat::Config& node, const std::string& name);

  std::vector<Rule> rules_;
};

}  // namespace header_rewrite
