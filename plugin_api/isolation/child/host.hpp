// The host table that the plugin gets in this process, and what its functions begin with. They say what plugin_api/host.h and plugin_api/ext/ say, in the
// kernel's words where it has them; where this process knows less than the kernel, README.md of the folder above says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/hooks/host_exchange.hpp"
#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/host.h"
#include "plugin_api/isolation/child/process.hpp"

namespace cleat::isolation {

const cleat_host* host_of_process();
const void* host_find(cleat_str id);  // the table's `find`

// In the file of their name; what they do is said in plugin_api/.
namespace host {

extern const cleat_host_attributes kAttributes;
extern const cleat_host_body kBody;
extern const cleat_host_events kEvents;
extern const cleat_host_handler kHandler;
extern const cleat_host_http_call kHttpCall;
extern const cleat_host_kv kKv;
extern const cleat_host_metadata kMetadata;
extern const cleat_host_metrics kMetrics;
extern const cleat_host_post kPost;
extern const cleat_host_timer kTimer;

// host_heads.cpp
cleat_status header_get(cleat_exchange x, cleat_part part, cleat_str name, std::uint64_t index, cleat_str* value);
cleat_status header_count(cleat_exchange x, cleat_part part, std::uint64_t* count);
cleat_status header_at(cleat_exchange x, cleat_part part, std::uint64_t position, cleat_header* header);
cleat_status header_set(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value);
cleat_status header_add(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value);
cleat_status header_remove(cleat_exchange x, cleat_part part, cleat_str name);
cleat_status field_get(cleat_exchange x, cleat_field field, cleat_str* value);
cleat_status field_set(cleat_exchange x, cleat_field field, cleat_str value);
cleat_status status_get(cleat_exchange x, std::uint32_t* status);
cleat_status status_set(cleat_exchange x, std::uint32_t status);

// host_exchange.cpp
cleat_status exchange_state(cleat_exchange x, std::uint64_t size, void** state);
cleat_status route_config(cleat_exchange x, void** route);
cleat_status reply(cleat_exchange x, const cleat_reply* reply);
cleat_status reset(cleat_exchange x);
cleat_status reroute(cleat_exchange x);
cleat_status cluster_set(cleat_exchange x, cleat_str cluster);
cleat_status attempt_timeout(cleat_exchange x, std::uint64_t timeout_ms);
cleat_status exchange_timeout(cleat_exchange x, std::uint64_t timeout_ms);
cleat_status retry(cleat_exchange x, const cleat_retry* retry);
cleat_status suspend(std::uint64_t subject, cleat_ticket* ticket);
cleat_status resume(cleat_ticket ticket, cleat_verdict verdict);

}  // namespace host

// --- what the functions begin with ---

// What a handle names, and on which worker's thread this is; x is nullptr, and status is what to answer, where it names nothing here.
struct Found {
  ChildWorker* worker = nullptr;
  Subject* x = nullptr;
  cleat_status status = CLEAT_OK;
};
Found find_subject(std::uint64_t handle, HandleKind kind);
inline Found find_exchange(cleat_exchange handle) { return find_subject(handle, HandleKind::kExchange); }
cleat_status of_another_worker(std::uint64_t handle);

// The hook that is running for it, else the one of the heads that is suspended, else kCount.
HookNumber hook_at_hand(ChildWorker& worker, const Subject& x);
// That, else the latest of the heads.
HookNumber latest_hook(ChildWorker& worker, const Subject& x);

// Says what was done, with what `write` adds. CLEAT_LIMIT where there is too much already: look before, with full().
template <class Write>
cleat_status tell(const Found& at, Operation what, Write&& write) {
  Writer* const writer = at.worker->operation(*at.x, what);
  if (writer == nullptr) return hooks::fail_call(CLEAT_LIMIT, "the exchange's, or the call's, memory is used up");
  write(*writer);
  return CLEAT_OK;
}

// Asks the kernel's side, from whatever thread this is.
cleat_status ask_kernel(Function function, const Writer& arguments, std::string& answer);
cleat_status ask_kernel(Function function, const Writer& arguments);  // what answers nothing but a status
cleat_status write_fields(Writer& writer, const cleat_header* headers, std::uint64_t count);

inline cleat_status wrong_phase(const char* text) { return hooks::fail_call(CLEAT_WRONG_PHASE, text); }
inline cleat_status invalid(const char* text) { return hooks::fail_call(CLEAT_INVALID, text); }
inline cleat_status strange_answer() { return hooks::fail_call(CLEAT_FAILED, "the kernel's answer cannot be read"); }

// Asks what answers a number, which the plugin may not want: nullptr.
template <class Number>
cleat_status ask_number(Function function, const Writer& arguments, Number* number) {
  std::string answer;
  if (const cleat_status wrong = ask_kernel(function, arguments, answer)) return wrong;
  Reader reader(answer);
  const auto got = reader.number<Number>();
  if (!reader.ok()) return strange_answer();
  if (number != nullptr) *number = got;
  return CLEAT_OK;
}

}  // namespace cleat::isolation
