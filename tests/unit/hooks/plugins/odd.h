/* What the tests can see of the odd plugin. */
#ifndef ODD_H
#define ODD_H
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/plugin.h"

struct odd_state {
  int entries, creates, validates, destroys, route_creates, route_destroys;
  cleat_config kept; /* the root of the last call, kept too long */
  cleat_instance self;
  uint32_t workers;
  cleat_status log_in_destroy;
  char route;
};
#endif
