// What a plugin keeps with an exchange, and what it decides about it. Decisions are notes on the exchange: it acts on them when the
// hook has returned.
#include "kernel/hooks/host_exchange.hpp"

#include <cstring>

#include "kernel/accept/connection.hpp"
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/structs.hpp"

namespace cleat::hooks {
namespace {

constexpr std::size_t kReasonBytesMax = 256;
constexpr std::uint64_t kRetryDelayMaxMs = 60 * 60 * 1000;
constexpr std::uint64_t kAttemptTimeoutMaxMs = std::uint64_t{1} << 31;

cleat_status wrong_phase(const char* text) { return fail_call(CLEAT_WRONG_PHASE, text); }

// A hook that may answer REPLIED is running, or is to be resumed.
bool may_reply(const Exchange& x) {
  if (x.head_sent() || x.stage == Stage::kDone) return false;
  if (x.worker.stamp.exchange == &x && returns_verdict(x.worker.stamp.hook)) return true;
  return is_suspended(x, Lane::kHead) || is_suspended(x, Lane::kRequestBody) || is_suspended(x, Lane::kResponseBody);
}

}  // namespace

// --- lookups ---

cleat_status of_another_worker(std::uint64_t handle) {
  if (worker_at(handle_worker(handle)) == nullptr) return fail_call(CLEAT_STALE, "no such handle was given");
  return fail_call(CLEAT_WRONG_THREAD, "the handle belongs to another worker");
}

namespace {

template <class T>
T* find_here(Worker* worker, std::uint64_t handle, HandleKind kind, T* (Worker::*find)(std::uint64_t), const char* no_such, const char* gone, cleat_status& status) {
  if (worker == nullptr) {
    status = fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  } else if (handle_kind(handle) != kind) {
    status = fail_call(CLEAT_INVALID, no_such);
  } else if (handle_worker(handle) != worker->index) {
    status = of_another_worker(handle);
  } else if (T* const found = (worker->*find)(handle)) {
    return found;
  } else {
    status = fail_call(CLEAT_STALE, gone);
  }
  return nullptr;
}

}  // namespace

Exchange* exchange_elsewhere(Worker* worker, cleat_exchange handle, cleat_status& status) {
  return find_here(worker, handle, HandleKind::kExchange, &Worker::find_exchange, "the handle is not an exchange's", "the exchange is over", status);
}

Connection* connection_of(cleat_conn handle, cleat_status& status) {
  return find_here(Worker::current(), handle, HandleKind::kConnection, &Worker::find_connection, "the handle is not a connection's",
                   "the connection is closed", status);
}

std::uint32_t position_in_chain(const Exchange& x) {
  const Instance* const caller = x.worker.stamp.instance;
  if (caller == nullptr) return kNoPosition;
  const auto& instances = x.chain().instances;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    if (instances[i] == caller) return static_cast<std::uint32_t>(i);
  }
  if (x.route != nullptr && x.route->handler == caller) return static_cast<std::uint32_t>(instances.size());
  return kNoPosition;
}

// --- what a plugin keeps ---

cleat_status exchange_state(Exchange& x, std::uint64_t size, void** state) {
  if (state == nullptr) return fail_call(CLEAT_INVALID, "exchange_state: the output is NULL");
  if (size > Exchange::kStateBytesMax) return fail_call(CLEAT_LIMIT, "exchange_state: at most 4096 bytes");
  const std::size_t places = x.chain().instances.size() + 1;
  const std::uint32_t position = position_of_caller(x);
  if (position >= places) return fail_call(CLEAT_INVALID, "exchange_state: this instance is not in the exchange's chain");
  if (x.slots == nullptr || x.slots[position].state == nullptr) {
    if (size == 0) return fail_call(CLEAT_NOT_FOUND, "exchange_state: there is none yet");
    return guarded([&]() -> cleat_status {
      if (x.slots == nullptr) {
        void* const slots = x.arena.allocate(places * sizeof(Exchange::Slot), alignof(Exchange::Slot));
        if (slots == nullptr) return arena_is_full();
        x.slots = static_cast<Exchange::Slot*>(std::memset(slots, 0, places * sizeof(Exchange::Slot)));
      }
      void* const memory = x.arena.allocate(size, 16);
      if (memory == nullptr) return arena_is_full();
      std::memset(memory, 0, size);
      x.slots[position] = {memory, static_cast<std::uint32_t>(size)};
      *state = memory;
      return CLEAT_OK;
    });
  }
  const Exchange::Slot& slot = x.slots[position];
  if (size > slot.state_bytes) return fail_call(CLEAT_INVALID, "exchange_state: more than at the first call");
  *state = slot.state;
  return CLEAT_OK;
}

cleat_status route_config(const Exchange& x, void** route) {
  if (route == nullptr) return fail_call(CLEAT_INVALID, "route_config: the output is NULL");
  if (x.route == nullptr) return wrong_phase("route_config: no route was chosen");
  const std::uint32_t position = position_of_caller(x);
  const auto& configs = x.route->plugin_configs;
  if (position >= configs.size() || configs[position] == nullptr) return fail_call(CLEAT_NOT_FOUND, "the route has no configuration of it");
  *route = configs[position];
  return CLEAT_OK;
}

// --- what a plugin decides ---

cleat_status reply(Exchange& x, const cleat_reply* given) {
  if (!may_reply(x)) return wrong_phase("reply: only before a response head is sent, in a hook that returns a verdict or was suspended");
  cleat_reply made{};
  if (const char* wrong = read_struct(given, kReplyLeast, made)) return fail_call(CLEAT_INVALID, wrong);
  if (made.status < 200 || made.status > 599) return fail_call(CLEAT_INVALID, "reply: a status is 200 to 599");
  if (bad(made.body) || bad(made.reason)) return fail_call(CLEAT_INVALID, "reply: a pointer is NULL");
  if (made.body.size > x.listener->config->limits.body_buffer) return fail_call(CLEAT_LIMIT, "reply: the body exceeds body_buffer");
  if (made.reason.size > kReasonBytesMax) return fail_call(CLEAT_LIMIT, "reply: the reason has more than 256 bytes");
  if (!http::valid_value(to_view(made.reason))) return fail_call(CLEAT_INVALID, "reply: the reason is a word for a log line");
  if (x.request.is_connect() && made.status / 100 == 2) return fail_call(CLEAT_INVALID, "reply: no CONNECT succeeds without an upstream");
  return guarded([&]() -> cleat_status {
    http::Fields fields;
    if (const cleat_status wrong = copy_fields(x.arena, made.headers, made.header_count, FieldUse::kReply, fields)) return wrong;
    const std::string_view body = made.body.size == 0 ? std::string_view{} : x.arena.copy(to_view(made.body));
    const std::string_view reason = x.arena.copy(to_view(made.reason));
    if (body.size() != made.body.size || reason.data() == nullptr) return arena_is_full();
    return x.stage_reply(static_cast<std::uint16_t>(made.status), fields, body, reason) ? CLEAT_OK : wrong_phase("reply: too late");
  });
}

cleat_status reset(Exchange& x) {
  if (x.stage == Stage::kDone) return wrong_phase("reset: the exchange is over");
  x.asked.reset = true;
  x.wake();
  return CLEAT_OK;
}

cleat_status reroute(Exchange& x) {
  if (!in_stage(x, Hook::kRoute, Stage::kRoute)) return wrong_phase("reroute: in on_route");
  x.reroute_asked = true;
  return CLEAT_OK;
}

cleat_status cluster_set(Exchange& x, cleat_str name) {
  if (bad(name)) return fail_call(CLEAT_INVALID, "cluster_set: the name is NULL");
  if (!in_stage(x, Hook::kRoute, Stage::kRoute)) return wrong_phase("cluster_set: in on_route");
  Cluster* const cluster = x.home->generation->cluster(to_view(name));
  if (cluster == nullptr) return fail_call(CLEAT_NOT_FOUND, "cluster_set: no such cluster");
  x.cluster = cluster;
  return CLEAT_OK;
}

cleat_status attempt_timeout(Exchange& x, std::uint64_t timeout_ms) {
  if (!in_stage(x, Hook::kAttempt, Stage::kAttempt)) return wrong_phase("attempt_timeout: in on_attempt");
  if (timeout_ms > kAttemptTimeoutMaxMs) return fail_call(CLEAT_INVALID, "attempt_timeout: at most 2^31 ms");
  x.attempt_timeout_ms = timeout_ms;
  return CLEAT_OK;
}

cleat_status exchange_timeout(Exchange& x, std::uint64_t timeout_ms) {
  if (!in_stage(x, Hook::kRequest, Stage::kRequest) && !in_stage(x, Hook::kRoute, Stage::kRoute)) {
    return wrong_phase("exchange_timeout: in on_request and on_route");
  }
  if (timeout_ms == 0 || timeout_ms > kAttemptTimeoutMaxMs) return fail_call(CLEAT_INVALID, "exchange_timeout: from 1 to 2^31 ms");
  x.shorten(timeout_ms);
  return CLEAT_OK;
}

cleat_status retry(Exchange& x, const cleat_retry* given) {
  if (!in_stage(x, Hook::kAttemptEnd, Stage::kAttemptEnd)) return wrong_phase("retry: in on_attempt_end");
  cleat_retry made{};
  if (const char* wrong = read_struct(given, kRetryLeast, made)) return fail_call(CLEAT_INVALID, wrong);
  if ((made.flags & ~CLEAT_RETRY_OTHER_ENDPOINT) != 0) return fail_call(CLEAT_INVALID, "retry: it sets flags that this host does not know");
  if (made.delay_ms > kRetryDelayMaxMs) return fail_call(CLEAT_INVALID, "retry: a delay is at most an hour");
  if (!x.can_retry()) return fail_call(CLEAT_LIMIT, "retry: the request cannot be sent again");
  x.retry_asked = true;
  x.retry_delay_ms = made.delay_ms;
  x.retry_other = (made.flags & CLEAT_RETRY_OTHER_ENDPOINT) != 0;
  return CLEAT_OK;
}

}  // namespace cleat::hooks
