// throws: a plugin that lets exceptions out of every call it gets, which no plugin may.
#include <stdexcept>

#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=throws\nabi=0.9\nleast=0.9\n");

#ifdef THROW_ENTRY
extern "C" const cleat_plugin* cleat_plugin_v1(const cleat_host*) { throw std::runtime_error("no entry"); }
#else
namespace {

const cleat_plugin* make() {
  static cleat_plugin table = {};
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  table.create = [](const cleat_create* info, void**) -> cleat_status {
    if (info->name.size != 0 && info->name.data[0] == 'g') return CLEAT_OK;  // a good one
    if (info->name.size != 0 && info->name.data[0] == 'i') throw 42;
    throw std::runtime_error("out of cheese");
  };
  table.destroy = [](void*) { throw std::runtime_error("never again"); };
  table.route_create = [](void*, cleat_config, void**) -> cleat_status { throw std::runtime_error("no route"); };
  return &table;
}

}  // namespace

extern "C" const cleat_plugin* cleat_plugin_v1(const cleat_host*) { return make(); }
#endif
