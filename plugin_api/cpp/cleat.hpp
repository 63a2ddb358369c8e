// Cleat for C++20: a plugin is one small class. Header-only; adds nothing to the ABI, hides everything it defines.
//
//   #include "plugin_api/cpp/cleat.hpp"
//
//   // Answers requests for one path here, passes all others by.
//   class Teapot : public cleat::Plugin {
//    public:
//     explicit Teapot(cleat::Config config) : path_(config.get<std::string>("path", "/coffee")) {}
//
//     cleat::Verdict on_request(cleat::Exchange x) {
//       if (x.path() != path_) return cleat::kUnsubscribe;
//       return x.reply({.status = 418, .body = "short and stout\n", .reason = "teapot"});
//     }
//
//    private:
//     std::string path_;
//   };
//
//   CLEAT_PLUGIN(Teapot, "name=teapot\nversion=1.0.0\nrequires=cleat.config/1\nlicense=Apache-2.0\nabout=answers 418\n");
//
// The members the wrapper looks for, all public, all optional; a hook that the class does not declare is NULL in the table,
// and costs nothing. A hook of the right name and the wrong signature does not compile. A hook that returns void continues.
//   constructor (Config), or ()          create. On the control thread; `name()`, `workers()`, metrics are there
//   static void validate(Config)         create's checks without its effects; without it the host creates and destroys
//   struct Route { Route(Config[, MyPlugin&]) }     a route's own configuration: x.route<Route>()
//   struct State : cleat::DestroyedOnEnd            a per-exchange state with a destructor: x.state<State>()
//   void worker_start(uint32_t worker), worker_stop(uint32_t worker)
//   Verdict on_connection(Connection), on_client_hello(Connection), on_tls(Connection); void on_connection_end(Connection)
//   Verdict on_request(Exchange), on_route(Exchange), on_request_trailers(Exchange)
//   Verdict on_request_body(Exchange, Body), on_response_body(Exchange, Body)
//   Verdict on_attempt(Exchange, uint32_t attempt), on_attempt_end(Exchange, AttemptEnd)
//   Verdict on_response(Exchange), on_response_trailers(Exchange), on_reply(Exchange); void on_end(Exchange)
//   void on_event(const cleat_event&), on_drain(Completion), on_shutdown(Completion)
//   Verdict on_handle(Exchange), on_handle_body(Exchange, Body); void on_writable(Exchange), on_handle_end(Exchange)
//                                                   makes it a handler (cleat.handler/1): answer by x.reply or x.answer()
//   struct Set { Set(Endpoints, Config[, MyPlugin&]) }; std::optional<uint64_t> pick(Set&, Exchange)
//                                                   makes it a balancer (cleat.balancer/1)
//   struct Watch { Watch(string_view cluster, Config, MyPlugin&) }
//                                                   brings clusters their endpoints (cleat.config_source/1)
//   void give_state(StateWriter&); bool take_state(uint32_t format, string_view bytes)
//                                                   what it knows survives a reload that replaces it (cleat.handover/1): the old instance writes,
//                                                   the new one reads; false: it cannot, and begins anew; throws: the reload is refused
//   static int command(Command)                     `cleat <word>` (cleat.command/1), for words in the note's `commands`
//
// Errors: host calls answer Status or Result, never throw. An exception that leaves a hook becomes CLEAT_FAIL with its what() (a
// log line where the hook has no verdict); one that leaves a constructor refuses the load, ConfigError at its node.
// Threads: members of the class are shared by all workers: what hooks change is atomic, or one for each worker().
#pragma once

#include "plugin_api/cpp/call.hpp"
#include "plugin_api/cpp/command.hpp"
#include "plugin_api/cpp/config.hpp"
#include "plugin_api/cpp/entry.hpp"
#include "plugin_api/cpp/exchange.hpp"
#include "plugin_api/cpp/hooks.hpp"
#include "plugin_api/cpp/host.hpp"
#include "plugin_api/cpp/kv.hpp"
#include "plugin_api/cpp/metrics.hpp"
#include "plugin_api/cpp/plugin.hpp"
#include "plugin_api/cpp/source.hpp"
