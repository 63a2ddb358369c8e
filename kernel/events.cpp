#include "kernel/events.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/metrics.hpp"
#include "kernel/control.hpp"
#include "kernel/hooks/guard.hpp"

namespace cleat {
namespace {

constexpr std::size_t kEventsInTask = 256;  // then other tasks of the control thread have their turn

struct Event {
  std::string name, data;
};

struct Queue {  // guarded by `mutex`
  std::mutex mutex;
  std::deque<Event> events;
  bool posted = false;  // a task that delivers is on its way
};

Queue& queue() {
  static Queue* const one = new Queue;  // never destroyed: plugins' threads may publish until the very end
  return *one;
}

// Handles are never reused, so an entry whose instance is gone only waits to be taken out. Control thread.
std::map<std::uint64_t, std::vector<std::string>>& subscriptions() {
  static auto* const all = new std::map<std::uint64_t, std::vector<std::string>>;
  return *all;
}

void count_drop() {
  static const metrics::SeriesId drops = [] {
    Result<metrics::MetricId> metric = metrics::define({.kind = metrics::Kind::kCounter,
                                                        .name = "cleat_events_dropped_total",
                                                        .help = "Events dropped: more than 4,096 waited for the control thread.",
                                                        .labels = {},
                                                        .bounds = {},
                                                        .series_max = 1});
    if (!metric.ok()) return metrics::SeriesId{0};
    Result<metrics::SeriesId> series = metrics::series(*metric, {});
    return series.ok() ? *series : metrics::SeriesId{0};
  }();
  if (drops != 0) metrics::add(drops, 1);
}

void tell(hooks::Instance& instance, const Event& event) {
  const cleat_event told = {
      .size = sizeof(cleat_event), .kind = CLEAT_EVENT_NAMED, .name = hooks::to_str(event.name), .data = hooks::to_str(event.data)};
  hooks::tell_plugin(instance, hooks::Hook::kEvent, "on_event", [&] { instance.table.on_event(instance.self, &told); });
}

// By handle, not by iterator: an instance may subscribe inside on_event.
std::vector<std::uint64_t> subscribers(std::string_view name) {
  std::vector<std::uint64_t> found;
  std::erase_if(subscriptions(), [](const auto& one) { return hooks::find_instance(one.first) == nullptr; });
  for (const auto& [handle, patterns] : subscriptions()) {
    const auto matches = [&](const std::string& pattern) { return event_matches(pattern, name); };
    if (std::any_of(patterns.begin(), patterns.end(), matches)) found.push_back(handle);
  }
  return found;
}

void deliver(const Event& event) {
  for (const std::uint64_t handle : subscribers(event.name)) {
    hooks::Instance* const instance = hooks::find_created(handle);
    if (instance != nullptr && instance->table.on_event != nullptr) tell(*instance, event);
  }
}

void deliver_some() {
  Queue& all = queue();
  for (std::size_t i = 0; i < kEventsInTask; ++i) {
    Event event;
    {
      const std::lock_guard lock(all.mutex);
      if (all.events.empty()) {
        all.posted = false;
        return;
      }
      event = std::move(all.events.front());
      all.events.pop_front();
    }
    deliver(event);
  }
  const std::lock_guard lock(all.mutex);
  all.posted = post_to_control(deliver_some);  // where the queue is full, the next event tries again
}

bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

}  // namespace

bool valid_event_name(std::string_view name) {
  return !name.empty() && name.size() <= kEventNameMax && std::all_of(name.begin(), name.end(), is_name_letter);
}

bool valid_event_pattern(std::string_view pattern) {
  return valid_event_name(pattern.ends_with(".*") ? pattern.substr(0, pattern.size() - 2) : pattern);
}

bool event_matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  pattern.remove_suffix(1);  // the '.' stays: "a.*" is all below "a", and not "ab"
  return name.size() > pattern.size() && name.starts_with(pattern);
}

bool publish_event(std::string_view name, std::string_view data) {
  Queue& all = queue();
  const std::lock_guard lock(all.mutex);
  const bool room = all.events.size() < kEventsMax;
  if (room) {
    all.events.push_back({std::string(name), std::string(data.substr(0, kEventDataMax))});
  } else {
    count_drop();
  }
  if (!all.posted) all.posted = post_to_control(deliver_some);
  return room;
}

bool subscribe_to_events(std::uint64_t instance, std::string_view pattern) {
  std::vector<std::string>& patterns = subscriptions()[instance];
  if (std::find(patterns.begin(), patterns.end(), pattern) != patterns.end()) return true;
  if (patterns.size() >= kEventPatternsMax) return false;
  patterns.emplace_back(pattern);
  return true;
}

bool event_wanted(std::string_view name) { return !subscribers(name).empty(); }

}  // namespace cleat
