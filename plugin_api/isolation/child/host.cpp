#include "plugin_api/isolation/child/host.hpp"

#include <array>

#include "kernel/hooks/host_tables.hpp"

#ifndef CLEAT_VERSION
#define CLEAT_VERSION "0"
#endif

namespace cleat::isolation {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::to_view;

struct Entry {
  std::string_view id;
  const void* table;
};
constexpr std::array<Entry, 12> kTables = {{
    {CLEAT_EXT_CONFIG, &hooks::kHostConfig},
    {CLEAT_EXT_BODY, &host::kBody},
    {CLEAT_EXT_ATTRIBUTES, &host::kAttributes},
    {CLEAT_EXT_METADATA, &host::kMetadata},
    {CLEAT_EXT_TIMER, &host::kTimer},
    {CLEAT_EXT_POST, &host::kPost},
    {CLEAT_EXT_METRICS, &host::kMetrics},
    {CLEAT_EXT_EVENTS, &host::kEvents},
    {CLEAT_EXT_KV, &host::kKv},
    {CLEAT_EXT_HTTP_CALL, &host::kHttpCall},
    {CLEAT_EXT_HANDLER, &host::kHandler},
    {CLEAT_EXT_HANDOVER, &hooks::kHostHandover},
}};

cleat_status log(cleat_instance self, std::uint32_t level, cleat_str text) {
  if (level > CLEAT_ERROR) return fail_call(CLEAT_INVALID, "log: there is no such level");
  if (bad(text)) return fail_call(CLEAT_INVALID, "log: text is NULL");
  if (const hooks::InstancePin instance(self); !instance) return fail_call(CLEAT_STALE, "log: no such instance");
  return hooks::guarded([&] {
    Process::current()->control.log(level, to_view(text));
    return CLEAT_OK;
  });
}

cleat_status set_error(cleat_str text) {
  if (bad(text)) return fail_call(CLEAT_INVALID, "set_error: the text is NULL");
  return hooks::set_call_error(to_view(text));
}

cleat_status worker_index(std::uint32_t* index) {
  if (index == nullptr) return fail_call(CLEAT_INVALID, "worker_index: the output is NULL");
  const ChildWorker* const worker = ChildWorker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  *index = worker->index;
  return CLEAT_OK;
}

cleat_status complete(std::uint64_t completion) {
  return hooks::guarded([&]() -> cleat_status {
    return Process::current()->complete(completion) ? CLEAT_OK : fail_call(CLEAT_STALE, "complete: nothing waits for this");
  });
}

constexpr std::uint64_t kFieldsMax = 200;  // the kernel's own bound

constexpr std::string_view kName = "cleat";
constexpr std::string_view kVersion = CLEAT_VERSION;

constexpr cleat_host kHost = {
    .size = sizeof(cleat_host),
    .abi = CLEAT_ABI,
    .name = {kName.data(), kName.size()},
    .version = {kVersion.data(), kVersion.size()},
    .find = host_find,
    .log = log,
    .error_text = hooks::error_text,
    .set_error = set_error,
    .worker_index = worker_index,
    .header_get = host::header_get,
    .header_count = host::header_count,
    .header_at = host::header_at,
    .header_set = host::header_set,
    .header_add = host::header_add,
    .header_remove = host::header_remove,
    .field_get = host::field_get,
    .field_set = host::field_set,
    .status_get = host::status_get,
    .status_set = host::status_set,
    .exchange_state = host::exchange_state,
    .route_config = host::route_config,
    .reply = host::reply,
    .reset = host::reset,
    .reroute = host::reroute,
    .cluster_set = host::cluster_set,
    .attempt_timeout = host::attempt_timeout,
    .retry = host::retry,
    .suspend = host::suspend,
    .resume = host::resume,
    .complete = complete,
    .exchange_timeout = host::exchange_timeout,
};

}  // namespace

const cleat_host* host_of_process() { return &kHost; }

const void* host_find(cleat_str id) {
  if (bad(id)) return nullptr;
  for (const Entry& entry : kTables) {
    if (entry.id == to_view(id)) return entry.table;
  }
  return nullptr;
}

// --- lookups ---

cleat_status of_another_worker(std::uint64_t handle) {
  if (Process::current()->worker(handle_worker(handle)) == nullptr) return fail_call(CLEAT_STALE, "no such handle was given");
  return fail_call(CLEAT_WRONG_THREAD, "the handle belongs to another worker");
}

Found find_subject(std::uint64_t handle, HandleKind kind) {
  ChildWorker* const worker = ChildWorker::current();
  const bool exchange = kind == HandleKind::kExchange;
  if (worker == nullptr) return {nullptr, nullptr, fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread")};
  if (handle_kind(handle) != kind) return {worker, nullptr, invalid(exchange ? "the handle is not an exchange's" : "the handle is not a connection's")};
  if (handle_worker(handle) != worker->index) return {worker, nullptr, of_another_worker(handle)};
  Subject* const x = worker->find(handle);
  if (x == nullptr) return {worker, nullptr, fail_call(CLEAT_STALE, exchange ? "the exchange is over" : "the connection is closed")};
  return {worker, x, CLEAT_OK};
}

HookNumber hook_at_hand(ChildWorker& worker, const Subject& x) {
  const HookNumber running = worker.running_hook(x);
  if (running != HookNumber::kCount) return running;
  const Call& head = x.calls[static_cast<std::size_t>(HookLane::kHead)];
  return head.suspended ? head.hook : HookNumber::kCount;
}

HookNumber latest_hook(ChildWorker& worker, const Subject& x) {
  const HookNumber at_hand = hook_at_hand(worker, x);
  return at_hand != HookNumber::kCount ? at_hand : x.head_hook;
}

cleat_status ask_kernel(Function function, const Writer& arguments, std::string& answer) {
  if (ChildWorker* const worker = ChildWorker::current()) return worker->ask(function, arguments.bytes, answer);
  return Process::current()->ask(function, arguments.bytes, answer);
}

cleat_status ask_kernel(Function function, const Writer& arguments) {
  std::string nothing;
  return ask_kernel(function, arguments, nothing);
}

cleat_status write_fields(Writer& writer, const cleat_header* headers, std::uint64_t count) {
  if (headers == nullptr && count != 0) return invalid("fields: the list is NULL");
  if (count > kFieldsMax) return fail_call(CLEAT_LIMIT, "fields: more than 200");
  writer.number(static_cast<std::uint32_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bad(headers[i].name) || bad(headers[i].value)) return invalid("field: a pointer is NULL");
    writer.text(headers[i].name);
    writer.text(headers[i].value);
  }
  return CLEAT_OK;
}

}  // namespace cleat::isolation
