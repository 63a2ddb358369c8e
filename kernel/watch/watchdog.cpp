#include "kernel/watch/watchdog.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/events.hpp"
#include "kernel/hooks/quarantine.hpp"
#include "kernel/watch/crash_report.hpp"
#include "kernel/watch/memory.hpp"
#include "kernel/watch/own_thread.hpp"
#include "kernel/watch/stack_trace.hpp"

namespace cleat::watch {
namespace {

using hooks::Hook;
using Seen = hooks::StampedHook::Seen;
using std::chrono::milliseconds;

constexpr std::uint64_t kLooksInStall = 4;
constexpr std::uint64_t kLookMsMin = 5;
constexpr std::uint64_t kLookMsMax = 100;
constexpr std::uint64_t kTellAgainMsMax = 60'000;

std::atomic<std::uint64_t> stall_ms{0};  // 0: off

std::uint64_t look_ms() {
  const std::uint64_t stall = stall_ms.load(std::memory_order_relaxed);
  return stall == 0 ? kLookMsMax : std::clamp(stall / kLooksInStall, kLookMsMin, kLookMsMax);
}

metrics::MetricId stalls_metric() {
  static const metrics::MetricId id =
      metrics::define_own(metrics::Kind::kCounter, "cleat_plugin_stalls_total",
                          "Calls of a plugin's hook that held their thread for longer than watchdog.stall.", {"instance", "hook"}, 10'000);
  return id;
}

// The instance that the thread calls, if it still does, and is one that others can see: its name, and `use` of it.
template <class Use>
std::string with_instance(const OwnThread& thread, Use&& use) {
  std::string name;
  const hooks::Instance* const called = thread.stamp->instance;
  if (called == nullptr) return name;
  hooks::all_instances().each([&](hooks::Instance& one) {
    if (&one != called) return;
    name = one.name;
    use(one);
  });
  return name;
}

std::string about(const Capture& caught) {
  std::string text;
  if (!caught.call.instance.empty()) text += "generation " + std::to_string(caught.call.instance_generation);
  if (caught.call.instance.empty()) text += "file " + std::string(caught.call.file.view());
  if (caught.call.exchange == 0) return text;
  char handle[24];
  std::snprintf(handle, sizeof handle, "0x%016llx", static_cast<unsigned long long>(caught.call.exchange));
  return text + ", exchange " + handle + ", request id " + std::string(caught.exchange.request_id.view());
}

std::string stack_of(const Capture& caught) {
  std::string text = "stack:";
  for (std::size_t i = 0; i < caught.stack.count; ++i) text += (i == 0 ? " " : " < ") + describe(caught.stack.frames[i]);
  return text;
}

void count_stall(const OwnThread& thread, const std::string& instance, std::string_view hook) {
  Result<metrics::SeriesId> series = metrics::series(stalls_metric(), {instance, hook});
  if (series.ok()) metrics::add(*series, 1);
  publish_event("cleat.instance.stalled", "instance=" + instance + " hook=" + std::string(hook) + " thread=" + thread.name);
}

void tell(OwnThread& thread, std::uint64_t now) {
  OwnThread::Watched& watched = thread.watched;
  watched.hook = thread.stamp->hook;
  Capture caught;
  const bool answered = capture(thread, caught);
  if (watched.hook == Hook::kNone || (answered && caught.call.hook == Hook::kNone)) return;  // it has just ended
  const std::string name = with_instance(thread, [](hooks::Instance& one) { one.quarantine.stalled(); });
  const std::string_view hook = hooks::hook_name(watched.hook);
  if (watched.source.empty()) count_stall(thread, name, hook);
  watched.source = name.empty() ? "kernel" : "plugin/" + name;
  const std::string held = std::string(hook) + " holds " + thread.name + " for " + std::to_string(now - watched.since_ms) + " ms already";
  log::write(log::Level::kWarn, watched.source, answered ? held + ": " + about(caught) : held + "; the thread does not answer: no stack");
  if (answered) log::write(log::Level::kWarn, watched.source, stack_of(caught));
  watched.tell_ms = now + std::min(now - watched.since_ms, kTellAgainMsMax);
}

void say_that_it_ended(OwnThread::Watched& watched, const std::string& thread, std::uint64_t now) {
  if (!watched.source.empty()) {
    log::write(log::Level::kWarn, watched.source, std::string(hooks::hook_name(watched.hook)) + " has let " + thread + " go after " +
                                                      std::to_string(now - watched.since_ms) + " ms");
  }
  watched = {};
}

void begin(OwnThread::Watched& watched, std::uint64_t now, std::uint64_t stall) {
  watched = {};
  watched.since_ms = now;
  watched.tell_ms = now + stall;
}

void look(OwnThread& thread, std::uint64_t stall, std::uint64_t now) {
  if (thread.stamp == nullptr) return;
  OwnThread::Watched& watched = thread.watched;
  const Seen seen = thread.stamp->hook.look();
  if (stall == 0) {
    watched = {};
    return;
  }
  if (seen == Seen::kSame) {
    if (watched.since_ms == 0) begin(watched, now, stall);
    if (now >= watched.tell_ms) tell(thread, now);
    return;
  }
  say_that_it_ended(watched, thread.name, now);
  if (seen == Seen::kNew) begin(watched, now, stall);
}

}  // namespace

void configure(const config::Model& model) {
  stall_ms.store(static_cast<std::uint64_t>(model.watchdog.stall.count()), std::memory_order_relaxed);
  set_crash_file(model.crash_report);
  set_memory_max(model.memory_max);
}

Watchdog::Watchdog() {
  stalls_metric();
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "cleat-watchdog");
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::run() {
  const OwnThread self("cleat-watchdog", nullptr);
  sigset_t all = signals_to_block();
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::uint64_t looked = monotonic_ms();
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const std::uint64_t every = look_ms();
    changed_.wait_for(lock, milliseconds(every));
    const std::uint64_t stall = stall_ms.load(std::memory_order_relaxed);
    const std::uint64_t now = monotonic_ms();
    // When this thread comes late, the whole process was held up (a stop, a debugger, a machine without time for it): no plugin's fault.
    const std::uint64_t lost = now - looked > 2 * every ? now - looked - every : 0;
    each_thread([&](OwnThread& thread) {
      if (lost != 0 && thread.watched.since_ms != 0) thread.watched.since_ms += lost, thread.watched.tell_ms += lost;
      look(thread, stall, now);
    });
    hooks::end_due_quarantines();
    look_at_memory(now);
    looked = monotonic_ms();  // what the telling took is not time that was lost
  }
}

}  // namespace cleat::watch
