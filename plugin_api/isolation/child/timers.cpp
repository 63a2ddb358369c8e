#include "plugin_api/isolation/child/timers.hpp"

#include <algorithm>

#include "kernel/base/reactor.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/isolation/child/subject.hpp"

namespace cleat::isolation {
namespace {

std::uint64_t deadline_ms(std::uint64_t delay_ms) { return (monotonic_us() + 999) / 1000 + delay_ms; }

}  // namespace

cleat_timer Timers::arm(Subject* subject, std::uint64_t owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user) {
  if (subject == nullptr ? own_ >= kInstanceTimersMax : subject->timers.size() >= Subject::kTimersMax) return 0;
  if (free_.empty()) {
    if (entries_.size() >= kTimersMax) return 0;
    entries_.emplace_back(*this, static_cast<std::uint32_t>(entries_.size()));
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  Entry& entry = entries_[free_.back()];
  if (subject != nullptr) {
    subject->timers.push_back(entry.index);
  } else {
    ++own_;
  }
  free_.pop_back();
  entry.used = true;
  entry.subject = subject;
  entry.owner = owner;
  entry.fn = fn;
  entry.user = user;
  wheel_.arm(entry.timer, deadline_ms(delay_ms));
  return make_handle(worker_, HandleKind::kTimer, entry.index, entry.generation);
}

Timers::Entry* Timers::find(cleat_timer timer) {
  const std::uint32_t index = handle_slot(timer);
  if (index >= entries_.size()) return nullptr;
  Entry& entry = entries_[index];
  return entry.used && entry.generation == handle_generation(timer) ? &entry : nullptr;
}

bool Timers::rearm(cleat_timer timer, std::uint64_t delay_ms) {
  Entry* const entry = find(timer);
  if (entry != nullptr) wheel_.arm(entry->timer, deadline_ms(delay_ms));
  return entry != nullptr;
}

bool Timers::cancel(cleat_timer timer) {
  Entry* const entry = find(timer);
  if (entry != nullptr) release(*entry);
  return entry != nullptr;
}

void Timers::release(Entry& entry) {
  entry.timer.cancel();
  if (entry.subject != nullptr) {
    std::erase(entry.subject->timers, entry.index);
  } else {
    --own_;
  }
  entry.used = false;
  entry.subject = nullptr;
  if (++entry.generation == 0) entry.generation = 1;
  free_.push_back(entry.index);
}

void Timers::cancel_all(Subject& subject) {
  while (!subject.timers.empty()) release(entries_[subject.timers.back()]);
}

void Timers::cancel_all() {
  for (Entry& entry : entries_) {
    if (entry.used) release(entry);
  }
}

// The entry is free again before the callback runs: the plugin may arm anew in it.
void Timers::fired(void* owner) {
  auto& entry = *static_cast<Entry*>(owner);
  Timers& timers = entry.timers;
  const cleat_timer_fn fn = entry.fn;
  void* const user = entry.user;
  const std::uint64_t subject = entry.owner;
  timers.release(entry);
  timers.fire_(subject, fn, user);
}

}  // namespace cleat::isolation
