// cleat.events/1: what a plugin may say to the queue of kernel/events.hpp, and hear from it.
#include "kernel/events.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/hooks/host_exchange.hpp"

namespace cleat::hooks {
namespace {

cleat_status events_subscribe(cleat_instance self, cleat_str pattern) {
  if (!on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "subscribe: only on the control thread, at best in create");
  if (find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "subscribe: no such instance");
  if (bad(pattern) || !valid_event_pattern(to_view(pattern))) {
    return fail_call(CLEAT_INVALID, "subscribe: a pattern is 1 to 128 of A-Z a-z 0-9 _ - . and may end in \".*\"");
  }
  return guarded([&]() -> cleat_status {
    if (subscribe_to_events(self, to_view(pattern))) return CLEAT_OK;
    return fail_call(CLEAT_LIMIT, "subscribe: this instance has 64 patterns already");
  });
}

cleat_status events_publish(cleat_instance self, cleat_str name, cleat_str data) {
  if (const InstancePin instance(self); !instance) return fail_call(CLEAT_STALE, "publish: no such instance");
  if (bad(name) || !valid_event_name(to_view(name))) return fail_call(CLEAT_INVALID, "publish: a name is 1 to 128 of A-Z a-z 0-9 _ - .");
  if (to_view(name).starts_with("cleat.")) return fail_call(CLEAT_INVALID, "publish: names that begin with \"cleat.\" are the host's");
  if (bad(data) || data.size > kEventDataMax) return fail_call(CLEAT_INVALID, "publish: data is NULL, or more than 4,096 bytes");
  return guarded([&]() -> cleat_status {
    if (publish_event(to_view(name), to_view(data))) return CLEAT_OK;
    return fail_call(CLEAT_LIMIT, "publish: 4,096 events wait already");
  });
}

}  // namespace

const cleat_host_events kHostEvents = {
    .size = sizeof(cleat_host_events),
    .reserved = 0,
    .subscribe = events_subscribe,
    .publish = events_publish,
};

}  // namespace cleat::hooks
