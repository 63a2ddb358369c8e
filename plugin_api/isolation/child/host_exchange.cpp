// What a plugin keeps with an exchange, decides about it, and waits for.
#include <cstring>

#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/structs.hpp"
#include "kernel/hooks/tickets.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::guarded;
using hooks::to_view;

constexpr std::size_t kReasonBytesMax = 256;
constexpr std::uint64_t kRetryDelayMaxMs = 60 * 60 * 1000;
constexpr std::uint64_t kTimeoutMaxMs = std::uint64_t{1} << 31;

bool may_reply(const Found& at) {
  const Subject& x = *at.x;
  if (x.head_sent()) return false;
  const HookNumber running = at.worker->running_hook(x);
  if (running != HookNumber::kCount && has_verdict(running)) return true;
  return x.is_suspended(HookLane::kHead) || x.is_suspended(HookLane::kRequestBody) || x.is_suspended(HookLane::kResponseBody);
}

// An operation of numbers and no more.
template <class... Numbers>
cleat_status tell_numbers(const Found& at, Operation what, Numbers... numbers) {
  return guarded([&] { return tell(at, what, [&](Writer& writer) { (writer.number(numbers), ...); }); });
}

cleat_status stale_ticket() { return fail_call(CLEAT_STALE, "resume: the ticket was used, has timed out, or its exchange is over"); }

}  // namespace

cleat_status exchange_state(cleat_exchange handle, std::uint64_t size, void** state) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (state == nullptr) return invalid("exchange_state: the output is NULL");
  if (size > Subject::kStateBytesMax) return fail_call(CLEAT_LIMIT, "exchange_state: at most 4096 bytes");
  Subject& x = *at.x;
  if (x.state == nullptr) {
    if (size == 0) return fail_call(CLEAT_NOT_FOUND, "exchange_state: there is none yet");
    x.state.reset(std::aligned_alloc(16, (size + 15) / 16 * 16));
    if (x.state == nullptr) return fail_call(CLEAT_LIMIT, "the host is out of memory");
    std::memset(x.state.get(), 0, size);
    x.state_bytes = size;
  }
  if (size > x.state_bytes) return invalid("exchange_state: more than at the first call");
  *state = x.state.get();
  return CLEAT_OK;
}

cleat_status route_config(cleat_exchange handle, void** route) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (route == nullptr) return invalid("route_config: the output is NULL");
  const std::uint32_t number = at.x->now.head.route;
  void* const made = number == 0 ? nullptr : Process::current()->route(number);
  if (made == nullptr) {
    if (number == 0 && at.x->now.text(CLEAT_ATTR_ROUTE) == nullptr) return wrong_phase("route_config: no route was chosen");
    return fail_call(CLEAT_NOT_FOUND, "the route has no configuration of it");
  }
  *route = made;
  return CLEAT_OK;
}

cleat_status reply(cleat_exchange handle, const cleat_reply* given) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (!may_reply(at)) return wrong_phase("reply: only before a response head is sent, in a hook that returns a verdict or was suspended");
  cleat_reply made{};
  if (const char* wrong = hooks::read_struct(given, hooks::kReplyLeast, made)) return invalid(wrong);
  if (made.status < 200 || made.status > 599) return invalid("reply: a status is 200 to 599");
  if (bad(made.body) || bad(made.reason)) return invalid("reply: a pointer is NULL");
  const std::uint64_t body_max = at.x->now.head.body_max;
  if (body_max != 0 && made.body.size > body_max) return fail_call(CLEAT_LIMIT, "reply: the body exceeds body_buffer");
  if (made.reason.size > kReasonBytesMax) return fail_call(CLEAT_LIMIT, "reply: the reason has more than 256 bytes");
  if (!http::valid_value(to_view(made.reason))) return invalid("reply: the reason is a word for a log line");
  if (at.x->now.request.is_connect() && made.status / 100 == 2) return invalid("reply: no CONNECT succeeds without an upstream");
  if (at.worker->full(*at.x)) return hooks::arena_is_full();
  return guarded([&]() -> cleat_status {
    http::Fields fields;
    if (const cleat_status wrong = hooks::copy_fields(at.x->arena, made.headers, made.header_count, hooks::FieldUse::kReply, fields)) return wrong;
    at.x->replied = true;
    return tell(at, Operation::kReply, [&](Writer& writer) {
      writer.number(made.status);
      writer.number(fields.size());
      for (const http::Field& field : fields) {
        writer.text(field.name);
        writer.text(field.value);
      }
      writer.text(made.body);
      writer.text(made.reason);
    });
  });
}

// While a hook is suspended nobody may ever resume it: the reset goes at once.
cleat_status reset(cleat_exchange handle) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  const HookNumber running = at.worker->running_hook(*at.x);
  if (is_of_exchange_end(running)) return wrong_phase("reset: the exchange is over");
  if (running != HookNumber::kCount) return tell_numbers(at, Operation::kReset);
  return guarded([&] {
    Operations& outside = at.x->outside;
    ++outside.count;
    outside.writer.number(Operation::kReset);
    at.worker->send_outside(*at.x);
    return CLEAT_OK;
  });
}

cleat_status reroute(cleat_exchange handle) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (hook_at_hand(*at.worker, *at.x) != HookNumber::kRoute) return wrong_phase("reroute: in on_route");
  return tell_numbers(at, Operation::kReroute);
}

cleat_status cluster_set(cleat_exchange handle, cleat_str name) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (bad(name)) return invalid("cluster_set: the name is NULL");
  if (hook_at_hand(*at.worker, *at.x) != HookNumber::kRoute) return wrong_phase("cluster_set: in on_route");
  return guarded([&] { return tell(at, Operation::kClusterSet, [&](Writer& writer) { writer.text(name); }); });
}

cleat_status attempt_timeout(cleat_exchange handle, std::uint64_t timeout_ms) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (hook_at_hand(*at.worker, *at.x) != HookNumber::kAttempt) return wrong_phase("attempt_timeout: in on_attempt");
  if (timeout_ms > kTimeoutMaxMs) return invalid("attempt_timeout: at most 2^31 ms");
  return tell_numbers(at, Operation::kAttemptTimeout, timeout_ms);
}

cleat_status exchange_timeout(cleat_exchange handle, std::uint64_t timeout_ms) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  const HookNumber hook = hook_at_hand(*at.worker, *at.x);
  if (hook != HookNumber::kRequest && hook != HookNumber::kRoute) return wrong_phase("exchange_timeout: in on_request and on_route");
  if (timeout_ms == 0 || timeout_ms > kTimeoutMaxMs) return invalid("exchange_timeout: from 1 to 2^31 ms");
  return tell_numbers(at, Operation::kExchangeTimeout, timeout_ms);
}

cleat_status retry(cleat_exchange handle, const cleat_retry* given) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (hook_at_hand(*at.worker, *at.x) != HookNumber::kAttemptEnd) return wrong_phase("retry: in on_attempt_end");
  cleat_retry made{};
  if (const char* wrong = hooks::read_struct(given, hooks::kRetryLeast, made)) return invalid(wrong);
  if ((made.flags & ~CLEAT_RETRY_OTHER_ENDPOINT) != 0) return invalid("retry: it sets flags that this host does not know");
  if (made.delay_ms > kRetryDelayMaxMs) return invalid("retry: a delay is at most an hour");
  if ((at.x->now.attempt_end.flags & CLEAT_ATTEMPT_CAN_RETRY) == 0) return fail_call(CLEAT_LIMIT, "retry: the request cannot be sent again");
  return tell_numbers(at, Operation::kRetry, made.flags, made.delay_ms);
}

// --- suspending: tickets are the kernel's own kind, in this process's table ---

cleat_status suspend(std::uint64_t subject, cleat_ticket* ticket) {
  if (ticket == nullptr) return invalid("suspend: the output is NULL");
  const bool connection = handle_kind(subject) == HandleKind::kConnection;
  const Found at = find_subject(subject, connection ? HandleKind::kConnection : HandleKind::kExchange);
  if (at.x == nullptr) return at.status;
  Call* const call = at.worker->running_call(*at.x);
  if (call == nullptr || !has_verdict(call->hook)) {
    return wrong_phase(connection ? "suspend: in on_connection, on_client_hello or on_tls of that connection"
                                  : "suspend: in a hook of the exchange that returns a verdict");
  }
  const auto lane = static_cast<std::uint32_t>(lane_of(call->hook));
  const std::uint32_t slot = handle_slot(subject);
  const std::uint32_t number = at.worker->next_ticket();
  if (!hooks::tickets::issue(at.worker->index, slot, lane, number, handle_generation(subject))) {
    return fail_call(CLEAT_LIMIT, "suspend: the host is out of memory");
  }
  call->ticket = number;
  *ticket = make_handle(at.worker->index, static_cast<HandleKind>(lane), slot, number);
  return CLEAT_OK;
}

cleat_status resume(cleat_ticket ticket, cleat_verdict verdict) {
  if (verdict > CLEAT_UNSUBSCRIBE || verdict == CLEAT_SUSPEND) return invalid("resume: not a verdict to resume with");
  const std::uint32_t index = handle_worker(ticket);
  const std::uint32_t slot = handle_slot(ticket);
  const auto lane = static_cast<std::uint32_t>(handle_kind(ticket));
  const std::uint32_t number = handle_generation(ticket);
  std::uint32_t generation = 0;
  if (!hooks::tickets::claim(index, slot, lane, number, generation)) return stale_ticket();
  const HandleKind kind = static_cast<HookLane>(lane) == HookLane::kConnection ? HandleKind::kConnection : HandleKind::kExchange;
  const std::uint64_t handle = make_handle(index, kind, slot, generation);
  return guarded([&]() -> cleat_status {
    ChildWorker* const worker = Process::current()->worker(index);
    const bool posted = worker != nullptr && worker->post([worker, handle, lane, number, verdict](bool) {
      worker->resume(handle, static_cast<HookLane>(lane), number, verdict);
    });
    if (posted) return CLEAT_OK;
    hooks::tickets::restore(index, slot, lane, number, generation);
    return fail_call(CLEAT_LIMIT, "resume: the worker's queue is full");
  });
}

}  // namespace cleat::isolation::host
