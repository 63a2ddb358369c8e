/* What the tests can see of the keeper plugin, of all its instances of one file. */
#ifndef KEEPER_H
#define KEEPER_H
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/plugin.h"

struct keeper_state {
  char journal[4000]; /* "create a;give a;" */
  char taken[64];
  uint64_t size;
  uint64_t handle;
  uint32_t format, format_before;
  cleat_status wrote, elsewhere, late; /* of give's odd write, of one by another thread, of one in take */
};
#endif
