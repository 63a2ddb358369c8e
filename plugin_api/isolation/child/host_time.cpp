// cleat.timer/1, cleat.post/1 and cleat.metrics/1: what this process does by itself.
#include "kernel/base/log.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/structs.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::guarded;
using hooks::to_view;

// --- timers ---

cleat_status check_delay(std::uint64_t delay_ms) {
  return delay_ms <= Timers::kDelayMaxMs ? CLEAT_OK : invalid("timer: a delay is at most 2^31 ms");
}

cleat_status find_owner(cleat_instance self, std::uint64_t owner, Subject*& found) {
  found = nullptr;
  if (owner == self) return CLEAT_OK;
  const HandleKind kind = handle_kind(owner);
  if (kind != HandleKind::kExchange && kind != HandleKind::kConnection) return invalid("timer arm: the owner is an exchange, a connection or the instance itself");
  const Found at = find_subject(owner, kind);
  if (at.x == nullptr) return at.status;
  const HookNumber running = at.worker->running_hook(*at.x);
  if (is_of_exchange_end(running)) return wrong_phase("timer arm: the exchange is over");
  if (running == HookNumber::kConnectionEnd) return wrong_phase("timer arm: the connection is over");
  found = at.x;
  return CLEAT_OK;
}

cleat_status timer_arm(cleat_instance self, std::uint64_t owner, std::uint64_t delay_ms, cleat_timer_fn fn, void* user, cleat_timer* timer) {
  if (fn == nullptr || timer == nullptr) return invalid("timer arm: a pointer is NULL");
  if (const cleat_status wrong = check_delay(delay_ms)) return wrong;
  ChildWorker* const worker = ChildWorker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  if (hooks::find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "timer arm: no such instance");
  if (worker->stopping()) return wrong_phase("timer arm: the worker is stopping");
  return guarded([&]() -> cleat_status {
    Subject* subject;
    if (const cleat_status wrong = find_owner(self, owner, subject)) return wrong;
    const cleat_timer armed = worker->timers.arm(subject, owner, delay_ms, fn, user);
    if (armed == 0) return fail_call(CLEAT_LIMIT, "timer arm: the owner has as many timers as it may");
    *timer = armed;
    return CLEAT_OK;
  });
}

template <class Change>
cleat_status with_timer(cleat_timer timer, Change&& change) {
  ChildWorker* const worker = ChildWorker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  if (handle_kind(timer) != HandleKind::kTimer) return invalid("timer: the handle is not a timer's");
  if (handle_worker(timer) != worker->index) return of_another_worker(timer);
  return change(worker->timers) ? CLEAT_OK : fail_call(CLEAT_STALE, "timer: it has fired or was cancelled");
}

cleat_status timer_rearm(cleat_timer timer, std::uint64_t delay_ms) {
  if (const cleat_status wrong = check_delay(delay_ms)) return wrong;
  return with_timer(timer, [&](Timers& timers) { return timers.rearm(timer, delay_ms); });
}

cleat_status timer_cancel(cleat_timer timer) {
  return with_timer(timer, [&](Timers& timers) { return timers.cancel(timer); });
}

// --- posts ---

cleat_status check(cleat_instance self, cleat_post_fn fn) {
  if (fn == nullptr) return invalid("post: the callback is NULL");
  if (hooks::find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "post: no such instance");
  return CLEAT_OK;
}

cleat_status post_to(std::uint32_t index, std::uint64_t owner, cleat_post_fn fn, void* user) {
  ChildWorker* const worker = Process::current()->worker(index);
  if (worker == nullptr) return invalid("post: there is no such worker");
  return guarded([&]() -> cleat_status {
    const bool posted = worker->post([worker, owner, fn, user](bool running) {
      if (!running) return;
      const hooks::Instance& instance = *worker->process.instance();
      const cleat_status status = owner == instance.handle || worker->find(owner) != nullptr ? CLEAT_OK : CLEAT_STALE;
      worker->callback(hooks::Hook::kPost, [&] { fn(instance.self, status, owner, user); });
    });
    return posted ? CLEAT_OK : fail_call(CLEAT_LIMIT, "post: the worker's queue is full");
  });
}

cleat_status post_to_owner(cleat_instance self, std::uint64_t owner, cleat_post_fn fn, void* user) {
  if (const cleat_status wrong = check(self, fn)) return wrong;
  const HandleKind kind = handle_kind(owner);
  if (kind != HandleKind::kExchange && kind != HandleKind::kConnection) return invalid("post: the owner is an exchange or a connection");
  return post_to(handle_worker(owner), owner, fn, user);
}

cleat_status post_to_worker(cleat_instance self, std::uint32_t index, cleat_post_fn fn, void* user) {
  if (const cleat_status wrong = check(self, fn)) return wrong;
  if (index != CLEAT_POST_CONTROL) return post_to(index, self, fn, user);
  return guarded([&]() -> cleat_status {
    const bool posted = Process::current()->post([self, fn, user] {
      hooks::Instance* const instance = hooks::find_instance(self);
      if (instance == nullptr || !instance->created()) return;
      const hooks::CallOutcome outcome = hooks::call_plugin(instance, hooks::Hook::kPost, [&] {
        fn(instance->self, CLEAT_OK, self, user);
        return CLEAT_OK;
      });
      if (!outcome.ok()) Process::current()->control.log(CLEAT_WARN, "post: " + outcome.words);
    });
    return posted ? CLEAT_OK : fail_call(CLEAT_LIMIT, "post: the control thread's queue is full");
  });
}

// --- metrics ---

constexpr std::uint64_t kLabelsMax = 8;
constexpr std::uint64_t kBoundsMax = 32;

cleat_status metrics_define(cleat_instance self, const cleat_metric_def* given, std::uint64_t* metric) {
  if (!hooks::on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "metrics define: only on the control thread, at best in create");
  if (hooks::find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "metrics define: no such instance");
  if (metric == nullptr) return invalid("metrics define: the output is NULL");
  cleat_metric_def def{};
  if (const char* wrong = hooks::read_struct(given, sizeof(cleat_metric_def), def)) {
    return fail_call(CLEAT_INVALID, std::string("metrics define: the definition: ") + wrong);
  }
  if (def.kind < CLEAT_COUNTER || def.kind > CLEAT_HISTOGRAM) return invalid("metrics define: there is no such kind");
  if (def.label_count > kLabelsMax) return invalid("metrics define: more than 8 labels");
  if (def.bound_count > kBoundsMax) return invalid("metrics define: more than 32 bounds");
  const bool lists = (def.labels != nullptr || def.label_count == 0) && (def.bounds != nullptr || def.bound_count == 0);
  if (bad(def.name) || bad(def.help) || !lists) return invalid("metrics define: a pointer is NULL");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(def.kind);
    arguments.text(def.name);
    arguments.text(def.help);
    arguments.number(static_cast<std::uint32_t>(def.label_count));
    for (std::uint64_t i = 0; i < def.label_count; ++i) {
      if (bad(def.labels[i])) return invalid("metrics define: a label is NULL");
      arguments.text(def.labels[i]);
    }
    arguments.number(static_cast<std::uint32_t>(def.bound_count));
    for (std::uint64_t i = 0; i < def.bound_count; ++i) arguments.number(def.bounds[i]);
    arguments.number(def.series_max);
    std::string answer;
    if (const cleat_status wrong = ask_kernel(Function::kMetricDefine, arguments, answer)) return wrong;
    Reader reader(answer);
    const auto number = reader.number<std::uint64_t>();
    if (!reader.ok()) return strange_answer();
    Process::current()->series.define(number, def.kind, static_cast<std::uint32_t>(def.label_count), def.series_max);
    *metric = number;
    return CLEAT_OK;
  });
}

cleat_status metrics_series(std::uint64_t metric, const cleat_str* values, std::uint64_t count, cleat_series* series) {
  if (series == nullptr || (values == nullptr && count != 0)) return invalid("metrics series: a pointer is NULL");
  if (count > kLabelsMax) return invalid("metrics series: more than 8 label values");
  return guarded([&]() -> cleat_status {
    std::vector<std::string_view> views;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (bad(values[i])) return invalid("metrics series: a label value is NULL");
      views.push_back(to_view(values[i]));
    }
    const char* reason = "";
    const std::uint64_t made = Process::current()->series.find(metric, views, reason);
    if (made == 0) return fail_call(CLEAT_INVALID, std::string("metrics series: ") + reason);
    *series = made;
    return CLEAT_OK;
  });
}

template <class Change>
cleat_status gather(Change&& change) {
  return guarded([&] {
    if (ChildWorker* const worker = ChildWorker::current()) {
      change(worker->gathered);
    } else {
      Process::current()->gather(change);
    }
    return CLEAT_OK;
  });
}

cleat_status metrics_add(cleat_series series, std::int64_t value) {
  const std::uint32_t kind = Process::current()->series.kind(series);
  if (kind == 0) return fail_call(CLEAT_STALE, "metrics add: no such series");
  if (kind == CLEAT_HISTOGRAM) return invalid("metrics add: a histogram is observed");
  if (kind == CLEAT_COUNTER && value < 0) return invalid("metrics add: a counter never falls");
  return gather([=](Gathered& gathered) { gathered.add(series, value); });
}

cleat_status metrics_observe(cleat_series series, std::uint64_t value) {
  const std::uint32_t kind = Process::current()->series.kind(series);
  if (kind == 0) return fail_call(CLEAT_STALE, "metrics observe: no such series");
  if (kind != CLEAT_HISTOGRAM) return invalid("metrics observe: not a histogram");
  return gather([=](Gathered& gathered) { gathered.observe(series, value); });
}

// All pieces at one go: no other visit of that worker comes between.
cleat_status read_all(ChildWorker& worker, std::string& all) {
  for (;;) {
    Writer arguments;
    arguments.number(std::uint64_t{all.size()});
    std::string answer;
    if (const cleat_status wrong = worker.ask(Function::kMetricsVisit, arguments.bytes, answer)) return wrong;
    Reader reader(answer);
    const auto whole = reader.number<std::uint64_t>();
    const std::string_view piece = reader.text();
    if (!reader.ok() || all.size() + piece.size() > whole || (piece.empty() && all.size() != whole)) return strange_answer();
    all.append(piece);
    if (all.size() == whole) return CLEAT_OK;
  }
}

template <class Number>
void read_numbers(Reader& reader, std::vector<Number>& numbers) {
  numbers.resize(reader.count(sizeof(Number)));
  for (Number& number : numbers) number = reader.number<Number>();
}

cleat_status metrics_visit(void (*fn)(void* user, const cleat_metric_view* view), void* user) {
  if (fn == nullptr) return invalid("metrics visit: the callback is NULL");
  return guarded([&]() -> cleat_status {
    std::string all;
    ChildWorker* const worker = ChildWorker::current();
    if (worker == nullptr && hooks::on_control_thread()) return wrong_phase("metrics visit: in a process of its own not on the control thread");
    const cleat_status wrong = worker != nullptr ? read_all(*worker, all) : Process::current()->ask_by_worker(read_all, all);
    if (wrong != CLEAT_OK) return wrong;
    Reader reader(all);
    std::string_view name, help;
    std::vector<cleat_header> labels;
    std::vector<std::uint64_t> bounds, buckets;
    while (!reader.at_end()) {
      cleat_metric_view view{};
      view.size = sizeof view;
      view.kind = reader.number<std::uint32_t>();
      const std::string_view next_name = reader.text(), next_help = reader.text();
      if (!next_name.empty()) {
        name = next_name;
        help = next_help;
      }
      read_headers(reader, labels);
      view.value = reader.number<std::int64_t>();
      read_numbers(reader, bounds);
      read_numbers(reader, buckets);
      if (!reader.ok() || (!buckets.empty() && buckets.size() != bounds.size() + 1)) return strange_answer();
      view.name = hooks::to_str(name);
      view.help = hooks::to_str(help);
      view.labels = labels.data();
      view.label_count = labels.size();
      view.bounds = bounds.data();
      view.buckets = buckets.data();
      view.bound_count = bounds.size();
      fn(user, &view);
    }
    return CLEAT_OK;
  });
}

}  // namespace

const cleat_host_timer kTimer = {.size = sizeof(cleat_host_timer), .reserved = 0, .arm = timer_arm, .rearm = timer_rearm, .cancel = timer_cancel};

const cleat_host_post kPost = {.size = sizeof(cleat_host_post), .reserved = 0, .post = post_to_owner, .post_worker = post_to_worker};

const cleat_host_metrics kMetrics = {
    .size = sizeof(cleat_host_metrics),
    .reserved = 0,
    .define = metrics_define,
    .series = metrics_series,
    .add = metrics_add,
    .observe = metrics_observe,
    .visit = metrics_visit,
};

}  // namespace cleat::isolation::host
