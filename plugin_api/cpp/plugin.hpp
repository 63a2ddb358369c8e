// The base of a plugin's class: who it is, its log, metrics, timers and posts. See cleat.hpp for a whole plugin.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>

#include "plugin_api/cpp/config.hpp"
#include "plugin_api/cpp/exchange.hpp"
#include "plugin_api/cpp/call.hpp"
#include "plugin_api/cpp/kv.hpp"
#include "plugin_api/cpp/metrics.hpp"
#include "plugin_api/cpp/source.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

class Plugin;

namespace detail {

CLEAT_CPP_HIDDEN inline constinit const cleat_create* creating = nullptr;  // [control] what the constructor that is running was called for

void exception_to_log(cleat_instance self) noexcept;

template <class>
struct MemberOf;
template <class C, class... A>
struct MemberOf<void (C::*)(A...)> {
  using Class = C;
};
template <class C, class... A>
struct MemberOf<void (C::*)(A...) noexcept> {
  using Class = C;
};

// The C callbacks behind arm and post: `Method` is a member function of the plugin's own class.
template <auto Method, class Owner, class User>
void on_timer(void* instance, std::uint64_t owner, void* user) noexcept;
template <auto Method, class Owner, class User>
void on_post(void* instance, cleat_status status, std::uint64_t owner, void* user) noexcept;

}  // namespace detail

// Call done() once what on_drain or on_shutdown asked for is finished; from any thread.
class Completion {
 public:
  constexpr explicit Completion(std::uint64_t handle) noexcept : handle_(handle) {}
  Status done() const noexcept { return detail::call(detail::host.core.complete, handle_); }

 private:
  std::uint64_t handle_;
};

// What the instance that takes this one's place may begin with (ext/handover.h): bytes, under a number that says how they are written. Where
// nothing is written, nothing is handed over.
class StateWriter {
 public:
  explicit StateWriter(std::uint64_t handle) noexcept : handle_(handle) {}
  void format(std::uint32_t number) noexcept { format_ = number; }
  std::uint32_t format() const noexcept { return format_; }
  bool written() const noexcept { return written_; }
  // Adds bytes; as often as need be. Throws std::runtime_error over 64 MiB: then nothing is handed over.
  void write(std::string_view bytes) {
    if (detail::call(detail::host.handover.write, handle_, to_str(bytes)) != CLEAT_OK) throw std::runtime_error(error_text());
    written_ = true;
  }

 private:
  std::uint64_t handle_;
  std::uint32_t format_ = 0;
  bool written_ = false;
};

// An armed timer. A value: copies are the same timer.
class Timer {
 public:
  constexpr Timer() noexcept = default;
  constexpr explicit Timer(cleat_timer handle) noexcept : handle_(handle) {}
  // [worker] Moves the deadline to `delay` from now. CLEAT_STALE if it has fired or was cancelled.
  Status rearm(std::chrono::milliseconds delay) const noexcept {
    return detail::call(detail::host.timer.rearm, handle_, static_cast<std::uint64_t>(delay.count()));
  }
  // [worker] After CLEAT_OK the callback will not be called.
  Status cancel() const noexcept { return detail::call(detail::host.timer.cancel, handle_); }

 private:
  cleat_timer handle_ = 0;
};

// The endpoints of one cluster in one generation, as a balancing plugin's Set gets them: valid as long as the Set lives.
class Endpoints {
 public:
  explicit Endpoints(const cleat_endpoint_set& set) noexcept : set_(&set) {}
  std::string_view cluster() const noexcept { return to_view(set_->cluster_name); }
  std::uint64_t size() const noexcept { return set_->endpoint_count; }
  std::string_view address(std::uint64_t i) const noexcept { return to_view(at(i).address); }  // REQUIRES: i < size()
  std::uint32_t weight(std::uint64_t i) const noexcept { return at(i).weight; }                // 1..65535
  // [any] Exchanges in flight, over all workers; 0 if not known.
  std::uint64_t in_flight(std::uint64_t i) const noexcept {
    std::uint64_t count = 0;
    detail::call(detail::host.balancer.in_flight, set_->cluster, i, &count);
    return count;
  }
  // [any] Healthy is the start, and what is assumed where it is not known.
  bool healthy(std::uint64_t i) const noexcept {
    std::uint32_t healthy = 1;
    detail::call(detail::host.balancer.health_get, set_->cluster, i, &healthy);
    return healthy != 0;
  }
  Status set_healthy(std::uint64_t i, bool healthy) const noexcept {
    return detail::call(detail::host.balancer.health_set, set_->cluster, i, std::uint32_t{healthy});
  }
  // [worker] An earlier attempt of x went there and a retry asked for another.
  static bool tried(Exchange x, std::uint64_t i) noexcept {
    std::uint32_t tried = 0;
    detail::call(detail::host.balancer.tried, x.handle(), i, &tried);
    return tried != 0;
  }

 private:
  const cleat_endpoint& at(std::uint64_t i) const noexcept {
    return *reinterpret_cast<const cleat_endpoint*>(reinterpret_cast<const std::byte*>(set_->endpoints) + i * set_->endpoint_stride);
  }
  const cleat_endpoint_set* set_;
};

// The base class. One object for each instance; made and destroyed on the control thread, its hooks run on all workers.
class Plugin {
 public:
  // Unqualified in hooks.
  static constexpr Verdict kContinue = Verdict::kContinue, kReplied = Verdict::kReplied, kSuspend = Verdict::kSuspend, kFail = Verdict::kFail,
                           kUnsubscribe = Verdict::kUnsubscribe;

  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  cleat_instance self() const noexcept { return self_; }
  std::string_view name() const noexcept { return name_; }         // the instance's, in the configuration
  std::uint32_t workers() const noexcept { return workers_; }      // how many there are
  // [any] A line in the log, blamed on this instance. `level`: CLEAT_DEBUG, CLEAT_INFO, CLEAT_WARN, CLEAT_ERROR.
  void log(std::uint32_t level, std::string_view text) const noexcept { detail::call(detail::host.core.log, self_, level, to_str(text)); }
  // [worker] The running worker, < workers(); 0 where it is not known.
  static std::uint32_t worker() noexcept {
    std::uint32_t index = 0;
    detail::call(detail::host.core.worker_index, &index);
    return index;
  }

 protected:
  Plugin() {
    if (detail::creating == nullptr) return;  // a test made it
    self_ = detail::creating->self;
    name_ = to_view(detail::creating->name);
    workers_ = detail::creating->workers;
  }
  ~Plugin() = default;

  // --- metrics [control]: in the constructor. Names: cleat_<plugin>_<what>[_<unit>][_total]. A label `instance` is added. ---
  Counter counter(std::string_view name, std::string_view help) const { return counters(name, help, {}).with({}); }
  Gauge gauge(std::string_view name, std::string_view help) const { return gauges(name, help, {}).with({}); }
  Histogram histogram(std::string_view name, std::string_view help, std::span<const std::uint64_t> bounds) const {
    return histograms(name, help, {}, bounds).with({});
  }
  Family<Counter> counters(std::string_view name, std::string_view help, std::initializer_list<std::string_view> labels) const {
    return {self_, name_, name, help, labels};
  }
  Family<Gauge> gauges(std::string_view name, std::string_view help, std::initializer_list<std::string_view> labels) const {
    return {self_, name_, name, help, labels};
  }
  Family<Histogram> histograms(std::string_view name, std::string_view help, std::initializer_list<std::string_view> labels,
                               std::span<const std::uint64_t> bounds) const {
    return {self_, name_, name, help, labels, bounds};
  }

  // --- timers [worker]: never early, up to 10 ms late ---
  // Calls Method(Exchange[, User*]) or Method(Connection[, User*]) after `delay`, unless the owner ends first. At most 16 an owner.
  //   void give_up(cleat::Exchange x);     arm<&MyPlugin::give_up>(x, 100ms);
  template <auto Method, class Owner, class User = void>
    requires std::is_base_of_v<Subject, Owner>
  Result<Timer> arm(Owner owner, std::chrono::milliseconds delay, User* user = nullptr) const noexcept {
    return arm_at(owner.handle(), delay, detail::on_timer<Method, Owner, User>, user);
  }
  // Calls Method([User*]) after `delay`, unless this worker stops first. From worker_start on.
  template <auto Method, class User = void>
  Result<Timer> arm(std::chrono::milliseconds delay, User* user = nullptr) const noexcept {
    return arm_at(self_, delay, detail::on_timer<Method, void, User>, user);
  }

  // --- posts [any] ---
  // Calls Method(Exchange or Connection, std::unique_ptr<User>) on the owner's worker. If the owner is gone by then, or the post
  // fails, the user data is only destroyed.
  template <auto Method, class Owner, class User>
    requires std::is_base_of_v<Subject, Owner>
  Status post(Owner owner, std::unique_ptr<User> user) const noexcept {
    const Status status = detail::call(detail::host.post.post, self_, owner.handle(), &detail::on_post<Method, Owner, User>, static_cast<void*>(user.get()));
    if (status) (void)user.release();
    return status;
  }
  // The same, Method(std::unique_ptr<User>), on a worker by number, or on the control thread: CLEAT_POST_CONTROL.
  template <auto Method, class User>
  Status post_worker(std::uint32_t worker, std::unique_ptr<User> user) const noexcept {
    const Status status =
        detail::call(detail::host.post.post_worker, self_, worker, &detail::on_post<Method, void, User>, static_cast<void*>(user.get()));
    if (status) (void)user.release();
    return status;
  }
  // The same two without user data: Method(Exchange or Connection), Method().
  template <auto Method, class Owner>
    requires std::is_base_of_v<Subject, Owner>
  Status post(Owner owner) const noexcept {
    return detail::call(detail::host.post.post, self_, owner.handle(), &detail::on_post<Method, Owner, void>, static_cast<void*>(nullptr));
  }
  template <auto Method>
  Status post_worker(std::uint32_t worker) const noexcept {
    return detail::call(detail::host.post.post_worker, self_, worker, &detail::on_post<Method, void, void>, static_cast<void*>(nullptr));
  }

  // --- events: told through on_event ---
  // [control] A name, or one with ".*" after it.
  Status subscribe(std::string_view pattern) const noexcept { return detail::call(detail::host.events.subscribe, self_, to_str(pattern)); }
  // [any]
  Status publish(std::string_view name, std::string_view data) const noexcept {
    return detail::call(detail::host.events.publish, self_, to_str(name), to_str(data));
  }

  // --- calls to clusters [worker] ---
  // Calls Method(Exchange, CallEvent, std::unique_ptr<User>) exactly once, when the call is done, has failed or was cancelled; of one whose
  // exchange has ended the Exchange is stale. Where this fails the user data is only destroyed.
  //   struct Asked { cleat::Ticket ticket; };
  //   void answered(cleat::Exchange x, cleat::CallEvent event, std::unique_ptr<Asked> asked);
  //   call<&MyPlugin::answered>(x, {.cluster = "auth", .target = "/check"}, std::make_unique<Asked>(ticket));
  template <auto Method, class User>
  Result<CallHandle> call(Exchange owner, const CallRequest& request, std::unique_ptr<User> user) const noexcept {
    return start_call(owner.handle(), request, detail::on_call<Method, User, true>, user);
  }
  // The same on the instance's own account: Method(CallEvent, std::unique_ptr<User>). From worker_start on.
  template <auto Method, class User>
  Result<CallHandle> call(const CallRequest& request, std::unique_ptr<User> user) const noexcept {
    return start_call(self_, request, detail::on_call<Method, User, false>, user);
  }

  // --- shared state [control]: in the constructor ---
  // The space of that name, of this instance's name or with CLEAT_KV_PLUGIN of the plugin. Throws std::runtime_error where there is none to be had.
  Kv open_kv(std::string_view name, std::uint64_t bytes_max, std::uint32_t flags = 0) const {
    std::uint64_t space = 0;
    if (detail::call(detail::host.kv.open, self_, to_str(name), flags, bytes_max, &space) != CLEAT_OK) throw std::runtime_error(error_text());
    return Kv(space);
  }

  // --- a source of configuration [any] ---
  // flags: CLEAT_SOURCE_REPLACE.
  Result<Transaction> begin(std::uint32_t flags = 0) const noexcept {
    std::uint64_t handle = 0;
    const Status status = detail::call(detail::host.config_source.begin, self_, flags, &handle);
    return {status, Transaction(handle)};
  }
  // All endpoints of a cluster that this instance holds, has staged, or watches.
  Status endpoints(std::string_view cluster, std::span<const cleat_source_endpoint> list) const noexcept {
    return detail::call(detail::host.config_source.endpoints, self_, to_str(cluster), list.data(), std::uint64_t{list.size()},
                        std::uint64_t{sizeof(cleat_source_endpoint)});
  }

 private:
  template <class User>
  Result<CallHandle> start_call(std::uint64_t owner, const CallRequest& request, cleat_call_fn fn, std::unique_ptr<User>& user) const noexcept {
    cleat_call handle = 0;
    const cleat_call_request made = detail::to_request(request);
    const Status status = detail::call(detail::host.http_call.start, self_, owner, &made, fn, static_cast<void*>(user.get()), &handle);
    if (status) (void)user.release();
    return {status, CallHandle(handle)};
  }

  Result<Timer> arm_at(std::uint64_t owner, std::chrono::milliseconds delay, cleat_timer_fn fn, void* user) const noexcept {
    cleat_timer timer = 0;
    const cleat_status status =
        detail::call(detail::host.timer.arm, self_, owner, static_cast<std::uint64_t>(delay.count()), fn, user, &timer);
    return {status, Timer(timer)};
  }

  cleat_instance self_ = 0;
  std::string name_;
  std::uint32_t workers_ = 1;
};

namespace detail {

template <auto Method, class Owner, class User>
void on_timer(void* instance, std::uint64_t owner, void* user) noexcept {
  using P = typename MemberOf<decltype(Method)>::Class;
  static_assert(std::is_base_of_v<Plugin, P>, "a timer's method belongs to the plugin's class");
  P& plugin = *static_cast<P*>(instance);
  try {
    if constexpr (std::is_void_v<Owner> && std::is_void_v<User>) {
      (plugin.*Method)();
    } else if constexpr (std::is_void_v<Owner>) {
      (plugin.*Method)(static_cast<User*>(user));
    } else if constexpr (std::is_void_v<User>) {
      (plugin.*Method)(Owner(owner));
    } else {
      (plugin.*Method)(Owner(owner), static_cast<User*>(user));
    }
  } catch (...) {
    exception_to_log(plugin.self());
  }
}

// The user data stays the call's until the last event of it.
template <auto Method, class User, bool kOwned>
void on_call(void* instance, cleat_call call, std::uint64_t owner, const cleat_call_event* event, void* user) noexcept {
  using P = typename MemberOf<decltype(Method)>::Class;
  static_assert(std::is_base_of_v<Plugin, P>, "a call's method belongs to the plugin's class");
  (void)call;
  P& plugin = *static_cast<P*>(instance);
  const CallEvent told(*event);
  std::unique_ptr<User> owned(told.last() ? static_cast<User*>(user) : nullptr);
  if (!told.last()) return;  // pieces go to plugins that use the C table
  try {
    if constexpr (kOwned) {
      (plugin.*Method)(Exchange(owner), told, std::move(owned));
    } else {
      (plugin.*Method)(told, std::move(owned));
    }
  } catch (...) {
    exception_to_log(plugin.self());
  }
}

template <auto Method, class User>
void on_committed(void* instance, cleat_status status, std::uint64_t version, cleat_str text, void* user) noexcept {
  using P = typename MemberOf<decltype(Method)>::Class;
  static_assert(std::is_base_of_v<Plugin, P>, "a commit's method belongs to the plugin's class");
  P& plugin = *static_cast<P*>(instance);
  const Committed committed{status, version, to_view(text)};
  try {
    if constexpr (std::is_void_v<User>) {
      (plugin.*Method)(committed);
    } else {
      (plugin.*Method)(committed, std::unique_ptr<User>(static_cast<User*>(user)));
    }
  } catch (...) {
    exception_to_log(plugin.self());
  }
}

template <auto Method, class Owner, class User>
void on_post(void* instance, cleat_status status, std::uint64_t owner, void* user) noexcept {
  using P = typename MemberOf<decltype(Method)>::Class;
  static_assert(std::is_base_of_v<Plugin, P>, "a post's method belongs to the plugin's class");
  using Owned = std::conditional_t<std::is_void_v<User>, void*, std::unique_ptr<User>>;
  [[maybe_unused]] Owned owned(static_cast<User*>(user));
  if (status != CLEAT_OK) return;  // the owner is gone
  P& plugin = *static_cast<P*>(instance);
  try {
    if constexpr (std::is_void_v<Owner> && std::is_void_v<User>) {
      (plugin.*Method)();
    } else if constexpr (std::is_void_v<Owner>) {
      (plugin.*Method)(std::move(owned));
    } else if constexpr (std::is_void_v<User>) {
      (plugin.*Method)(Owner(owner));
    } else {
      (plugin.*Method)(Owner(owner), std::move(owned));
    }
  } catch (...) {
    exception_to_log(plugin.self());
  }
}

}  // namespace detail
CLEAT_CPP_NAMESPACE_END
