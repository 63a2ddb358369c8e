#include "kernel/hooks/exchange_hooks.hpp"

#include <span>

#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"

namespace cleat::hooks {
namespace {

// Calls a chain's hooks, from `cursor` on, as long as they answer CONTINUE and ask the exchange for nothing; those in `hidden` are left out.
// Where it stops, `cursor` stands at the one whose verdict is answered; at the chain's end the answer is CONTINUE. The loop is most of what a
// hook costs: what is the same for all of a pass is outside it.
template <class Call>
std::uint32_t call_chain(Exchange& x, Hook hook, std::uint64_t hidden, std::uint8_t& cursor, Call&& call) {
  Worker& worker = x.worker;
  CallStamp& stamp = worker.stamp;
  const std::span positions = x.chain().of(hook);
  Instance* const* const instances = x.chain().instances.data();
  const std::uint32_t index = worker.index;
  std::size_t at = cursor;
  std::uint32_t verdict = CLEAT_CONTINUE;
  Instance* called = nullptr;
  stamp.exchange = &x;
  try {
    for (; at < positions.size(); ++at) {
      const std::uint8_t position = positions[at];
      if ((hidden >> position & 1) != 0) [[unlikely]] continue;
      Instance& instance = *instances[position];
      HookCounters& counters = instance.counters(index, hook);
      const bool sampled = detail::count_call(counters);
      called = &instance;
      stamp.instance = &instance;
      stamp.position = position;
      stamp.hook = hook;
      const std::uint64_t begin = sampled ? sample_begin() : 0;
      verdict = call(instance);
      if (sampled) [[unlikely]] sample_end(counters, begin);
      if (verdict != CLEAT_CONTINUE || x.asked()) [[unlikely]] break;
    }
    if (verdict != CLEAT_CONTINUE) [[unlikely]] verdict = detail::checked(worker, *called, hook, verdict);
  } catch (...) {
    verdict = report_caught(worker, *called, hook);
  }
  cursor = static_cast<std::uint8_t>(at);
  detail::clear(stamp);
  return verdict;
}

}  // namespace

std::uint32_t call_head_hooks(Exchange& x, Hook hook, std::uint64_t hidden, std::uint8_t& cursor) {
  const cleat_exchange handle = x.handle();
  const auto call = [&](auto&& body) { return call_chain(x, hook, hidden, cursor, body); };
  switch (hook) {
    case Hook::kRequest: return call([&](Instance& i) { return i.table.on_request(i.self, handle); });
    case Hook::kRoute: return call([&](Instance& i) { return i.table.on_route(i.self, handle); });
    case Hook::kAttempt: return call([&](Instance& i) { return i.table.on_attempt(i.self, handle, x.attempt); });
    case Hook::kAttemptEnd: {
      const bool head = x.end_how == kEndResponse;
      const cleat_attempt_end end = {.size = sizeof(cleat_attempt_end),
                                     .attempt = x.attempt,
                                     .how = x.end_how,
                                     .status = head ? x.response.status : 0U,
                                     .flags = (x.can_retry() ? CLEAT_ATTEMPT_CAN_RETRY : 0U) | (x.attempt_unsent() ? CLEAT_ATTEMPT_UNSENT : 0U),
                                     .reserved = 0,
                                     .elapsed_us = x.worker.reactor.now_us() - x.upstream_start_us};
      return call([&](Instance& i) { return i.table.on_attempt_end(i.self, handle, &end); });
    }
    case Hook::kReply: return call([&](Instance& i) { return i.table.on_reply(i.self, handle); });
    case Hook::kResponse: return call([&](Instance& i) { return i.table.on_response(i.self, handle); });
    default: return kContinue;
  }
}

std::uint32_t call_body_hook(Exchange& x, Instance& i, bool response, std::uint8_t position, bool end) {
  const std::uint32_t flags = end ? CLEAT_BODY_END : 0;
  if (response) {
    if (i.table.on_response_body == nullptr) return kContinue;
    return call_hook(x.worker, i, Hook::kResponseBody, &x, position, [&] { return i.table.on_response_body(i.self, x.handle(), flags); });
  }
  if (i.table.on_request_body == nullptr) return kContinue;
  return call_hook(x.worker, i, Hook::kRequestBody, &x, position, [&] { return i.table.on_request_body(i.self, x.handle(), flags); });
}

std::uint32_t call_trailers_hook(Exchange& x, Instance& i, bool response, std::uint8_t position) {
  if (response) {
    return call_hook(x.worker, i, Hook::kResponseTrailers, &x, position, [&] { return i.table.on_response_trailers(i.self, x.handle()); });
  }
  return call_hook(x.worker, i, Hook::kRequestTrailers, &x, position, [&] { return i.table.on_request_trailers(i.self, x.handle()); });
}

void call_end(Exchange& x) {
  const cleat_exchange handle = x.handle();
  const std::size_t all = x.chain().of(Hook::kEnd).size();
  for (std::uint8_t cursor = 0; cursor < all; ++cursor) {  // once, but for those after one that threw
    call_chain(x, Hook::kEnd, x.unsubscribed, cursor, [&](Instance& i) {
      i.table.on_end(i.self, handle);
      return kContinue;
    });
  }
}

std::uint32_t call_handle(Exchange& x) {
  Instance& i = *x.route->handler;
  return call_hook(x.worker, i, Hook::kHandle, &x, static_cast<std::uint8_t>(x.route->handler_position),
                   [&] { return i.handler->on_handle(i.self, x.handle()); });
}

std::uint32_t call_handle_body(Exchange& x, bool end) {
  Instance& i = *x.route->handler;
  if (i.handler->on_handle_body == nullptr) return kContinue;
  return call_hook(x.worker, i, Hook::kHandleBody, &x, static_cast<std::uint8_t>(x.route->handler_position),
                   [&] { return i.handler->on_handle_body(i.self, x.handle(), end ? CLEAT_BODY_END : 0); });
}

void call_writable(Exchange& x) {
  Instance& i = *x.route->handler;
  if (i.handler->on_writable == nullptr) return;
  call_callback(x.worker, i, Hook::kWritable, &x, static_cast<std::uint8_t>(x.route->handler_position),
                [&] { i.handler->on_writable(i.self, x.handle()); });
}

void call_handler_end(Exchange& x) {
  Instance& i = *x.route->handler;
  if (i.handler->on_handle_end == nullptr) return;
  call_callback(x.worker, i, Hook::kHandleEnd, &x, static_cast<std::uint8_t>(x.route->handler_position),
                [&] { i.handler->on_handle_end(i.self, x.handle()); });
}

std::uint32_t call_pick(Exchange& x) {
  const EndpointSet& set = *x.endpoints->set;
  Instance& i = *set.balancer;
  std::uint64_t index = UINT64_MAX;
  bool picked = false;
  call_hook(x.worker, i, Hook::kPick, &x, 255, [&]() -> std::uint32_t {
    picked = i.balancer->pick(i.self, set.balancer_state, x.handle(), &index) == CLEAT_OK && index < set.members.size();
    return picked ? kContinue : kFail;
  });
  return picked ? static_cast<std::uint32_t>(index) : UINT32_MAX;
}

Hook hook_of_stage(Stage stage) {
  switch (stage) {
    case Stage::kRequest: return Hook::kRequest;
    case Stage::kRoute: return Hook::kRoute;
    case Stage::kAttempt: return Hook::kAttempt;
    case Stage::kAttemptEnd: return Hook::kAttemptEnd;
    case Stage::kReply: return Hook::kReply;
    case Stage::kResponse: return Hook::kResponse;
    default: return Hook::kNone;
  }
}

void count_exchange_failure(Exchange& x, Instance& instance, Hook hook, const char* what) {
  count_failure(x.worker, instance, hook, what);
}

void cancel_timers(Exchange& x) {
  if (x.timers != 0) x.worker.plugin_timers->cancel_all(x);
  if (x.calls != 0) x.worker.plugin_calls->cancel_all(x);
}

}  // namespace cleat::hooks
