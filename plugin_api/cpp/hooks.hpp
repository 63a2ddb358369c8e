// Which hooks, and which nested types, a plugin's class declares. Compile time only; not for plugins to use.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "plugin_api/cpp/command.hpp"
#include "plugin_api/cpp/plugin.hpp"

CLEAT_CPP_NAMESPACE_BEGIN
namespace detail {

// names_x: the class has a member called x, of any signature and access. has_x: it can be called as the wrapper will.
// One without the other would be a hook that is silently never called: it does not compile.
#define CLEAT_CPP_NAME(hook)                                                                             \
  struct Named_##hook {                                                                                  \
    int hook;                                                                                            \
  };                                                                                                     \
  template <class P>                                                                                     \
  struct Both_##hook : P, Named_##hook {};                                                               \
  template <class P>                                                                                     \
  constexpr bool names_##hook() {                                                                        \
    if constexpr (std::is_final_v<P>) {                                                                  \
      return requires { &P::hook; };                                                                     \
    } else {                                                                                             \
      return !requires { &Both_##hook<P>::hook; };                                                       \
    }                                                                                                    \
  }
#define CLEAT_CPP_HOOK(hook, signature, ...)                                                             \
  CLEAT_CPP_NAME(hook)                                                                                   \
  template <class P>                                                                                     \
  constexpr bool has_##hook() {                                                                          \
    constexpr bool has = requires(P& p) { p.hook(__VA_ARGS__); };                                        \
    static_assert(has || !names_##hook<P>(), #hook " must be public, and callable as " signature);       \
    return has;                                                                                          \
  }

template <class T>
T make() noexcept;  // never defined: stands for an argument

CLEAT_CPP_HOOK(worker_start, "void worker_start(std::uint32_t worker)", make<std::uint32_t>())
CLEAT_CPP_HOOK(worker_stop, "void worker_stop(std::uint32_t worker)", make<std::uint32_t>())
CLEAT_CPP_HOOK(on_connection, "Verdict on_connection(Connection)", make<Connection>())
CLEAT_CPP_HOOK(on_client_hello, "Verdict on_client_hello(Connection)", make<Connection>())
CLEAT_CPP_HOOK(on_tls, "Verdict on_tls(Connection)", make<Connection>())
CLEAT_CPP_HOOK(on_connection_end, "void on_connection_end(Connection)", make<Connection>())
CLEAT_CPP_HOOK(on_request, "Verdict on_request(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_route, "Verdict on_route(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_request_body, "Verdict on_request_body(Exchange, Body)", make<Exchange>(), make<Body>())
CLEAT_CPP_HOOK(on_request_trailers, "Verdict on_request_trailers(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_attempt, "Verdict on_attempt(Exchange, std::uint32_t attempt)", make<Exchange>(), make<std::uint32_t>())
CLEAT_CPP_HOOK(on_attempt_end, "Verdict on_attempt_end(Exchange, AttemptEnd)", make<Exchange>(), make<AttemptEnd>())
CLEAT_CPP_HOOK(on_response, "Verdict on_response(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_response_body, "Verdict on_response_body(Exchange, Body)", make<Exchange>(), make<Body>())
CLEAT_CPP_HOOK(on_response_trailers, "Verdict on_response_trailers(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_reply, "Verdict on_reply(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_end, "void on_end(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_event, "void on_event(const cleat_event&)", make<const cleat_event&>())
CLEAT_CPP_HOOK(on_drain, "void on_drain(Completion)", make<Completion>())
CLEAT_CPP_HOOK(on_shutdown, "void on_shutdown(Completion)", make<Completion>())
CLEAT_CPP_HOOK(on_handle, "Verdict on_handle(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_handle_body, "Verdict on_handle_body(Exchange, Body)", make<Exchange>(), make<Body>())
CLEAT_CPP_HOOK(on_writable, "void on_writable(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(on_handle_end, "void on_handle_end(Exchange)", make<Exchange>())
CLEAT_CPP_HOOK(give_state, "void give_state(StateWriter&)", make<StateWriter&>())
CLEAT_CPP_HOOK(take_state, "bool take_state(std::uint32_t format, std::string_view bytes)", make<std::uint32_t>(), make<std::string_view>())
CLEAT_CPP_NAME(validate)
CLEAT_CPP_NAME(command)
#undef CLEAT_CPP_HOOK
#undef CLEAT_CPP_NAME

template <class P>
concept HasRoute = requires { typename P::Route; };
template <class P>
concept HasOwnedState = requires { typename P::State; } && std::is_base_of_v<DestroyedOnEnd, typename P::State>;
template <class P>
concept HasValidate = requires(Config config) { P::validate(config); };
template <class P>
concept HasCommand = requires(Command call) { { P::command(call) } -> std::convertible_to<int>; };
template <class P>
concept HasBalancer = requires { typename P::Set; };
template <class P>
concept HasWatch = requires { typename P::Watch; };

}  // namespace detail
CLEAT_CPP_NAMESPACE_END
