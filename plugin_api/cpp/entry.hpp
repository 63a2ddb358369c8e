// From a class to the table: the trampolines that keep exceptions inside, the tables, and the entry function. Nothing here is
// for plugins to use but CLEAT_PLUGIN.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>

#include "plugin_api/cpp/hooks.hpp"
#include "plugin_api/cpp/plugin.hpp"

CLEAT_CPP_NAMESPACE_BEGIN
namespace detail {

// --- trampolines: where exceptions stop ---

// What is in flight, as text for set_error or the log. REQUIRES: called from a catch block.
[[gnu::cold, gnu::noinline]] inline void describe_exception(void (*tell)(void*, std::string_view), void* user) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    tell(user, error.what());
  } catch (...) {
    tell(user, "an exception that is not a std::exception");
  }
}

[[gnu::cold, gnu::noinline]] inline void exception_to_error() noexcept {
  describe_exception([](void*, std::string_view text) { set_error(text); }, nullptr);
}

// A hook without a verdict has nobody to answer: its failure goes to the log, blamed on the instance.
[[gnu::cold, gnu::noinline]] inline void exception_to_log(cleat_instance self) noexcept {
  describe_exception([](void* user, std::string_view text) { call(host.core.log, *static_cast<cleat_instance*>(user), CLEAT_ERROR, to_str(text)); },
                     &self);
}

template <class P>
P& as(void* instance) noexcept {
  return *static_cast<P*>(instance);
}

template <class P>
void destroy_state(cleat_exchange x) noexcept {
  if constexpr (HasOwnedState<P>) {
    if (auto* state = Exchange(x).find_state<typename P::State>()) std::destroy_at(state);
  }
}

// Runs a hook that answers a verdict; one that returns void continues.
template <class P, class Call>
inline cleat_verdict run_verdict(cleat_exchange x, Call&& hook) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(hook())>) {
      hook();
      return CLEAT_CONTINUE;
    } else {
      const Verdict verdict = hook();
      if constexpr (HasOwnedState<P>) {
        if (verdict == Verdict::kUnsubscribe && x != 0) destroy_state<P>(x);
      }
      return static_cast<cleat_verdict>(verdict);
    }
  } catch (...) {
    exception_to_error();
    return CLEAT_FAIL;
  }
}

template <class P, class Call>
inline void run_void(void* instance, Call&& hook) noexcept {
  try {
    hook();
  } catch (...) {
    exception_to_log(as<P>(instance).self());
  }
}

template <class P>
std::unique_ptr<P> construct(const cleat_create& info) {
  const Config config(info.config);
  if constexpr (std::is_constructible_v<P, Config>) {
    return std::make_unique<P>(config);
  } else {
    static_assert(std::is_default_constructible_v<P>, "a plugin has a constructor from cleat::Config, or one without arguments");
    return std::make_unique<P>();
  }
}

// Runs code that reads configuration: CLEAT_FAILED if it threw or recorded an error.
template <class Call>
cleat_status run_control(Call&& read) noexcept {
  const std::uint64_t errors = config_errors;
  try {
    read();
    return config_errors == errors ? CLEAT_OK : CLEAT_FAILED;
  } catch (const ConfigError& error) {
    error.node().error(error.what());
  } catch (...) {
    exception_to_error();
  }
  return CLEAT_FAILED;
}

template <class P>
cleat_status create(const cleat_create* info, void** instance) noexcept {
  std::unique_ptr<P> made;
  creating = info;
  const cleat_status status = run_control([&] { made = construct<P>(*info); });
  creating = nullptr;
  if (status == CLEAT_OK) *instance = made.release();
  return status;
}

template <class P>
cleat_status validate(const cleat_create* info) noexcept {
  creating = info;
  const cleat_status status = run_control([&] { P::validate(Config(info->config)); });
  creating = nullptr;
  return status;
}

template <class P>
void destroy(void* instance) noexcept {
  delete static_cast<P*>(instance);
}

template <class P>
cleat_status route_create(void* instance, cleat_config config, void** route) noexcept {
  using Route = typename P::Route;
  std::unique_ptr<Route> made;
  const cleat_status status = run_control([&] {
    if constexpr (std::is_constructible_v<Route, Config, P&>) {
      made = std::make_unique<Route>(Config(config), as<P>(instance));
    } else {
      static_assert(std::is_constructible_v<Route, Config>, "Route has a constructor from (cleat::Config) or (cleat::Config, ThePlugin&)");
      made = std::make_unique<Route>(Config(config));
    }
  });
  if (status == CLEAT_OK) *route = made.release();
  return status;
}

template <class P>
void route_destroy(void*, void* route) noexcept {
  delete static_cast<typename P::Route*>(route);
}

template <class P>
cleat_status worker_start(void* instance, std::uint32_t worker) noexcept {
  try {
    as<P>(instance).worker_start(worker);
    return CLEAT_OK;
  } catch (...) {
    exception_to_error();
    return CLEAT_FAILED;
  }
}

template <class P>
void worker_stop(void* instance, std::uint32_t worker) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).worker_stop(worker); });
}

#define CLEAT_CPP_EXCHANGE_HOOK(hook)                                                    \
  template <class P>                                                                     \
  cleat_verdict hook(void* instance, cleat_exchange x) noexcept {                        \
    return run_verdict<P>(x, [&] { return as<P>(instance).hook(Exchange(x)); });         \
  }
CLEAT_CPP_EXCHANGE_HOOK(on_request)
CLEAT_CPP_EXCHANGE_HOOK(on_route)
CLEAT_CPP_EXCHANGE_HOOK(on_request_trailers)
CLEAT_CPP_EXCHANGE_HOOK(on_response)
CLEAT_CPP_EXCHANGE_HOOK(on_response_trailers)
CLEAT_CPP_EXCHANGE_HOOK(on_reply)
CLEAT_CPP_EXCHANGE_HOOK(on_handle)
#undef CLEAT_CPP_EXCHANGE_HOOK

#define CLEAT_CPP_BODY_HOOK(hook, part)                                                              \
  template <class P>                                                                                 \
  cleat_verdict hook(void* instance, cleat_exchange x, std::uint32_t flags) noexcept {               \
    return run_verdict<P>(x, [&] { return as<P>(instance).hook(Exchange(x), Body(x, part, flags)); }); \
  }
CLEAT_CPP_BODY_HOOK(on_request_body, CLEAT_REQUEST)
CLEAT_CPP_BODY_HOOK(on_response_body, CLEAT_RESPONSE)
CLEAT_CPP_BODY_HOOK(on_handle_body, CLEAT_REQUEST)
#undef CLEAT_CPP_BODY_HOOK

template <class P>
cleat_verdict on_attempt(void* instance, cleat_exchange x, std::uint32_t attempt) noexcept {
  return run_verdict<P>(x, [&] { return as<P>(instance).on_attempt(Exchange(x), attempt); });
}
template <class P>
cleat_verdict on_attempt_end(void* instance, cleat_exchange x, const cleat_attempt_end* end) noexcept {
  return run_verdict<P>(x, [&] { return as<P>(instance).on_attempt_end(Exchange(x), AttemptEnd(*end)); });
}
template <class P>
cleat_verdict on_connection(void* instance, cleat_conn conn) noexcept {
  return run_verdict<P>(0, [&] { return as<P>(instance).on_connection(Connection(conn)); });
}
template <class P>
cleat_verdict on_client_hello(void* instance, cleat_conn conn) noexcept {
  return run_verdict<P>(0, [&] { return as<P>(instance).on_client_hello(Connection(conn)); });
}
template <class P>
cleat_verdict on_tls(void* instance, cleat_conn conn) noexcept {
  return run_verdict<P>(0, [&] { return as<P>(instance).on_tls(Connection(conn)); });
}
template <class P>
void on_connection_end(void* instance, cleat_conn conn) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_connection_end(Connection(conn)); });
}
template <class P>
void on_end(void* instance, cleat_exchange x) noexcept {
  if constexpr (has_on_end<P>()) run_void<P>(instance, [&] { as<P>(instance).on_end(Exchange(x)); });
  destroy_state<P>(x);
}
template <class P>
void on_event(void* instance, const cleat_event* event) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_event(*event); });
}
template <class P>
void on_drain(void* instance, std::uint64_t completion) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_drain(Completion(completion)); });
}
template <class P>
void on_shutdown(void* instance, std::uint64_t completion) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_shutdown(Completion(completion)); });
}
template <class P>
void on_writable(void* instance, cleat_exchange x) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_writable(Exchange(x)); });
}
template <class P>
void on_handle_end(void* instance, cleat_exchange x) noexcept {
  run_void<P>(instance, [&] { as<P>(instance).on_handle_end(Exchange(x)); });
}

// A balancing plugin has a nested `Set`, the state of one cluster, and `std::optional<std::uint64_t> pick(Set&, Exchange)`.
template <class P>
cleat_status set_create(void* instance, const cleat_endpoint_set* set, cleat_config config, void** state) noexcept {
  using Set = typename P::Set;
  std::unique_ptr<Set> made;
  const cleat_status status = run_control([&] {
    if constexpr (std::is_constructible_v<Set, Endpoints, Config, P&>) {
      made = std::make_unique<Set>(Endpoints(*set), Config(config), as<P>(instance));
    } else {
      static_assert(std::is_constructible_v<Set, Endpoints, Config>, "Set has a constructor from (cleat::Endpoints, cleat::Config)");
      made = std::make_unique<Set>(Endpoints(*set), Config(config));
    }
  });
  if (status == CLEAT_OK) *state = made.release();
  return status;
}
template <class P>
void set_destroy(void*, void* state) noexcept {
  delete static_cast<typename P::Set*>(state);
}
template <class P>
cleat_status pick(void* instance, void* state, cleat_exchange x, std::uint64_t* index) noexcept {
  try {
    const std::optional<std::uint64_t> picked = as<P>(instance).pick(*static_cast<typename P::Set*>(state), Exchange(x));
    if (!picked) return CLEAT_NOT_FOUND;
    *index = *picked;
    return CLEAT_OK;
  } catch (...) {
    exception_to_error();
    return CLEAT_FAILED;
  }
}

// A plugin that discovers endpoints has a nested `Watch`: what a cluster wants of it, as long as the object lives.
template <class P>
cleat_status watch(void* instance, cleat_str cluster, cleat_config config, void** watch) noexcept {
  using Watch = typename P::Watch;
  static_assert(std::is_constructible_v<Watch, std::string_view, Config, P&>, "Watch has a constructor from (std::string_view cluster, cleat::Config, MyPlugin&)");
  std::unique_ptr<Watch> made;
  const cleat_status status = run_control([&] { made = std::make_unique<Watch>(to_view(cluster), Config(config), as<P>(instance)); });
  if (status == CLEAT_OK) *watch = made.release();
  return status;
}
template <class P>
void unwatch(void*, void* watch) noexcept {
  delete static_cast<typename P::Watch*>(watch);
}

// A plugin whose state outlives its instance writes it in give_state, of the old one, and reads it in take_state, of the new one.
template <class P>
cleat_status give(void* instance, std::uint64_t handover, std::uint32_t* format) noexcept {
  try {
    StateWriter writer(handover);
    as<P>(instance).give_state(writer);
    *format = writer.format();
    return writer.written() ? CLEAT_OK : CLEAT_NOT_FOUND;
  } catch (...) {
    exception_to_error();
    return CLEAT_FAILED;
  }
}
template <class P>
cleat_status take(void* instance, std::uint32_t format, cleat_str bytes) noexcept {
  try {
    return as<P>(instance).take_state(format, to_view(bytes)) ? CLEAT_OK : CLEAT_UNSUPPORTED;
  } catch (...) {
    exception_to_error();
    return CLEAT_FAILED;
  }
}

template <class P>
std::int32_t run_command(const cleat_command_call* call) noexcept {
  Command running(*call);
  try {
    return P::command(running);
  } catch (...) {
    describe_exception(
        [](void* user, std::string_view text) {
          static_cast<Command*>(user)->error(text);
          static_cast<Command*>(user)->error("\n");
        },
        &running);
    return 1;
  }
}

// --- tables ---

#define CLEAT_CPP_SLOT(table, hook) \
  if constexpr (has_##hook<P>()) table.hook = hook<P>

template <class P>
constexpr cleat_plugin_handler make_handler() {
  cleat_plugin_handler table{};
  table.size = sizeof table;
  CLEAT_CPP_SLOT(table, on_handle);
  CLEAT_CPP_SLOT(table, on_handle_body);
  CLEAT_CPP_SLOT(table, on_writable);
  CLEAT_CPP_SLOT(table, on_handle_end);
  return table;
}

template <class P>
constexpr cleat_plugin_balancer make_balancer() {
  cleat_plugin_balancer table{};
  table.size = sizeof table;
  table.set_create = set_create<P>;
  table.set_destroy = set_destroy<P>;
  table.pick = pick<P>;
  return table;
}

template <class P>
CLEAT_CPP_HIDDEN const void* find(cleat_str id) noexcept {
  if constexpr (has_on_handle<P>()) {
    static constexpr cleat_plugin_handler handler = make_handler<P>();
    if (to_view(id) == CLEAT_EXT_HANDLER) return &handler;
  }
  if constexpr (HasBalancer<P>) {
    static constexpr cleat_plugin_balancer balancer = make_balancer<P>();
    if (to_view(id) == CLEAT_EXT_BALANCER) return &balancer;
  }
  if constexpr (HasWatch<P>) {
    static constexpr cleat_plugin_config_source source = {sizeof(cleat_plugin_config_source), 0, watch<P>, unwatch<P>};
    if (to_view(id) == CLEAT_EXT_CONFIG_SOURCE) return &source;
  }
  if constexpr (has_on_client_hello<P>()) {
    static constexpr cleat_plugin_tls tls = {sizeof(cleat_plugin_tls), 0, on_client_hello<P>};
    if (to_view(id) == CLEAT_EXT_TLS) return &tls;
  }
  if constexpr (has_give_state<P>()) {
    static constexpr cleat_plugin_handover handover = {sizeof(cleat_plugin_handover), 0, give<P>, take<P>};
    if (to_view(id) == CLEAT_EXT_HANDOVER) return &handover;
  }
  if constexpr (HasCommand<P>) {
    static constexpr cleat_plugin_command command = {sizeof(cleat_plugin_command), 0, run_command<P>};
    if (to_view(id) == CLEAT_EXT_COMMAND) return &command;
  }
  return nullptr;
}

template <class P>
constexpr cleat_plugin make_table() {
  static_assert(std::is_base_of_v<Plugin, P>, "a plugin's class derives from cleat::Plugin");
  static_assert(has_on_handle<P>() || !(has_on_handle_body<P>() || has_on_writable<P>() || has_on_handle_end<P>()),
                "a handler needs on_handle");
  static_assert(HasValidate<P> || !names_validate<P>(), "validate must be public and static, and callable as void validate(Config)");
  static_assert(HasCommand<P> || !names_command<P>(), "command must be public and static, and callable as int command(Command)");
  static_assert(has_give_state<P>() == has_take_state<P>(), "who gives its state can take it: give_state and take_state, or neither");
  cleat_plugin table{};
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  if constexpr (has_on_handle<P>() || HasBalancer<P> || HasWatch<P> || HasCommand<P> || has_on_client_hello<P>() || has_give_state<P>()) table.find = find<P>;
  table.create = create<P>;
  table.destroy = destroy<P>;
  if constexpr (HasValidate<P>) table.validate = validate<P>;
  if constexpr (HasRoute<P>) {
    table.route_create = route_create<P>;
    table.route_destroy = route_destroy<P>;
  }
  CLEAT_CPP_SLOT(table, worker_start);
  CLEAT_CPP_SLOT(table, worker_stop);
  CLEAT_CPP_SLOT(table, on_connection);
  CLEAT_CPP_SLOT(table, on_tls);
  CLEAT_CPP_SLOT(table, on_connection_end);
  CLEAT_CPP_SLOT(table, on_request);
  CLEAT_CPP_SLOT(table, on_route);
  CLEAT_CPP_SLOT(table, on_request_body);
  CLEAT_CPP_SLOT(table, on_request_trailers);
  CLEAT_CPP_SLOT(table, on_attempt);
  CLEAT_CPP_SLOT(table, on_attempt_end);
  CLEAT_CPP_SLOT(table, on_response);
  CLEAT_CPP_SLOT(table, on_response_body);
  CLEAT_CPP_SLOT(table, on_response_trailers);
  CLEAT_CPP_SLOT(table, on_reply);
  if constexpr (has_on_end<P>() || HasOwnedState<P>) table.on_end = on_end<P>;
  CLEAT_CPP_SLOT(table, on_event);
  CLEAT_CPP_SLOT(table, on_drain);
  CLEAT_CPP_SLOT(table, on_shutdown);
  return table;
}
#undef CLEAT_CPP_SLOT

// The body of cleat_plugin_v1.
template <class P>
CLEAT_CPP_HIDDEN const cleat_plugin* enter(const cleat_host* table) noexcept {
  static constexpr cleat_plugin plugin = make_table<P>();
  if (table->size < sizeof(cleat_host)) return nullptr;  // older than the `least` in the note: the loader has refused it before
  copy_table(table, host.core);
  const auto find_table = [table](std::string_view id, auto& to) { copy_table(table->find(to_str(id)), to); };
  find_table(CLEAT_EXT_ATTRIBUTES, host.attributes);
  find_table(CLEAT_EXT_BALANCER, host.balancer);
  find_table(CLEAT_EXT_BODY, host.body);
  find_table(CLEAT_EXT_CONFIG, host.config);
  find_table(CLEAT_EXT_CONFIG_SOURCE, host.config_source);
  find_table(CLEAT_EXT_CONTROL, host.control);
  find_table(CLEAT_EXT_EVENTS, host.events);
  find_table(CLEAT_EXT_HTTP_CALL, host.http_call);
  find_table(CLEAT_EXT_KV, host.kv);
  find_table(CLEAT_EXT_HANDLER, host.handler);
  find_table(CLEAT_EXT_HANDOVER, host.handover);
  find_table(CLEAT_EXT_METADATA, host.metadata);
  find_table(CLEAT_EXT_METRICS, host.metrics);
  find_table(CLEAT_EXT_POST, host.post);
  find_table(CLEAT_EXT_TIMER, host.timer);
  find_table(CLEAT_EXT_TLS, host.tls);
  return &plugin;
}

}  // namespace detail
CLEAT_CPP_NAMESPACE_END

// The one line that makes a class a plugin: the note and the exported function. At global scope, in one .cpp of the plugin.
//   CLEAT_PLUGIN(Greeter, "name=greeter\nversion=1.0.0\nrequires=cleat.config/1\nlicense=Apache-2.0\nabout=says hello\n");
// `text` is lines of key=value, as plugin.h has them, each ended by \n; abi and least are added here, from the headers used.
#define CLEAT_PLUGIN(Type, text)                                                                    \
  CLEAT_PLUGIN_NOTE(text "abi=0.9\nleast=0.9\n");                                                   \
  static_assert(::std::string_view(text).starts_with("name=") && ::std::string_view(text).ends_with('\n'), \
                "the note begins with name= and every line of it ends with \\n");                   \
  static_assert(CLEAT_ABI == CLEAT_ABI_0_9);                                                        \
  extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host) {             \
    return ::cleat::detail::enter<Type>(host);                                                      \
  }                                                                                                 \
  static_assert(true)
