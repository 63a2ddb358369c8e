// Named events of the process: anyone publishes, plugins that subscribed are told through on_event, on the control thread, in the
// order of publishing, never inside `publish`. The queue is bounded; what does not fit is counted (cleat_events_dropped_total)
// and lost: an event says that something is worth looking at, it is not the thing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cleat {

inline constexpr std::size_t kEventsMax = 4'096;         // that wait for the control thread
inline constexpr std::size_t kEventNameMax = 128;        // bytes
inline constexpr std::size_t kEventDataMax = 4 * 1024;   // bytes; so 16 MiB at most wait
inline constexpr std::size_t kEventPatternsMax = 64;     // of one instance

// [any] For the kernel itself. The names beginning with "cleat." are its own; plugin_api/ext/events.h lists them. Data beyond the
// bound is cut. False when the event was dropped.
bool publish_event(std::string_view name, std::string_view data);

// Letters, digits and _ - . in 1 to 128 bytes; a pattern is a name, or one with ".*" after it: every name below it.
bool valid_event_name(std::string_view name);
bool valid_event_pattern(std::string_view pattern);
bool event_matches(std::string_view pattern, std::string_view name);

// [control] What the instance of this handle is told from now on, until it is gone. False: it has kEventPatternsMax already.
// REQUIRES: a valid pattern.
bool subscribe_to_events(std::uint64_t instance, std::string_view pattern);

// [control] Somebody would be told: for events that come in thousands.
bool event_wanted(std::string_view name);

}  // namespace cleat
