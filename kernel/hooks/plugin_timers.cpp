#include "kernel/hooks/plugin_timers.hpp"

#include <utility>

#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"

namespace cleat {
namespace {

// Not the reactor's clock, which stands still during a turn: a timer armed late in a long turn would fire early.
std::uint64_t deadline_ms(std::uint64_t delay_ms) { return (monotonic_us() + 999) / 1000 + delay_ms; }

}  // namespace

PluginTimers::Owner PluginTimers::owner(Exchange& x) { return {x.handle(), &x.timer_list, &x.timers, Exchange::kTimersMax}; }

PluginTimers::Owner PluginTimers::owner(Connection& connection, cleat_conn handle) {
  return {handle, &connection.timer_list, &connection.timers, Exchange::kTimersMax};
}

PluginTimers::Owner PluginTimers::owner(cleat_instance instance) { return {instance, nullptr, &counts_[instance], kInstanceTimersMax}; }

cleat_timer PluginTimers::arm(cleat_instance instance, const Owner& owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user) {
  if (*owner.count >= owner.most) return 0;
  if (free_.empty()) {
    if (entries_.size() >= kTimersMax) return 0;
    if (free_.capacity() <= entries_.size()) free_.reserve(2 * entries_.size() + 64);  // room for all, so that release cannot fail
    entries_.emplace_back(*this, static_cast<std::uint32_t>(entries_.size()));
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  Entry& entry = entries_[free_.back()];
  free_.pop_back();
  entry.used = true;
  entry.instance = instance;
  entry.owner = owner;
  entry.fn = fn;
  entry.user = user;
  ++*owner.count;
  if (owner.list != nullptr) {
    entry.next = *owner.list;
    entry.before = kNone;
    if (entry.next != kNone) entries_[entry.next - 1].before = entry.index + 1;
    *owner.list = entry.index + 1;
  }
  worker_.reactor.wheel().arm(entry.timer, deadline_ms(delay_ms));
  return make_handle(worker_.index, HandleKind::kTimer, entry.index, entry.generation);
}

PluginTimers::Entry* PluginTimers::find(cleat_timer timer) {
  const std::uint32_t index = handle_slot(timer);
  if (handle_kind(timer) != HandleKind::kTimer || handle_worker(timer) != worker_.index || index >= entries_.size()) return nullptr;
  Entry& entry = entries_[index];
  return entry.used && entry.generation == handle_generation(timer) ? &entry : nullptr;
}

bool PluginTimers::rearm(cleat_timer timer, std::uint64_t delay_ms) {
  Entry* const entry = find(timer);
  if (entry == nullptr) return false;
  worker_.reactor.wheel().arm(entry->timer, deadline_ms(delay_ms));
  return true;
}

bool PluginTimers::cancel(cleat_timer timer) {
  Entry* const entry = find(timer);
  if (entry == nullptr) return false;
  release(*entry);
  return true;
}

void PluginTimers::release(Entry& entry) {
  entry.timer.cancel();
  if (entry.owner.list != nullptr) {
    if (entry.before != kNone) {
      entries_[entry.before - 1].next = entry.next;
    } else {
      *entry.owner.list = entry.next;
    }
    if (entry.next != kNone) entries_[entry.next - 1].before = entry.before;
  }
  --*entry.owner.count;
  entry.used = false;
  entry.next = entry.before = kNone;
  if (++entry.generation == 0) entry.generation = 1;
  free_.push_back(entry.index);
}

void PluginTimers::cancel_list(std::uint32_t& list) {
  while (list != kNone) release(entries_[list - 1]);
}

void PluginTimers::cancel_all(Exchange& x) { cancel_list(x.timer_list); }
void PluginTimers::cancel_all(Connection& connection) { cancel_list(connection.timer_list); }

void PluginTimers::cancel_all(cleat_instance instance) {
  for (Entry& entry : entries_) {
    if (entry.used && entry.instance == instance) release(entry);
  }
  counts_.erase(instance);
  // Handles never come back: those that are gone need not be remembered.
  std::erase_if(stopped_, [](cleat_instance one) { return hooks::find_instance(one) == nullptr; });
  stopped_.insert(instance);
}

// The entry is free again before the callback runs: the plugin may arm anew in it, and the owner may end.
void PluginTimers::fired(void* owner) {
  auto& entry = *static_cast<Entry*>(owner);
  PluginTimers& timers = entry.timers;
  Worker& worker = timers.worker_;
  const cleat_timer_fn fn = entry.fn;
  void* const user = entry.user;
  const std::uint64_t subject = entry.owner.handle;
  hooks::Instance* const instance = hooks::find_instance(entry.instance);
  const bool own = entry.owner.list == nullptr;
  timers.release(entry);
  if (instance == nullptr) return;
  Exchange* x = nullptr;
  if (!own && handle_kind(subject) == HandleKind::kExchange) {
    x = worker.find_exchange(subject);
    if (x == nullptr) return;
  }
  hooks::call_callback(worker, *instance, hooks::Hook::kTimer, x, [&] { fn(instance->self, subject, user); });
}

bool PluginTimers::later(std::function<void()> task) {
  if (later_.size() >= kLaterMax) return false;
  later_.emplace_front(*this, std::move(task));
  later_.front().place = later_.begin();
  worker_.reactor.wheel().arm(later_.front().timer, deadline_ms(kLaterMs));
  return true;
}

void PluginTimers::late(void* owner) {
  auto& self = *static_cast<Later*>(owner);
  const std::function<void()> task = std::move(self.task);
  self.timers.later_.erase(self.place);
  task();
}

}  // namespace cleat
