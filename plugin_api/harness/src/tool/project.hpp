// `cleat plugin new`: a project for a plugin of one's own.
#pragma once

#include <string>

namespace cleat::kit {

struct NewPlugin {
  std::string name, language;
  std::string folder;  // empty: of the plugin's name
  std::string sdk;     // where the SDK is installed; empty: where the program is
};
int new_plugin(const NewPlugin& wanted);  // 0 made, 2 refused, with the reason on standard error

}  // namespace cleat::kit
