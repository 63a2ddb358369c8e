#include "kernel/hooks/exchange_hooks.hpp"

#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"

namespace cleat::hooks {

std::uint32_t call_exchange_hook(Exchange& x, Instance& i, Hook hook, std::uint8_t position) {
  const auto call = [&](auto&& body) { return call_hook(x.worker, i, hook, &x, position, body); };
  const cleat_exchange handle = x.handle();
  switch (hook) {
    case Hook::kRequest: return call([&] { return i.table.on_request(i.self, handle); });
    case Hook::kRoute: return call([&] { return i.table.on_route(i.self, handle); });
    case Hook::kAttempt: return call([&] { return i.table.on_attempt(i.self, handle, x.attempt); });
    case Hook::kAttemptEnd: {
      const bool head = x.end_how == kEndResponse;
      const cleat_attempt_end end = {.size = sizeof(cleat_attempt_end),
                                     .attempt = x.attempt,
                                     .how = x.end_how,
                                     .status = head ? x.response.status : 0U,
                                     .flags = (x.can_retry() ? CLEAT_ATTEMPT_CAN_RETRY : 0U) | (x.attempt_unsent() ? CLEAT_ATTEMPT_UNSENT : 0U),
                                     .reserved = 0,
                                     .elapsed_us = x.worker.reactor.now_us() - x.upstream_start_us};
      return call([&] { return i.table.on_attempt_end(i.self, handle, &end); });
    }
    case Hook::kReply: return call([&] { return i.table.on_reply(i.self, handle); });
    case Hook::kResponse: return call([&] { return i.table.on_response(i.self, handle); });
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
  for (const std::uint8_t position : x.chain().of(Hook::kEnd)) {
    if ((x.unsubscribed >> position & 1) != 0) continue;
    Instance& i = *x.chain().instances[position];
    call_callback(x.worker, i, Hook::kEnd, &x, position, [&] { i.table.on_end(i.self, x.handle()); });
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
