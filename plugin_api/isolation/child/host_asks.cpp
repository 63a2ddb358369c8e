// cleat.kv/1, cleat.http_call/1 and cleat.events/1: asked of the kernel's side, which judges the arguments. Here only pointers are looked at, and what is
// larger than any of them may be is not sent.
#include <cstring>

#include "kernel/hooks/structs.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::guarded;

// --- kv ---

constexpr std::uint64_t kKeyBytesMax = 512, kValueBytesMax = 64 * 1024;

bool bad_key(cleat_str key) { return bad(key) || key.size == 0 || key.size > kKeyBytesMax; }
cleat_status refuse_key() { return invalid("kv: a key is 1 to 512 bytes"); }

cleat_status kv_open(cleat_instance self, cleat_str name, std::uint32_t flags, std::uint64_t bytes_max, std::uint64_t* space) {
  if (!hooks::on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "kv: open is for the control thread, at best in create");
  if (hooks::find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "kv: no such instance");
  if (space == nullptr || bad(name)) return invalid("kv: a pointer is NULL");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.text(name);
    arguments.number(flags);
    arguments.number(bytes_max);
    std::string answer;
    if (const cleat_status wrong = ask_kernel(Function::kKvOpen, arguments, answer)) return wrong;
    Reader reader(answer);
    const auto made = reader.number<std::uint64_t>();
    if (!reader.ok()) return strange_answer();
    *space = made;
    return CLEAT_OK;
  });
}

// Puts a text of the answer into the plugin's buffer. The kernel's side cuts it to `capacity`, and says how much there is.
cleat_status take_text(Reader& reader, cleat_status status, char* buffer, std::uint64_t capacity, std::uint64_t* needed) {
  const std::string_view text = reader.text();
  const auto size = reader.number<std::uint64_t>();
  if (!reader.ok() || text.size() > capacity) return status == CLEAT_OK ? strange_answer() : status;
  if (!text.empty()) std::memcpy(buffer, text.data(), text.size());
  *needed = size;
  return status;
}

cleat_status kv_get(std::uint64_t space, cleat_str key, char* buffer, std::uint64_t capacity, std::uint64_t* needed, std::uint64_t* version) {
  if (bad_key(key)) return refuse_key();
  if (needed == nullptr || (buffer == nullptr && capacity != 0)) return invalid("kv: an output is NULL");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(space);
    arguments.text(key);
    arguments.number(capacity);
    std::string answer;
    cleat_status status = ask_kernel(Function::kKvGet, arguments, answer);
    if (status != CLEAT_OK && status != CLEAT_TOO_SMALL) return status;
    Reader reader(answer);
    status = take_text(reader, status, buffer, capacity, needed);
    const auto is = reader.number<std::uint64_t>();
    if (reader.ok() && version != nullptr) *version = is;
    return status;
  });
}

cleat_status put(Function function, std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::uint64_t expected, std::uint64_t* version) {
  if (bad_key(key)) return refuse_key();
  if (bad(value)) return invalid("kv: the value is NULL");
  if (value.size > kValueBytesMax) return fail_call(CLEAT_LIMIT, "kv: a value is at most 64 KiB");
  return guarded([&] {
    Writer arguments;
    arguments.number(space);
    arguments.text(key);
    arguments.text(value);
    arguments.number(ttl_ms);
    if (function == Function::kKvSetIf) arguments.number(expected);
    return ask_number(function, arguments, version);
  });
}

cleat_status kv_set(std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::uint64_t* version) {
  return put(Function::kKvSet, space, key, value, ttl_ms, 0, version);
}

cleat_status kv_set_if(std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::uint64_t expected, std::uint64_t* version) {
  return put(Function::kKvSetIf, space, key, value, ttl_ms, expected, version);
}

cleat_status kv_remove(std::uint64_t space, cleat_str key, std::uint64_t expected) {
  if (bad_key(key)) return refuse_key();
  return guarded([&] {
    Writer arguments;
    arguments.number(space);
    arguments.text(key);
    arguments.number(expected);
    return ask_kernel(Function::kKvRemove, arguments);
  });
}

cleat_status kv_add(std::uint64_t space, cleat_str key, std::int64_t amount, std::uint64_t ttl_ms, std::int64_t* value) {
  if (bad_key(key)) return refuse_key();
  return guarded([&] {
    Writer arguments;
    arguments.number(space);
    arguments.text(key);
    arguments.number(amount);
    arguments.number(ttl_ms);
    return ask_number(Function::kKvAdd, arguments, value);
  });
}

cleat_status kv_next(std::uint64_t space, cleat_str prefix, cleat_str after, char* buffer, std::uint64_t capacity, std::uint64_t* needed) {
  if (bad(prefix) || bad(after) || prefix.size > kKeyBytesMax || after.size > kKeyBytesMax) return refuse_key();
  if (needed == nullptr || (buffer == nullptr && capacity != 0)) return invalid("kv: an output is NULL");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(space);
    arguments.text(prefix);
    arguments.text(after);
    arguments.number(capacity);
    std::string answer;
    const cleat_status status = ask_kernel(Function::kKvNext, arguments, answer);
    if (status != CLEAT_OK && status != CLEAT_TOO_SMALL) return status;
    Reader reader(answer);
    return take_text(reader, status, buffer, capacity, needed);
  });
}

// --- calls ---

constexpr std::uint64_t kTargetBytesMax = 64 * 1024, kBodyBytesMax = 1024 * 1024;

cleat_status write_request(Writer& writer, std::uint64_t owner, const cleat_call_request* given) {
  cleat_call_request made{};
  if (const char* wrong = hooks::read_struct(given, sizeof(cleat_call_request), made)) return invalid(wrong);
  for (const cleat_str& text : {made.cluster, made.method, made.target, made.authority, made.body}) {
    if (bad(text)) return invalid("call: a pointer is NULL");
  }
  if (made.target.size > kTargetBytesMax || made.cluster.size > kTargetBytesMax || made.method.size > kTargetBytesMax || made.authority.size > kTargetBytesMax) {
    return invalid("call: a text of more than 64 KiB");
  }
  if (made.body.size > kBodyBytesMax) return fail_call(CLEAT_LIMIT, "call: a body of more than 1 MiB is streamed");
  writer.number(owner);
  writer.number(made.flags);
  writer.text(made.cluster);
  writer.text(made.method);
  writer.text(made.target);
  writer.text(made.authority);
  if (const cleat_status wrong = write_fields(writer, made.headers, made.header_count)) return wrong;
  writer.text(made.body);
  writer.number(made.timeout_ms);
  writer.number(made.body_max);
  return CLEAT_OK;
}

cleat_status call_start(cleat_instance self, std::uint64_t owner, const cleat_call_request* request, cleat_call_fn fn, void* user, cleat_call* call) {
  ChildWorker* const worker = ChildWorker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "call: calls are started on a worker; post there");
  if (fn == nullptr) return invalid("call: the callback is NULL");
  if (hooks::find_instance(self) == nullptr || !worker->running() || worker->stopping()) return fail_call(CLEAT_STALE, "call: the instance does not run here");
  if (owner != self) {
    const Found at = find_exchange(owner);
    if (at.x == nullptr) return at.status;
    if (is_of_exchange_end(at.worker->running_hook(*at.x))) return wrong_phase("call: the exchange is over");
  }
  return guarded([&]() -> cleat_status {
    Writer arguments;
    if (const cleat_status wrong = write_request(arguments, owner == self ? 0 : owner, request)) return wrong;
    cleat_call started = 0;
    if (const cleat_status wrong = ask_number(Function::kCallStart, arguments, &started)) return wrong;
    worker->started_calls[started] = {owner, fn, user};
    if (call != nullptr) *call = started;
    return CLEAT_OK;
  });
}

// The worker, if the call is of it and has not ended.
cleat_status find_call(cleat_call handle) {
  ChildWorker* const worker = ChildWorker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "call: only on its worker");
  if (handle_worker(handle) != worker->index) return of_another_worker(handle);
  return worker->started_calls.contains(handle) ? CLEAT_OK : fail_call(CLEAT_STALE, "call: it has ended");
}

cleat_status call_write(cleat_call handle, cleat_str data, std::uint64_t* accepted) {
  if (bad(data) || accepted == nullptr) return invalid("call: a pointer is NULL");
  if (const cleat_status wrong = find_call(handle)) return wrong;
  return guarded([&] {
    Writer arguments;
    arguments.number(handle);
    arguments.text(hooks::to_view(data).substr(0, 64 * 1024));  // it takes no more at once
    return ask_number(Function::kCallWrite, arguments, accepted);
  });
}

cleat_status call_finish(cleat_call handle, const cleat_header* trailers, std::uint64_t count) {
  if (const cleat_status wrong = find_call(handle)) return wrong;
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(handle);
    if (const cleat_status wrong = write_fields(arguments, trailers, count)) return wrong;
    return ask_kernel(Function::kCallFinish, arguments);
  });
}

cleat_status call_pause(cleat_call handle, std::uint32_t on) {
  if (on > 1) return invalid("call: 0 or 1");
  if (const cleat_status wrong = find_call(handle)) return wrong;
  return guarded([&] {
    Writer arguments;
    arguments.number(handle);
    arguments.number(on);
    return ask_kernel(Function::kCallPause, arguments);
  });
}

cleat_status call_cancel(cleat_call handle) {
  if (const cleat_status wrong = find_call(handle)) return wrong;
  return guarded([&] {
    Writer arguments;
    arguments.number(handle);
    return ask_kernel(Function::kCallCancel, arguments);
  });
}

// --- events ---

constexpr std::uint64_t kEventDataMax = 4096;
constexpr std::uint64_t kEventNameMax = 128;

cleat_status events_subscribe(cleat_instance self, cleat_str pattern) {
  if (!hooks::on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "subscribe: only on the control thread, at best in create");
  if (hooks::find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "subscribe: no such instance");
  if (bad(pattern)) return invalid("subscribe: a pattern is 1 to 128 of A-Z a-z 0-9 _ - . and may end in \".*\"");
  return guarded([&] {
    Writer arguments;
    arguments.text(pattern);
    return ask_kernel(Function::kEventSubscribe, arguments);
  });
}

cleat_status events_publish(cleat_instance self, cleat_str name, cleat_str data) {
  if (const hooks::InstancePin instance(self); !instance) return fail_call(CLEAT_STALE, "publish: no such instance");
  if (bad(name) || name.size > kEventNameMax) return invalid("publish: a name is 1 to 128 of A-Z a-z 0-9 _ - .");
  if (bad(data) || data.size > kEventDataMax) return invalid("publish: data is NULL, or more than 4,096 bytes");
  return guarded([&] {
    Writer arguments;
    arguments.text(name);
    arguments.text(data);
    return ask_kernel(Function::kEventPublish, arguments);
  });
}

}  // namespace

const cleat_host_kv kKv = {
    .size = sizeof(cleat_host_kv),
    .reserved = 0,
    .open = kv_open,
    .get = kv_get,
    .set = kv_set,
    .set_if = kv_set_if,
    .remove = kv_remove,
    .add = kv_add,
    .next = kv_next,
};

const cleat_host_http_call kHttpCall = {
    .size = sizeof(cleat_host_http_call),
    .reserved = 0,
    .start = call_start,
    .write = call_write,
    .finish = call_finish,
    .pause = call_pause,
    .cancel = call_cancel,
};

const cleat_host_events kEvents = {.size = sizeof(cleat_host_events), .reserved = 0, .subscribe = events_subscribe, .publish = events_publish};

}  // namespace cleat::isolation::host
