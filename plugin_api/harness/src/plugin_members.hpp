// The entries of a plugin's tables, for what stands in their place: With<&cleat_plugin::on_request>::call and so on, where there is such an entry.
#pragma once

#include "plugin_api/ext/handler.h"
#include "plugin_api/plugin.h"

namespace cleat::kit {

template <template <auto> class With, auto Member, class Table>
void wrap(Table& table) {
  if (table.*Member != nullptr) table.*Member = &With<Member>::call;
}

template <template <auto> class With>
void wrap_plugin(cleat_plugin& table) {
  wrap<With, &cleat_plugin::create>(table);
  wrap<With, &cleat_plugin::validate>(table);
  wrap<With, &cleat_plugin::destroy>(table);
  wrap<With, &cleat_plugin::route_create>(table);
  wrap<With, &cleat_plugin::route_destroy>(table);
  wrap<With, &cleat_plugin::worker_start>(table);
  wrap<With, &cleat_plugin::worker_stop>(table);
  wrap<With, &cleat_plugin::on_connection>(table);
  wrap<With, &cleat_plugin::on_tls>(table);
  wrap<With, &cleat_plugin::on_connection_end>(table);
  wrap<With, &cleat_plugin::on_request>(table);
  wrap<With, &cleat_plugin::on_route>(table);
  wrap<With, &cleat_plugin::on_request_body>(table);
  wrap<With, &cleat_plugin::on_request_trailers>(table);
  wrap<With, &cleat_plugin::on_attempt>(table);
  wrap<With, &cleat_plugin::on_attempt_end>(table);
  wrap<With, &cleat_plugin::on_response>(table);
  wrap<With, &cleat_plugin::on_response_body>(table);
  wrap<With, &cleat_plugin::on_response_trailers>(table);
  wrap<With, &cleat_plugin::on_reply>(table);
  wrap<With, &cleat_plugin::on_end>(table);
  wrap<With, &cleat_plugin::on_event>(table);
  wrap<With, &cleat_plugin::on_drain>(table);
  wrap<With, &cleat_plugin::on_shutdown>(table);
}

template <template <auto> class With>
void wrap_handler(cleat_plugin_handler& table) {
  wrap<With, &cleat_plugin_handler::on_handle>(table);
  wrap<With, &cleat_plugin_handler::on_handle_body>(table);
  wrap<With, &cleat_plugin_handler::on_writable>(table);
  wrap<With, &cleat_plugin_handler::on_handle_end>(table);
}

}  // namespace cleat::kit
