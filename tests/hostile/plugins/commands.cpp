// Words for the command line: `say` behaves, `fall` throws, `far` answers a number that is no exit code.
#include <stdexcept>

#include "plugin_api/cpp/cleat.hpp"

namespace {

class Commands : public cleat::Plugin {
 public:
  static int command(cleat::Command call) {
    if (call.word() == "fall") throw std::runtime_error("fell");
    if (call.word() == "far") return 300;
    for (std::uint64_t i = 0; i < call.size(); ++i) call.out(std::string(call[i]) + "\n");
    call.error("said\n");
    return static_cast<int>(call.size());
  }
};

}  // namespace

CLEAT_PLUGIN(Commands, "name=commands\nversion=1.0.0\ncommands=say: says its arguments; fall:it falls;far; run: never: the program has it\n");
