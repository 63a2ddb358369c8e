// The host's tables as the plugin sees them: each function is the kernel's, called, its answer looked at, and its views put under guard.
#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernel/hooks/call_stamp.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/harness/src/allocations.hpp"
#include "plugin_api/harness/src/between.hpp"
#include "plugin_api/harness/src/checks.hpp"
#include "plugin_api/harness/src/guard.hpp"

namespace cleat::kit {
namespace {

// How a function's answers are judged.
enum class Kind : std::uint8_t {
  kLook,    // a wrong phase is an answer like another
  kChange,  // a wrong phase is a mistake
};

std::string words() {
  char text[512];
  std::uint64_t needed = 0;
  hooks::error_text(text, sizeof text, &needed);
  return std::string(text, std::min<std::uint64_t>(needed, sizeof text));
}

void judge(cleat_status status, const char* function, Kind kind, std::uint64_t subject) {
  Checks* const checks = current_checks();
  if (checks == nullptr || status == CLEAT_OK) return;
  if (status == CLEAT_WRONG_THREAD) return checks->add(8, running(), function, "called on the wrong thread: " + words());
  if (status == CLEAT_WRONG_PHASE && kind == Kind::kChange) return checks->add(8, running(), function, "called at the wrong time: " + words());
  if (status != CLEAT_STALE || !checks->has_ended(subject)) return;
  checks->add(5, running(), function, "the handle of an exchange is used after its on_end");
}

// --- views, among the arguments: outputs are guarded, everything else is left alone ---

template <class T>
void guard_output(T, const char*, std::uint64_t) {}

void guard_output(cleat_str* text, const char* function, std::uint64_t object) {
  text->data = guard::show(hooks::to_view(*text), function, running(), object);
}

void guard_output(cleat_header* header, const char* function, std::uint64_t object) {
  guard_output(&header->name, function, object);
  guard_output(&header->value, function, object);
}

template <class First, class... Rest>
std::uint64_t subject_of(First first, Rest...) {
  if constexpr (std::is_same_v<First, std::uint64_t>) {
    return first;
  } else {
    return 0;
  }
}

// Part of the piece at hand: what a change of it makes of its views.
template <class... Args>
std::uint64_t body_of(cleat_exchange x, cleat_part part, Args...) {
  return body_object(x, part);
}

// What the table is called; nothing of the core's.
template <class Table>
constexpr std::string_view kIdOf = {};
template <>
constexpr std::string_view kIdOf<cleat_host_body> = CLEAT_EXT_BODY;
template <>
constexpr std::string_view kIdOf<cleat_host_attributes> = CLEAT_EXT_ATTRIBUTES;
template <>
constexpr std::string_view kIdOf<cleat_host_metadata> = CLEAT_EXT_METADATA;
template <>
constexpr std::string_view kIdOf<cleat_host_config> = CLEAT_EXT_CONFIG;
template <>
constexpr std::string_view kIdOf<cleat_host_timer> = CLEAT_EXT_TIMER;
template <>
constexpr std::string_view kIdOf<cleat_host_handler> = CLEAT_EXT_HANDLER;
template <>
constexpr std::string_view kIdOf<cleat_host_handover> = CLEAT_EXT_HANDOVER;
template <>
constexpr std::string_view kIdOf<cleat_host_metrics> = CLEAT_EXT_METRICS;
template <>
constexpr std::string_view kIdOf<cleat_host_events> = CLEAT_EXT_EVENTS;
template <>
constexpr std::string_view kIdOf<cleat_host_kv> = CLEAT_EXT_KV;
template <>
constexpr std::string_view kIdOf<cleat_host_http_call> = CLEAT_EXT_HTTP_CALL;

void note_use(std::string_view id) {
  Checks* const checks = current_checks();
  if (!id.empty() && checks != nullptr) checks->extension_used(id);
}

template <auto Member>
struct Checked;

template <class Table, class... Args, cleat_status (*Table::*Member)(Args...)>
struct Checked<Member> {
  static inline const char* name = "";
  static inline cleat_status (*real)(Args...) = nullptr;
  static inline Kind kind = Kind::kLook;

  static cleat_status call(Args... args) {
    const allocations::Inside host(false);
    note_use(kIdOf<Table>);
    const cleat_status status = real(args...);
    judge(status, name, kind, subject_of(args...));
    if (status == CLEAT_OK) after(args...);
    return status;
  }

 private:
  template <auto Other>
  static constexpr bool is() {
    return std::is_same_v<Checked<Member>, Checked<Other>>;
  }
  static void after(Args... args) {
    if constexpr (is<&cleat_host::reply>()) {
      frame().replied = true;
    } else if constexpr (is<&cleat_host_body::view>()) {
      (guard_output(args, name, body_of(args...)), ...);
    } else if constexpr (is<&cleat_host_body::append>() || is<&cleat_host_body::prepend>() || is<&cleat_host_body::replace>() ||
                         is<&cleat_host_body::drain>()) {
      guard::kill(body_of(args...));
    } else {
      (guard_output(args, name, kNoObject), ...);
    }
  }
};

cleat_status suspend(std::uint64_t subject, cleat_ticket* ticket) {
  const allocations::Inside host(false);
  const cleat_status status = hooks::suspend(subject, ticket);
  judge(status, "suspend", Kind::kChange, subject);
  if (status == CLEAT_OK) frame().suspended = true;
  Checks* const checks = current_checks();
  if (status == CLEAT_OK && checks != nullptr) checks->ticket_given(*ticket, running());
  return status;
}

cleat_status resume(cleat_ticket ticket, cleat_verdict verdict) {
  const allocations::Inside host(false);
  const cleat_status status = hooks::resume(ticket, verdict);
  Checks* const checks = current_checks();
  if (checks != nullptr && (status == CLEAT_OK || status == CLEAT_STALE)) checks->ticket_used(ticket, status == CLEAT_OK);
  if (checks != nullptr && status == CLEAT_INVALID) checks->add({0, "SUSPEND", running(), "resume", words()});
  return status;
}

// What the SDKs of Rust and Go say of a panic, which they make a FAIL or a line of the log.
constexpr std::string_view kPanicked = "panicked at ";

void note_panic(cleat_str text) {
  Checks* const checks = current_checks();
  if (checks == nullptr || text.data == nullptr || !hooks::to_view(text).starts_with(kPanicked)) return;
  checks->add({0, "panic", running(), "", "it " + std::string(hooks::to_view(text))});
}

cleat_status (*real_set_error)(cleat_str text) = nullptr;
cleat_status (*real_log)(cleat_instance self, std::uint32_t level, cleat_str text) = nullptr;

cleat_status set_error(cleat_str text) {
  const allocations::Inside host(false);
  note_panic(text);
  const cleat_status status = real_set_error(text);
  if (status == CLEAT_OK) frame().why[hooks::to_view(text).copy(frame().why, sizeof Frame::why - 1)] = 0;
  return status;
}

cleat_status log(cleat_instance self, std::uint32_t level, cleat_str text) {
  const allocations::Inside host(false);
  note_panic(text);
  return real_log(self, level, text);
}

const void* find(cleat_str id);

// --- events of calls: their texts die with the callback (ext/http_call.h) ---

struct CallThunk {
  cleat_call_fn fn;
  void* user;
};

void told(void* instance, cleat_call call, std::uint64_t owner, const cleat_call_event* event, void* user) {
  auto* const thunk = static_cast<CallThunk*>(user);
  cleat_call_event shown = *event;
  std::vector<cleat_header> headers(event->headers, event->headers + event->header_count);
  std::vector<cleat_header> trailers(event->trailers, event->trailers + event->trailer_count);
  for (auto* list : {&headers, &trailers}) {
    for (cleat_header& one : *list) guard_output(&one, "cleat_call_event", kNoObject);
  }
  shown.headers = headers.data();
  shown.trailers = trailers.data();
  guard_output(&shown.body, "cleat_call_event", kNoObject);
  guard_output(&shown.reason, "cleat_call_event", kNoObject);
  const bool last = event->kind == CLEAT_CALL_DONE || event->kind == CLEAT_CALL_FAILED;
  const auto over = [&] {
    if (last) delete thunk;
    if (Checks* const checks = current_checks()) checks->turn_over();
  };
  try {
    const allocations::Inside plugin(true);
    thunk->fn(instance, call, owner, &shown, thunk->user);
  } catch (...) {
    if (Checks* const checks = current_checks()) checks->add(3, "the function of a call", "", "an exception left the plugin");
    over();
    throw;  // the kernel says what it was
  }
  over();
}

cleat_status start_call(cleat_instance self, std::uint64_t owner, const cleat_call_request* request, cleat_call_fn fn, void* user, cleat_call* call) {
  if (fn == nullptr) return hooks::kHostHttpCall.start(self, owner, request, fn, user, call);
  const allocations::Inside host(false);
  note_use(CLEAT_EXT_HTTP_CALL);
  auto* const thunk = new CallThunk{fn, user};
  const cleat_status status = hooks::kHostHttpCall.start(self, owner, request, &told, thunk, call);
  judge(status, "start", Kind::kChange, owner);
  if (status != CLEAT_OK) delete thunk;
  return status;
}

// --- the tables ---

template <auto Member, class Table>
void put(Table& table, const Table& real, const char* name, Kind kind = Kind::kLook) {
  Checked<Member>::name = name;
  Checked<Member>::real = real.*Member;
  Checked<Member>::kind = kind;
  table.*Member = &Checked<Member>::call;
}

#define CLEAT_LOOK(type, member) put<&type::member>(made, real, #member)
#define CLEAT_CHANGE(type, member) put<&type::member>(made, real, #member, Kind::kChange)

cleat_host make_host() {
  const cleat_host& real = *hooks::host_table();
  cleat_host made = real;
  made.find = &find;
  made.suspend = &suspend;
  made.resume = &resume;
  real_set_error = std::exchange(made.set_error, &set_error);
  real_log = std::exchange(made.log, &log);
  // worker_index stays the kernel's: "on no worker" is its answer to a plugin that asks where it is, as the SDK of Rust does.
  CLEAT_LOOK(cleat_host, header_get);
  CLEAT_LOOK(cleat_host, header_count);
  CLEAT_LOOK(cleat_host, header_at);
  CLEAT_CHANGE(cleat_host, header_set);
  CLEAT_CHANGE(cleat_host, header_add);
  CLEAT_CHANGE(cleat_host, header_remove);
  CLEAT_LOOK(cleat_host, field_get);
  CLEAT_CHANGE(cleat_host, field_set);
  CLEAT_LOOK(cleat_host, status_get);
  CLEAT_CHANGE(cleat_host, status_set);
  CLEAT_LOOK(cleat_host, exchange_state);
  CLEAT_LOOK(cleat_host, route_config);
  CLEAT_CHANGE(cleat_host, reply);
  CLEAT_CHANGE(cleat_host, reset);
  CLEAT_CHANGE(cleat_host, reroute);
  CLEAT_CHANGE(cleat_host, cluster_set);
  CLEAT_CHANGE(cleat_host, attempt_timeout);
  CLEAT_CHANGE(cleat_host, retry);
  CLEAT_CHANGE(cleat_host, exchange_timeout);
  return made;
}

cleat_host_body make_body() {
  const cleat_host_body& real = hooks::kHostBody;
  cleat_host_body made = real;
  CLEAT_CHANGE(cleat_host_body, subscribe);
  CLEAT_CHANGE(cleat_host_body, view);
  CLEAT_CHANGE(cleat_host_body, append);
  CLEAT_CHANGE(cleat_host_body, prepend);
  CLEAT_CHANGE(cleat_host_body, replace);
  CLEAT_CHANGE(cleat_host_body, drain);
  CLEAT_CHANGE(cleat_host_body, keep_for_replay);
  return made;
}

cleat_host_attributes make_attributes() {
  const cleat_host_attributes& real = hooks::kHostAttributes;
  cleat_host_attributes made = real;
  CLEAT_LOOK(cleat_host_attributes, text);
  CLEAT_LOOK(cleat_host_attributes, integer);
  return made;
}

// get_text is not among them: its view lives until the key is set again, or after on_end.
cleat_host_metadata make_metadata() {
  const cleat_host_metadata& real = hooks::kHostMetadata;
  cleat_host_metadata made = real;
  CLEAT_LOOK(cleat_host_metadata, key);
  CLEAT_CHANGE(cleat_host_metadata, set_text);
  CLEAT_CHANGE(cleat_host_metadata, set_integer);
  CLEAT_CHANGE(cleat_host_metadata, set_number);
  CLEAT_LOOK(cleat_host_metadata, get_integer);
  CLEAT_LOOK(cleat_host_metadata, get_number);
  CLEAT_LOOK(cleat_host_metadata, type);
  return made;
}

cleat_host_config make_config() {
  const cleat_host_config& real = hooks::kHostConfig;
  cleat_host_config made = real;
  CLEAT_LOOK(cleat_host_config, type);
  CLEAT_LOOK(cleat_host_config, get);
  CLEAT_LOOK(cleat_host_config, count);
  CLEAT_LOOK(cleat_host_config, at);
  CLEAT_LOOK(cleat_host_config, text);
  CLEAT_LOOK(cleat_host_config, integer);
  CLEAT_LOOK(cleat_host_config, number);
  CLEAT_LOOK(cleat_host_config, boolean);
  CLEAT_LOOK(cleat_host_config, duration_ms);
  CLEAT_LOOK(cleat_host_config, bytes);
  CLEAT_LOOK(cleat_host_config, json);
  CLEAT_LOOK(cleat_host_config, error);
  CLEAT_LOOK(cleat_host_config, path);
  return made;
}

cleat_host_timer make_timer() {
  const cleat_host_timer& real = hooks::kHostTimer;
  cleat_host_timer made = real;
  CLEAT_CHANGE(cleat_host_timer, arm);
  CLEAT_CHANGE(cleat_host_timer, rearm);
  CLEAT_CHANGE(cleat_host_timer, cancel);
  return made;
}

cleat_host_handler make_handler() {
  const cleat_host_handler& real = hooks::kHostHandler;
  cleat_host_handler made = real;
  CLEAT_CHANGE(cleat_host_handler, start);
  CLEAT_CHANGE(cleat_host_handler, write);
  CLEAT_CHANGE(cleat_host_handler, finish);
  CLEAT_CHANGE(cleat_host_handler, abort);
  return made;
}

cleat_host_handover make_handover() {
  const cleat_host_handover& real = hooks::kHostHandover;
  cleat_host_handover made = real;
  CLEAT_CHANGE(cleat_host_handover, write);
  return made;
}

cleat_host_metrics make_metrics() {
  const cleat_host_metrics& real = hooks::kHostMetrics;
  cleat_host_metrics made = real;
  CLEAT_LOOK(cleat_host_metrics, define);
  CLEAT_LOOK(cleat_host_metrics, series);
  CLEAT_LOOK(cleat_host_metrics, add);
  CLEAT_LOOK(cleat_host_metrics, observe);
  return made;
}

cleat_host_events make_events() {
  const cleat_host_events& real = hooks::kHostEvents;
  cleat_host_events made = real;
  CLEAT_LOOK(cleat_host_events, subscribe);
  CLEAT_LOOK(cleat_host_events, publish);
  return made;
}

cleat_host_kv make_kv() {
  const cleat_host_kv& real = hooks::kHostKv;
  cleat_host_kv made = real;
  CLEAT_LOOK(cleat_host_kv, open);
  return made;
}

cleat_host_http_call make_http_call() {
  const cleat_host_http_call& real = hooks::kHostHttpCall;
  cleat_host_http_call made = real;
  made.start = &start_call;
  CLEAT_CHANGE(cleat_host_http_call, write);
  CLEAT_CHANGE(cleat_host_http_call, finish);
  CLEAT_CHANGE(cleat_host_http_call, pause);
  CLEAT_CHANGE(cleat_host_http_call, cancel);
  return made;
}

#undef CLEAT_LOOK
#undef CLEAT_CHANGE

const void* checked_extension(std::string_view id) {
  static const cleat_host_body body = make_body();
  static const cleat_host_attributes attributes = make_attributes();
  static const cleat_host_metadata metadata = make_metadata();
  static const cleat_host_config config = make_config();
  static const cleat_host_timer timer = make_timer();
  static const cleat_host_handler handler = make_handler();
  static const cleat_host_handover handover = make_handover();
  static const cleat_host_metrics metrics = make_metrics();
  static const cleat_host_events events = make_events();
  static const cleat_host_kv kv = make_kv();
  static const cleat_host_http_call http_call = make_http_call();
  if (id == CLEAT_EXT_BODY) return &body;
  if (id == CLEAT_EXT_ATTRIBUTES) return &attributes;
  if (id == CLEAT_EXT_METADATA) return &metadata;
  if (id == CLEAT_EXT_CONFIG) return &config;
  if (id == CLEAT_EXT_TIMER) return &timer;
  if (id == CLEAT_EXT_HANDLER) return &handler;
  if (id == CLEAT_EXT_HANDOVER) return &handover;
  if (id == CLEAT_EXT_METRICS) return &metrics;
  if (id == CLEAT_EXT_EVENTS) return &events;
  if (id == CLEAT_EXT_KV) return &kv;
  if (id == CLEAT_EXT_HTTP_CALL) return &http_call;
  return nullptr;  // the kernel's own: nothing in it has a view that dies, or a phase
}

const void* (*real_find)(cleat_str) = nullptr;

struct Pretended {
  Pretence what = Pretence::kNone;
  std::vector<std::string> required;
} pretended;

// A table of the next ABI but one: entries behind those that are known today.
struct NewerHost {
  cleat_host host;
  const void* entries[8];
};

const void* find(cleat_str id) {
  const allocations::Inside host(false);
  const bool required = std::find(pretended.required.begin(), pretended.required.end(), hooks::to_view(id)) != pretended.required.end();
  if (pretended.what == Pretence::kOlder && !required) return nullptr;
  const void* const real = real_find(id);
  if (real == nullptr) return nullptr;
  const void* const checked = checked_extension(hooks::to_view(id));
  return checked != nullptr ? checked : real;
}

}  // namespace

Frame& frame() {
  constinit thread_local Frame of_this_thread{};
  return of_this_thread;
}

const char* running() {
  if (Worker* const worker = Worker::current()) return hooks::hook_name(worker->stamp.hook).data();
  if (!hooks::on_control_thread()) return "a thread of its own";
  const hooks::Hook hook = hooks::control_stamp().hook;
  return hook == hooks::Hook::kNone ? "" : hooks::hook_name(hook).data();
}

void pretend(Pretence what, std::vector<std::string> required) { pretended = {what, std::move(required)}; }

const void* checked_host() {
  static NewerHost made = [] {
    real_find = hooks::host_table()->find;
    NewerHost all{make_host(), {}};
    for (const void*& entry : all.entries) entry = &all;
    return all;
  }();
  made.host.size = pretended.what == Pretence::kNewer ? sizeof made : sizeof made.host;
  made.host.abi = pretended.what == Pretence::kNewer ? CLEAT_ABI + 1 : CLEAT_ABI;
  return &made;
}

}  // namespace cleat::kit
