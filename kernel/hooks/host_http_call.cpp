// cleat.http_call/1: what a plugin asks for is checked here, as strictly as a client's request, and becomes a call of its worker.
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/plugin_call.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"
#include "kernel/hooks/structs.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::hooks {
namespace {

constexpr std::uint32_t kRequestLeast = sizeof(cleat_call_request);
constexpr std::size_t kTargetBytesMax = 64 * 1024;
constexpr std::size_t kBodyBytesMax = 1024 * 1024;
constexpr std::uint64_t kResponseBytesDefault = 64 * 1024;
constexpr std::uint64_t kResponseBytesMax = 16 * 1024 * 1024;
constexpr std::uint64_t kTimeoutMaxMs = std::uint64_t{1} << 31;
constexpr std::uint32_t kFlags = CLEAT_CALL_STREAM | CLEAT_CALL_STREAM_BODY;

cleat_status read_request(const cleat_call_request* given, cleat_call_request& made) {
  if (const char* wrong = read_struct(given, kRequestLeast, made)) return fail_call(CLEAT_INVALID, wrong);
  if ((made.flags & ~kFlags) != 0) return fail_call(CLEAT_INVALID, "call: it sets flags that this host does not know");
  for (const cleat_str& text : {made.cluster, made.method, made.target, made.authority, made.body}) {
    if (bad(text)) return fail_call(CLEAT_INVALID, "call: a pointer is NULL");
  }
  if (made.method.size == 0) made.method = to_str("GET");
  const std::string_view method = to_view(made.method);
  if (method.size() > 64 || !http::valid_name(method) || method == "CONNECT" || method == "PRI") return fail_call(CLEAT_INVALID, "call: no method for a call");
  if (made.target.size > kTargetBytesMax || !valid_target(to_view(made.target))) return fail_call(CLEAT_INVALID, "call: the target is not /path?query");
  if (made.authority.size != 0 && !valid_authority(to_view(made.authority))) return fail_call(CLEAT_INVALID, "call: the authority is not host[:port]");
  if (made.timeout_ms == 0 || made.timeout_ms > kTimeoutMaxMs) return fail_call(CLEAT_INVALID, "call: timeout_ms is 1 to 2^31");
  if (made.body.size > kBodyBytesMax) return fail_call(CLEAT_LIMIT, "call: a body of more than 1 MiB is streamed");
  if (made.body.size != 0 && (made.flags & CLEAT_CALL_STREAM_BODY) != 0) return fail_call(CLEAT_INVALID, "call: a streamed body comes through write");
  if (made.body_max > kResponseBytesMax) return fail_call(CLEAT_LIMIT, "call: body_max is at most 16 MiB");
  return CLEAT_OK;
}

// The generation among whose clusters the call's is.
cleat_status find_home(Worker& worker, cleat_instance self, std::uint64_t owner, const WorkerGeneration*& home) {
  home = worker.current_generation.get();
  if (owner == self) return home != nullptr ? CLEAT_OK : fail_call(CLEAT_WRONG_PHASE, "call: the worker has no generation");
  cleat_status status;
  const Exchange* const x = exchange_of(owner, status);
  if (x == nullptr) return status;
  if (x->stage == Stage::kDone) return fail_call(CLEAT_WRONG_PHASE, "call: the exchange is over");
  home = x->home;
  return CLEAT_OK;
}

cleat_status fill(PluginCall& call, const cleat_call_request& asked) {
  if (const cleat_status wrong = copy_fields(call.arena, asked.headers, asked.header_count, FieldUse::kRequest, call.request.fields)) return wrong;
  call.request.method = call.arena.copy(to_view(asked.method));
  call.request.target = call.arena.copy(to_view(asked.target));
  call.request.authority = asked.authority.size == 0 ? std::string_view{} : call.arena.copy(to_view(asked.authority));
  call.request.scheme = "http";
  call.request.minor = 1;
  const bool no_authority = asked.authority.size != 0 && call.request.authority.data() == nullptr;
  if (call.request.method.data() == nullptr || call.request.target.data() == nullptr || no_authority) return arena_is_full();
  call.body.append(to_view(asked.body));
  call.streams_body = (asked.flags & CLEAT_CALL_STREAM_BODY) != 0;
  call.streams_response = (asked.flags & CLEAT_CALL_STREAM) != 0;
  call.response_max = asked.body_max == 0 ? kResponseBytesDefault : asked.body_max;
  return CLEAT_OK;
}

cleat_status call_start(cleat_instance self, std::uint64_t owner, const cleat_call_request* request, cleat_call_fn fn, void* user, cleat_call* call) {
  Worker* const worker = Worker::current();
  if (worker == nullptr || !worker->plugin_calls) return fail_call(CLEAT_WRONG_THREAD, "call: calls are started on a worker; post there");
  if (fn == nullptr) return fail_call(CLEAT_INVALID, "call: the callback is NULL");
  if (find_instance(self) == nullptr || worker->plugin_timers->stopped(self)) return fail_call(CLEAT_STALE, "call: the instance does not run here");
  cleat_call_request asked{};
  if (const cleat_status wrong = read_request(request, asked)) return wrong;
  const WorkerGeneration* home = nullptr;
  if (const cleat_status wrong = find_home(*worker, self, owner, home)) return wrong;
  Cluster* const cluster = home->generation->cluster(to_view(asked.cluster));
  if (cluster == nullptr) return fail_call(CLEAT_NOT_FOUND, "call: no such cluster");
  if (worker->plugin_calls->of(self) >= PluginCalls::kInstanceCallsMax) return fail_call(CLEAT_LIMIT, "call: 1,024 calls of this instance are under way here");
  return guarded([&]() -> cleat_status {
    auto made = std::make_unique<PluginCall>(*worker, cluster->pools[worker->index]->shared_from_this());
    if (const cleat_status wrong = fill(*made, asked)) return wrong;
    made->instance = self;
    made->owner = owner;
    made->fn = fn;
    made->user = user;
    PluginCall& started = *made;
    const cleat_call handle = worker->plugin_calls->enter(std::move(made));
    if (handle == 0) return fail_call(CLEAT_LIMIT, "call: this worker has too many");
    started.start(asked.timeout_ms);
    if (call != nullptr) *call = handle;
    return CLEAT_OK;
  });
}

// Calls `use` with the call, of this worker.
template <class Use>
cleat_status with_call(cleat_call handle, Use&& use) {
  Worker* const worker = Worker::current();
  if (worker == nullptr || !worker->plugin_calls) return fail_call(CLEAT_WRONG_THREAD, "call: only on its worker");
  if (handle_worker(handle) != worker->index) return of_another_worker(handle);
  PluginCall* const call = worker->plugin_calls->find(handle);
  if (call == nullptr) return fail_call(CLEAT_STALE, "call: it has ended");
  return guarded([&]() -> cleat_status { return use(*call, *worker); });
}

cleat_status call_write(cleat_call handle, cleat_str data, std::uint64_t* accepted) {
  if (bad(data) || accepted == nullptr) return fail_call(CLEAT_INVALID, "call: a pointer is NULL");
  return with_call(handle, [&](PluginCall& call, Worker&) -> cleat_status {
    if (!call.streams_body || call.body_ended()) return fail_call(CLEAT_WRONG_PHASE, "call: its body does not come through write, or has ended");
    *accepted = call.write(to_view(data));
    return CLEAT_OK;
  });
}

cleat_status call_finish(cleat_call handle, const cleat_header* trailers, std::uint64_t count) {
  return with_call(handle, [&](PluginCall& call, Worker&) -> cleat_status {
    if (!call.streams_body || call.body_ended()) return fail_call(CLEAT_WRONG_PHASE, "call: its body does not come through write, or has ended");
    http::Fields fields;
    if (const cleat_status wrong = copy_fields(call.arena, trailers, count, FieldUse::kTrailers, fields)) return wrong;
    call.request_trailers = fields;
    call.finish();
    return CLEAT_OK;
  });
}

cleat_status call_pause(cleat_call handle, std::uint32_t on) {
  if (on > 1) return fail_call(CLEAT_INVALID, "call: 0 or 1");
  return with_call(handle, [&](PluginCall& call, Worker&) -> cleat_status {
    if (!call.streams_response) return fail_call(CLEAT_WRONG_PHASE, "call: its response is not streamed");
    call.pause(on == 1);
    return CLEAT_OK;
  });
}

cleat_status call_cancel(cleat_call handle) {
  return with_call(handle, [&](PluginCall& call, Worker& worker) -> cleat_status {
    if (!worker.plugin_timers->stopped(call.instance)) worker.plugin_calls->cancel(call, "told so");  // else it is about to be
    return CLEAT_OK;
  });
}

}  // namespace

const cleat_host_http_call kHostHttpCall = {
    .size = sizeof(cleat_host_http_call),
    .reserved = 0,
    .start = call_start,
    .write = call_write,
    .finish = call_finish,
    .pause = call_pause,
    .cancel = call_cancel,
};

}  // namespace cleat::hooks
