// cleat.timer/1 over the worker's PluginTimers.
#include "kernel/accept/connection.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/plugin_timers.hpp"

namespace cleat::hooks {
namespace {

cleat_status check_delay(std::uint64_t delay_ms) {
  return delay_ms <= PluginTimers::kDelayMaxMs ? CLEAT_OK : fail_call(CLEAT_INVALID, "timer: a delay is at most 2^31 ms");
}

// The owner's list. What is over, or about to be, takes no more timers: nobody would cancel them.
cleat_status find_owner(Worker& worker, cleat_instance self, std::uint64_t handle, PluginTimers::Owner& owner) {
  cleat_status status = CLEAT_OK;
  if (handle == self) {
    owner = worker.plugin_timers->owner(self);
  } else if (handle_kind(handle) == HandleKind::kExchange) {
    Exchange* const x = exchange_of(handle, status);
    if (x == nullptr) return status;
    if (x->stage == Stage::kDone) return fail_call(CLEAT_WRONG_PHASE, "timer arm: the exchange is over");
    owner = worker.plugin_timers->owner(*x);
  } else if (handle_kind(handle) == HandleKind::kConnection) {
    Connection* const connection = connection_of(handle, status);
    if (connection == nullptr) return status;
    if (worker.stamp.hook == Hook::kConnectionEnd) return fail_call(CLEAT_WRONG_PHASE, "timer arm: the connection is over");
    owner = worker.plugin_timers->owner(*connection, handle);
  } else {
    return fail_call(CLEAT_INVALID, "timer arm: the owner is an exchange, a connection or the instance itself");
  }
  return CLEAT_OK;
}

// The worker, if this instance is being called on it: then it is started there, and worker_stop is still to come.
Worker* worker_of(cleat_instance self, cleat_status& status) {
  Worker* const worker = Worker::current();
  if (worker == nullptr || !worker->plugin_timers) {
    status = fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  } else if (find_instance(self) == nullptr) {
    status = fail_call(CLEAT_STALE, "timer arm: no such instance");
  } else if (worker->stamp.instance == nullptr || worker->stamp.instance->handle != self) {
    status = fail_call(CLEAT_INVALID, "timer arm: self is not the instance that is being called");
  } else if (worker->stamp.hook == Hook::kWorkerStop || worker->plugin_timers->stopped(self)) {
    status = fail_call(CLEAT_WRONG_PHASE, "timer arm: the worker is stopping");
  } else {
    return worker;
  }
  return nullptr;
}

cleat_status timer_arm(cleat_instance self, std::uint64_t owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user,
                       cleat_timer* timer) {
  if (fn == nullptr || timer == nullptr) return fail_call(CLEAT_INVALID, "timer arm: a pointer is NULL");
  if (const cleat_status wrong = check_delay(delay_ms)) return wrong;
  cleat_status status;
  Worker* const worker = worker_of(self, status);
  if (worker == nullptr) return status;
  return guarded([&]() -> cleat_status {
    PluginTimers::Owner found{};
    if (const cleat_status wrong = find_owner(*worker, self, owner, found)) return wrong;
    const cleat_timer armed = worker->plugin_timers->arm(self, found, delay_ms, fn, user);
    if (armed == 0) return fail_call(CLEAT_LIMIT, "timer arm: the owner has as many timers as it may");
    *timer = armed;
    return CLEAT_OK;
  });
}

// Runs `change` with the timers of the worker that the handle names.
template <class Change>
cleat_status with_timer(cleat_timer timer, Change&& change) {
  Worker* const worker = Worker::current();
  if (worker == nullptr || !worker->plugin_timers) return fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  if (handle_kind(timer) != HandleKind::kTimer) return fail_call(CLEAT_INVALID, "timer: the handle is not a timer's");
  if (handle_worker(timer) != worker->index) return of_another_worker(timer);
  return change(*worker->plugin_timers) ? CLEAT_OK : fail_call(CLEAT_STALE, "timer: it has fired or was cancelled");
}

cleat_status timer_rearm(cleat_timer timer, std::uint64_t delay_ms) {
  if (const cleat_status wrong = check_delay(delay_ms)) return wrong;
  return with_timer(timer, [&](PluginTimers& timers) { return timers.rearm(timer, delay_ms); });
}

cleat_status timer_cancel(cleat_timer timer) {
  return with_timer(timer, [&](PluginTimers& timers) { return timers.cancel(timer); });
}

}  // namespace

const cleat_host_timer kHostTimer = {
    .size = sizeof(cleat_host_timer),
    .reserved = 0,
    .arm = timer_arm,
    .rearm = timer_rearm,
    .cancel = timer_cancel,
};

}  // namespace cleat::hooks
