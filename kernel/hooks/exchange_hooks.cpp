#include "kernel/hooks/exchange_hooks.hpp"

#include <tuple>
#include <type_traits>
#include <utility>

#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"

namespace cleat::hooks {
namespace {

using OfHead = decltype(cleat_plugin::on_request);
static_assert(std::is_same_v<OfHead, decltype(cleat_plugin::on_route)> && std::is_same_v<OfHead, decltype(cleat_plugin::on_reply)> &&
              std::is_same_v<OfHead, decltype(cleat_plugin::on_response)>);

template <class Function, class... Arguments>
auto enter(const ChainCall& one, Arguments... arguments) {
  return reinterpret_cast<Function>(one.entry)(one.self, arguments...);
}

// The loop of `call_chain` where some are left out, or times are taken: apart, for it needs more registers. Where it stopped, and the verdict.
template <class Call>
[[gnu::noinline]] std::pair<const ChainCall*, std::uint32_t> call_looking(Exchange& x, const ChainCall* one, const ChainCall* end, std::uint64_t hidden, Call call) {
  const bool sampled = detail::is_sampled(*one->counters);
  for (; one != end; ++one) {
    if ((hidden >> one->position() & 1) != 0) continue;
    detail::begin_call(x.worker.stamp, *one->counters, one->instance, one->stamp);
    const std::uint64_t begin = sampled ? sample_begin() : 0;
    const std::uint32_t verdict = call(*one);
    if (sampled) sample_end(*one->counters, begin);
    if (verdict != CLEAT_CONTINUE || x.asked.any()) return {one, verdict};
  }
  return {end, CLEAT_CONTINUE};
}

// Calls a chain's hooks, from `cursor` on, as long as they answer CONTINUE and ask the exchange for nothing; those in `hidden` are left out.
// Where it stops, `cursor` stands at the one whose verdict is answered; at the chain's end the answer is CONTINUE. This is most of what a
// hook costs. One pass in 128, by the first one's count, takes the time of each of its calls.
template <class Call>
std::uint32_t call_chain(Exchange& x, Hook hook, std::uint64_t hidden, std::uint8_t& cursor, Call call) {
  const auto [first, end] = x.chain().ready.of(x.worker.index, hook);
  const ChainCall* one = first + cursor;
  if (one == end) return CLEAT_CONTINUE;
  x.worker.stamp.exchange = &x;
  std::uint32_t verdict = CLEAT_CONTINUE;
  try {
    if (hidden == 0 && !detail::is_sampled(*one->counters)) [[likely]] {
      do {
        detail::begin_call(x.worker.stamp, *one->counters, one->instance, one->stamp);
        verdict = call(*one);
        if (verdict != CLEAT_CONTINUE || x.asked.any()) [[unlikely]] break;
      } while (++one != end);
    } else {
      std::tie(one, verdict) = call_looking(x, one, end, hidden, call);
    }
    if (verdict != CLEAT_CONTINUE) [[unlikely]] verdict = detail::checked(x.worker, *one->instance, one->hook(), verdict);
  } catch (...) {
    while (one->position() != x.worker.stamp.hook.position() && one + 1 != end) ++one;
    verdict = report_caught(x.worker, *one->instance, one->hook());
  }
  cursor = one == end ? static_cast<std::uint8_t>(end[-1].index + 1) : one->index;
  detail::clear(x.worker.stamp);
  return verdict;
}

// The entries of the hooks of heads, as `prepare` reads them.
void (*entry_of(const cleat_plugin& table, Hook hook))() {
  switch (hook) {
    case Hook::kRequest: return reinterpret_cast<void (*)()>(table.on_request);
    case Hook::kRoute: return reinterpret_cast<void (*)()>(table.on_route);
    case Hook::kAttempt: return reinterpret_cast<void (*)()>(table.on_attempt);
    case Hook::kAttemptEnd: return reinterpret_cast<void (*)()>(table.on_attempt_end);
    case Hook::kReply: return reinterpret_cast<void (*)()>(table.on_reply);
    case Hook::kResponse: return reinterpret_cast<void (*)()>(table.on_response);
    default: return reinterpret_cast<void (*)()>(table.on_end);
  }
}

}  // namespace

void ReadyCalls::prepare(const Chain& chain, std::uint32_t workers) {
  constexpr Hook kHeads[] = {Hook::kRequest, Hook::kRoute, Hook::kAttempt, Hook::kAttemptEnd, Hook::kReply, Hook::kResponse, Hook::kEnd};
  std::size_t all = 0;
  for (const Hook hook : kHeads) all += workers * chain.of(hook).size();
  calls_.reserve(all);  // rows point into it
  rows_.resize(workers * kHooks);
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    for (const Hook hook : kHeads) {
      const std::size_t first = calls_.size();
      for (const std::uint8_t position : chain.of(hook)) {
        Instance& instance = *chain.instances[position];
        calls_.push_back({instance.self, entry_of(instance.table, hook), &instance.counters(worker, hook), &instance, StampedHook::word(hook, position),
                          static_cast<std::uint8_t>(calls_.size() - first)});
      }
      rows_[worker * kHooks + static_cast<std::size_t>(hook)] = {calls_.data() + first, calls_.data() + calls_.size()};
    }
  }
}

namespace {

// Apart, so that the others need no room on the stack for what it tells.
[[gnu::noinline]] std::uint32_t call_attempt_end(Exchange& x, std::uint64_t hidden, std::uint8_t& cursor) {
  const bool head = x.end_how == kEndResponse;
  const cleat_attempt_end end = {.size = sizeof(cleat_attempt_end),
                                 .attempt = x.attempt,
                                 .how = x.end_how,
                                 .status = head ? x.response.status : 0U,
                                 .flags = (x.can_retry() ? CLEAT_ATTEMPT_CAN_RETRY : 0U) | (x.attempt_unsent() ? CLEAT_ATTEMPT_UNSENT : 0U),
                                 .reserved = 0,
                                 .elapsed_us = x.worker.reactor.now_us() - x.upstream_start_us};
  return call_chain(x, Hook::kAttemptEnd, hidden, cursor,
                    [handle = x.handle(), &end](const ChainCall& one) { return enter<decltype(cleat_plugin::on_attempt_end)>(one, handle, &end); });
}

}  // namespace

std::uint32_t call_head_hooks(Exchange& x, Hook hook, std::uint64_t hidden, std::uint8_t& cursor) {
  if (hook == Hook::kAttemptEnd) return call_attempt_end(x, hidden, cursor);
  const cleat_exchange handle = x.handle();
  if (hook == Hook::kAttempt) {
    return call_chain(x, hook, hidden, cursor, [handle, &x](const ChainCall& one) { return enter<decltype(cleat_plugin::on_attempt)>(one, handle, x.attempt); });
  }
  return call_chain(x, hook, hidden, cursor, [handle](const ChainCall& one) { return enter<OfHead>(one, handle); });  // on_request, route, reply, response
}

std::uint32_t call_body_hook(Exchange& x, Instance& i, bool response, std::uint8_t position, bool end) {
  const auto entry = response ? i.table.on_response_body : i.table.on_request_body;
  if (entry == nullptr) return kContinue;
  return call_hook(x.worker, i, response ? Hook::kResponseBody : Hook::kRequestBody, &x, position,
                   [&] { return entry(i.self, x.handle(), end ? CLEAT_BODY_END : 0); });
}

std::uint32_t call_trailers_hook(Exchange& x, Instance& i, bool response, std::uint8_t position) {
  const auto entry = response ? i.table.on_response_trailers : i.table.on_request_trailers;
  return call_hook(x.worker, i, response ? Hook::kResponseTrailers : Hook::kRequestTrailers, &x, position, [&] { return entry(i.self, x.handle()); });
}

void call_end(Exchange& x) {
  const cleat_exchange handle = x.handle();
  const std::size_t all = x.chain().of(Hook::kEnd).size();
  for (std::uint8_t cursor = 0; cursor < all; ++cursor) {  // once, but for those after one that threw
    call_chain(x, Hook::kEnd, x.unsubscribed, cursor, [handle](const ChainCall& one) {
      enter<decltype(cleat_plugin::on_end)>(one, handle);
      return kContinue;
    });
  }
}

namespace {

// A hook of the route's handler: CONTINUE where it has no such hook.
template <class Entry, class... Arguments>
std::uint32_t call_handler(Exchange& x, Hook hook, Entry cleat_plugin_handler::*member, Arguments... arguments) {
  Instance& i = *x.route->handler;
  const Entry entry = i.handler->*member;
  if (entry == nullptr) return kContinue;
  return call_hook(x.worker, i, hook, &x, static_cast<std::uint8_t>(x.route->handler_position), [&]() -> std::uint32_t {
    if constexpr (std::is_void_v<decltype(entry(i.self, x.handle(), arguments...))>) {
      entry(i.self, x.handle(), arguments...);
      return kContinue;
    } else {
      return entry(i.self, x.handle(), arguments...);
    }
  });
}

}  // namespace

std::uint32_t call_handle(Exchange& x) { return call_handler(x, Hook::kHandle, &cleat_plugin_handler::on_handle); }
std::uint32_t call_handle_body(Exchange& x, bool end) {
  return call_handler(x, Hook::kHandleBody, &cleat_plugin_handler::on_handle_body, end ? CLEAT_BODY_END : 0U);
}
void call_writable(Exchange& x) { call_handler(x, Hook::kWritable, &cleat_plugin_handler::on_writable); }
void call_handler_end(Exchange& x) { call_handler(x, Hook::kHandleEnd, &cleat_plugin_handler::on_handle_end); }

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
