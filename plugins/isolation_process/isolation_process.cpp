// isolation_process: stands in for a plugin that runs in a process of its own. Its table has every hook; each asks first whether the plugin has it, and
// then hands the call to the worker's lane. What the plugin does comes back there.
#include <new>

#include "hosted.hpp"
#include "plugin_api/isolation/halves.hpp"

namespace isolation_process {
namespace {

using cleat::isolation::Function;
using cleat::isolation::HookNumber;

CLEAT_PLUGIN_NOTE(
    "name=isolation_process\nversion=1.0.0\nabi=0.9\nleast=0.9\n"
    "requires=cleat.config/1 cleat.post/1 cleat.attributes/1 cleat.body/1 cleat.metadata/1 cleat.metrics/1 cleat.kv/1 cleat.events/1 cleat.http_call/1 "
    "cleat.handler/1 cleat.handover/1\n"
    "about=runs another plugin in a process of its own\n");

Hosted& hosted(void* instance) { return *static_cast<Hosted*>(instance); }

Lane& lane_here(Hosted& of) {
  std::uint32_t worker = 0;
  host.core->worker_index(&worker);
  return of.lane(worker);
}

// Nothing is thrown out of a hook: what can throw here is memory that is not there.
template <class F>
auto guarded(F&& call, decltype(call()) otherwise) noexcept {
  try {
    return call();
  } catch (const std::exception& error) {
    host.core->set_error(str(error.what()));
    return otherwise;
  }
}

template <class F>
void guarded_void(F&& call) noexcept {
  guarded(
      [&] {
        call();
        return 0;
      },
      0);
}

cleat_verdict call(void* instance, HookNumber hook, std::uint64_t subject, std::uint32_t extra = 0, const cleat_attempt_end* end = nullptr) {
  Hosted& of = hosted(instance);
  if (!of.has(hook)) return CLEAT_CONTINUE;
  return guarded([&] { return lane_here(of).call(hook, subject, extra, end); }, CLEAT_FAIL);
}

template <HookNumber hook>
cleat_verdict on(void* instance, std::uint64_t subject) {
  return call(instance, hook, subject);
}

template <HookNumber hook>
cleat_verdict on_body(void* instance, cleat_exchange x, std::uint32_t flags) {
  return call(instance, hook, x, flags);
}

template <HookNumber hook>
void on_end_of(void* instance, std::uint64_t subject) {
  guarded_void([&] { lane_here(hosted(instance)).tell(hook, subject); });
}

// Of a handler that stands in the chain too it is known then that on_end will come.
cleat_verdict on_request(void* instance, cleat_exchange x) {
  Hosted& of = hosted(instance);
  if (!of.has(HookNumber::kRequest) && of.has(HookNumber::kHandle)) guarded_void([&] { lane_here(of).stands_in_chain(x); });
  return call(instance, HookNumber::kRequest, x);
}

cleat_verdict on_attempt(void* instance, cleat_exchange x, std::uint32_t attempt) { return call(instance, HookNumber::kAttempt, x, attempt); }

cleat_verdict on_attempt_end(void* instance, cleat_exchange x, const cleat_attempt_end* end) {
  return call(instance, HookNumber::kAttemptEnd, x, 0, end);
}

// --- cleat.handler/1 ---

cleat_verdict on_handle(void* instance, cleat_exchange x) {
  Hosted& of = hosted(instance);
  if (!of.has(HookNumber::kHandle)) {  // its file was another when its process was started again
    host.core->set_error(str("its plugin is no handler any more"));
    return CLEAT_FAIL;
  }
  return guarded([&] { return lane_here(of).on_handle(x); }, CLEAT_FAIL);
}

cleat_verdict on_handle_body(void* instance, cleat_exchange x, std::uint32_t flags) {
  Hosted& of = hosted(instance);
  if (!of.has(HookNumber::kHandleBody)) return CLEAT_CONTINUE;
  return guarded([&] { return lane_here(of).on_handle_body(x, flags); }, CLEAT_FAIL);
}

void on_writable(void* instance, cleat_exchange x) {
  if (hosted(instance).has(HookNumber::kWritable)) guarded_void([&] { lane_here(hosted(instance)).on_writable(x); });
}

void on_handle_end(void* instance, cleat_exchange x) {
  guarded_void([&] { lane_here(hosted(instance)).on_handle_end(x); });
}

const cleat_plugin_handler handler_half = {.size = sizeof(cleat_plugin_handler),
                                           .reserved = 0,
                                           .on_handle = on_handle,
                                           .on_handle_body = on_handle_body,
                                           .on_writable = on_writable,
                                           .on_handle_end = on_handle_end};

// --- cleat.handover/1 ---

cleat_status give(void* instance, std::uint64_t handover, std::uint32_t* format) {
  if (!hosted(instance).has(HookNumber::kHandover)) return CLEAT_NOT_FOUND;  // its file was another when its process was started again
  return guarded([&] { return hosted(instance).give(handover, *format); }, CLEAT_FAILED);
}

cleat_status take(void* instance, std::uint32_t format, cleat_str bytes) {
  return guarded([&] { return hosted(instance).take(format, view(bytes)); }, CLEAT_FAILED);
}

const cleat_plugin_handover handover_half = {.size = sizeof(cleat_plugin_handover), .reserved = 0, .give = give, .take = take};

// --- which of them an instance has ---

// Of the instance that was made, or looked at, last: the kernel asks right after. Control thread.
struct Latest {
  cleat_instance self = 0;
  bool handles = false, hands_over = false;
} latest;

bool has_half(cleat_instance self, cleat_str id) {
  return self == latest.self && ((latest.handles && view(id) == CLEAT_EXT_HANDLER) || (latest.hands_over && view(id) == CLEAT_EXT_HANDOVER));
}
const cleat::isolation::HostedHalves hosted_halves = {.has = has_half};

const void* find_half(cleat_str id) {
  if (view(id) == CLEAT_EXT_HANDLER) return &handler_half;
  if (view(id) == CLEAT_EXT_HANDOVER) return &handover_half;
  return view(id) == cleat::isolation::kHostedHalves ? &hosted_halves : nullptr;
}

cleat_status make(const cleat_create* info, bool validate_only, void** instance) {
  Hosting hosting;
  if (!read_hosting(info->config, hosting)) return CLEAT_INVALID;
  const cleat_config config = hosting.config_node;
  auto made = std::make_unique<Hosted>(*info, std::move(hosting), validate_only);
  const cleat_status status = made->create(config);
  latest = {.self = info->self, .handles = made->has(HookNumber::kHandle), .hands_over = made->has(HookNumber::kHandover)};
  if (status == CLEAT_OK && instance != nullptr) *instance = made.release();
  return status;
}

cleat_status create(const cleat_create* info, void** instance) {
  return guarded([&] { return make(info, false, instance); }, CLEAT_FAILED);
}

cleat_status validate(const cleat_create* info) {
  return guarded([&] { return make(info, true, nullptr); }, CLEAT_FAILED);
}

void destroy(void* instance) { delete &hosted(instance); }

cleat_status route_create(void* instance, cleat_config config, void** route) {
  return guarded([&] { return hosted(instance).route_create(config, route); }, CLEAT_FAILED);
}

void route_destroy(void* instance, void* route) {
  guarded_void([&] { hosted(instance).route_destroy(route); });
}

cleat_status worker_start(void* instance, std::uint32_t worker) {
  guarded_void([&] { hosted(instance).lane(worker).start(); });
  return CLEAT_OK;
}

void worker_stop(void* instance, std::uint32_t worker) {
  guarded_void([&] { hosted(instance).lane(worker).stop(); });
}

void on_event(void* instance, const cleat_event* event) {
  guarded_void([&] { hosted(instance).event(*event); });
}

void on_drain(void* instance, std::uint64_t completion) {
  guarded_void([&] { hosted(instance).finish(Function::kDrain, completion); });
}

void on_shutdown(void* instance, std::uint64_t completion) {
  guarded_void([&] { hosted(instance).finish(Function::kShutdown, completion); });
}

const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .find = find_half,
    .create = create,
    .validate = validate,
    .destroy = destroy,
    .route_create = route_create,
    .route_destroy = route_destroy,
    .worker_start = worker_start,
    .worker_stop = worker_stop,
    .on_connection = on<HookNumber::kConnection>,
    .on_tls = on<HookNumber::kTls>,
    .on_connection_end = on_end_of<HookNumber::kConnectionEnd>,
    .on_request = on_request,
    .on_route = on<HookNumber::kRoute>,
    .on_request_body = on_body<HookNumber::kRequestBody>,
    .on_request_trailers = on<HookNumber::kRequestTrailers>,
    .on_attempt = on_attempt,
    .on_attempt_end = on_attempt_end,
    .on_response = on<HookNumber::kResponse>,
    .on_response_body = on_body<HookNumber::kResponseBody>,
    .on_response_trailers = on<HookNumber::kResponseTrailers>,
    .on_reply = on<HookNumber::kReply>,
    .on_end = on_end_of<HookNumber::kEnd>,
    .on_event = on_event,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
};

template <class T>
bool find(const char* id, const T*& into) {
  into = static_cast<const T*>(host.core->find(str(id)));
  return into != nullptr;
}

}  // namespace
}  // namespace isolation_process

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* core) {
  using namespace isolation_process;
  host.core = core;
  const bool all = find(CLEAT_EXT_ATTRIBUTES, host.attributes) && find(CLEAT_EXT_BODY, host.body) && find(CLEAT_EXT_CONFIG, host.config) &&
                   find(CLEAT_EXT_EVENTS, host.events) && find(CLEAT_EXT_HANDLER, host.handler) && find(CLEAT_EXT_HANDOVER, host.handover) &&
                   find(CLEAT_EXT_HTTP_CALL, host.http_call) && find(CLEAT_EXT_KV, host.kv) &&
                   find(CLEAT_EXT_METADATA, host.metadata) && find(CLEAT_EXT_METRICS, host.metrics) && find(CLEAT_EXT_POST, host.post);
  return all ? &table : nullptr;
}
