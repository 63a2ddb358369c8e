#include "kernel/exchange.hpp"

#include "kernel/accept/connection.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/hooks/tickets.hpp"
#include "kernel/respond/forward.hpp"
#include "kernel/watch/memory.hpp"

namespace cleat {

using hooks::Hook;

Exchange::Exchange(Worker& worker_, std::uint32_t slot_)
    : Requester(worker_.blocks), worker(worker_), slot(slot_), request_pipe(*this, false), response_pipe(*this, true),
      handle_(make_handle(worker_.index, HandleKind::kExchange, slot_, 1)),
      deadline_(worker_.reactor.wheel(), [](void* self) { static_cast<Exchange*>(self)->on_deadline(); }, this) {}

Exchange::~Exchange() = default;

// --- a life begins ---

// Whom the exchange cannot go without and is out of service, or nullptr.
const hooks::Instance* Exchange::start_life(Downstream& server_, const Listener& listener_) {
  server = &server_;
  listener = &listener_;
  home = &server_.connection().home();
  ++home->users;
  request_deadline_ms_ = end_of(listener->config->timeouts.request, worker.reactor.now_ms());
  touch();
  metrics::add(listener->metrics.requests, 1);
  metrics::add(listener->metrics.exchanges, 1);
  const std::uint64_t missed = server_.connection().missed_hooks();
  return hooks::any_quarantined() || missed != 0 ? hooks::leave_out_quarantined(*this, missed) : nullptr;
}

void Exchange::begin(Downstream& server_, const Listener& listener_, std::size_t head_bytes) {
  const hooks::Instance* const missing = start_life(server_, listener_);
  request_known = true;
  if (server->connection().tls() != nullptr) request.scheme = "https";
  request_head_bytes = head_bytes;
  original_target = request.target;
  original_authority = request.authority;
  if (request.body == http::Body::kNone || (request.body == http::Body::kLength && request.content_length == 0)) {
    request_end_us = worker.reactor.now_us();
  }
  const http::ParseError error = respond::prepare_request(*this);
  if (error) {
    close_after_ = true;
    reply_locally(error.status, "bad_request", error.reason);
  } else if (watch::short_of_memory() && !listener->config->limits.ignore_memory_max) {
    close_after_ = true;
    count_bite("memory_max");
    reply_locally(503, "overload", "the process is over its memory budget");
  } else if (missing != nullptr) {
    reply_locally(503, "plugin_quarantined", arena.copy(missing->name));
  } else {
    stage = Stage::kRequest;
  }
  advance();
}

void Exchange::begin_refused(Downstream& server_, const Listener& listener_, http::ParseError error) {
  start_life(server_, listener_);
  if (error.status == 413 || error.status == 414 || error.status == 431) count_bite(error.status == 413 ? "body_bytes" : "head_bytes");
  original_target = request.target;
  original_authority = request.authority;
  close_after_ = true;
  reply_locally(error.status, "bad_request", error.reason);
  advance();
}

// --- the spine ---

void Exchange::advance() {
  if (advancing_) {
    again_ = true;
    return;
  }
  advancing_ = true;
  do {
    again_ = false;
    while (step() != Flow::kWait) {
    }
  } while (again_);
  advancing_ = false;
  if (stage != Stage::kIdle) arm_deadline();
}

Flow Exchange::step() {
  if (stage == Stage::kIdle || stage == Stage::kDone) return Flow::kWait;
  if (asked.reset) {
    asked.reset = false;
    reply_flag = "reset";
    server->cut(true);
    return Flow::kWait;
  }
  if (suspended[0] != 0) return Flow::kWait;
  Flow flow = Flow::kWait;
  switch (stage) {
    case Stage::kRequest:
      if ((flow = pass(Hook::kRequest)) != Flow::kNext) return flow;
      return choose_route();
    case Stage::kRoute:
      if ((flow = pass(Hook::kRoute)) != Flow::kNext) return flow;
      return after_route();
    case Stage::kGather:
      server->pull();
      if (stage != Stage::kGather || !request_pipe.done()) return stage == Stage::kGather ? Flow::kWait : Flow::kJump;
      gathered_ = true;
      enter(route->handler != nullptr ? Stage::kHandle : Stage::kAttempt);
      return Flow::kJump;
    case Stage::kHandle: return start_handler();
    case Stage::kAttempt:
      if (cursor_ == 0) ++attempt;
      if ((flow = pass(Hook::kAttempt)) != Flow::kNext) return flow;
      return start_attempt();
    case Stage::kConnect: return Flow::kWait;
    case Stage::kAwait:
      if (handler_active && handler_aborted) {
        fail_exchange();
        return Flow::kWait;
      }
      if (handler_active && handler_started) {
        upstream_head_us = worker.reactor.now_us();
        enter(Stage::kResponse);
        return Flow::kJump;
      }
      server->pull();
      return again_ || stage == Stage::kAwait ? Flow::kWait : Flow::kJump;
    case Stage::kAttemptEnd:
      if ((flow = pass(Hook::kAttemptEnd)) != Flow::kNext) return flow;
      return end_attempt();
    case Stage::kPause: return Flow::kWait;
    case Stage::kReply:
      if ((flow = pass(Hook::kReply)) != Flow::kNext) return flow;
      enter(Stage::kResponse);
      return Flow::kJump;
    case Stage::kResponse:
      if ((flow = pass(Hook::kResponse)) != Flow::kNext) return flow;
      return start_response();
    case Stage::kStream:
      if (handler_active && !response_done_) {
        server->pull();  // a handler may answer before it has read
        if (stage == Stage::kStream) pump_handler();
      }
      if (stage == Stage::kStream && response_done_ && server->all_sent()) finish();
      return Flow::kWait;
    case Stage::kTunnel:
      if (response_done_ && server->all_sent()) finish();
      return Flow::kWait;
    default: return Flow::kWait;
  }
}

// --- the chain ---

Flow Exchange::pass(Hook hook) {
  const auto& positions = chain().of(hook);
  lane_of_call = Lane::kHead;
  while (cursor_ < positions.size()) {
    const std::uint32_t verdict = hooks::call_head_hooks(*this, hook, hidden(hook), cursor_);
    if (cursor_ >= positions.size()) break;
    const std::uint8_t position = positions[cursor_];
    const Flow flow = judge(*chain().instances[position], position, verdict, Lane::kHead, hook);
    if (flow != Flow::kNext) return flow;
    ++cursor_;
  }
  return Flow::kNext;
}

std::uint64_t Exchange::hidden(Hook hook) const {
  switch (hook) {
    case Hook::kReply:
    case Hook::kResponse:
    case Hook::kResponseBody:
    case Hook::kResponseTrailers: return unsubscribed | response_hidden;
    default: return unsubscribed;
  }
}

// What one hook's answer means. kNext: go on with the next plugin.
Flow Exchange::judge(hooks::Instance& instance, std::uint8_t position, std::uint32_t verdict, Lane lane, Hook hook) {
  if (verdict == hooks::kContinue && !asked.any()) return Flow::kNext;
  if (suspends(verdict, lane)) return Flow::kWait;
  if (verdict == hooks::kSuspend) {
    hooks::count_exchange_failure(*this, instance, hook, "answered SUSPEND without a ticket");
    verdict = hooks::kFail;
  }
  if (asked.reset) return Flow::kJump;
  if (verdict == hooks::kReplied) {
    if (asked.reply) return take_staged_reply(instance, position);
    hooks::count_exchange_failure(*this, instance, hook, "answered REPLIED without a reply");
    verdict = hooks::kFail;
  } else if (asked.reply) {
    asked.reply = false;
    if (verdict == hooks::kContinue) {
      hooks::count_exchange_failure(*this, instance, hook, "made a reply and did not answer REPLIED");
      verdict = hooks::kFail;
    }
  }
  if (verdict == hooks::kUnsubscribe) unsubscribed |= std::uint64_t{1} << position;
  if (verdict != hooks::kFail || instance.fail_open) return Flow::kNext;
  if (head_sent_) {
    reply_flag = "plugin_failed";
    fail_exchange();
    return Flow::kJump;
  }
  hide_inside(position);
  reply_locally(500, "plugin_failed", arena.copy(instance.name));
  return Flow::kJump;
}

// Plugins from this position inwards do not see the response.
void Exchange::hide_inside(std::uint8_t position) {
  if (position < 64) response_hidden |= ~((std::uint64_t{1} << position) - 1);
}

Flow Exchange::take_staged_reply(hooks::Instance& instance, std::uint8_t position) {
  asked.reply = false;
  if (position < chain().instances.size()) hide_inside(position);
  release_upstream(false);
  response_pipe.restart();
  response = staged_response_;
  local_body_ = staged_body_;
  local_ = true;
  reply_by = &instance;
  reply_flag = "plugin_reply";
  reply_reason = staged_reason_;
  enter_reply(Stage::kReply);
  return Flow::kJump;
}

bool Exchange::stage_reply(std::uint16_t status, http::Fields fields, std::string_view body, std::string_view reason) {
  if (head_sent_ || stage == Stage::kDone || stage == Stage::kIdle) return false;
  staged_response_ = {};
  staged_response_.status = status;
  staged_response_.fields = fields;
  staged_body_ = body;
  staged_reason_ = reason;
  asked.reply = true;
  return true;
}

void Exchange::reply_locally(std::uint16_t status, std::string_view flag, std::string_view reason) {
  if (head_sent_) {
    if (reply_flag.empty()) reply_flag = flag;
    fail_exchange();
    return;
  }
  release_upstream(false);
  response_pipe.restart();
  response = {};
  response_trailers.clear();
  response.status = status;
  local_body_ = respond::error_body(arena, status, reason);
  if (!local_body_.empty()) response.fields.add(arena, {"Content-Type", "text/plain; charset=utf-8", http::Name::kOther, false});
  local_ = true;
  reply_by = nullptr;
  reply_flag = flag;
  reply_reason = reason;
  enter_reply(Stage::kReply);
}

void Exchange::resume(Lane lane, std::uint64_t number, std::uint32_t verdict) {
  const auto lane_index = static_cast<std::size_t>(lane);
  if (number == 0 || suspended[lane_index] != number) return;
  suspended[lane_index] = 0;
  suspend_deadline_ms_ = 0;
  touch();
  if (lane == Lane::kRequestBody && handler_wait_) {
    handler_wait_ = false;
    if (local_) {  // it was answered meanwhile
      asked.reply = false;
    } else if (verdict == hooks::kReplied && asked.reply && !handler_started) {
      take_handler_reply();
    } else if (verdict == hooks::kFail || verdict == hooks::kReplied) {
      handler_failed();
    } else if (handler_end_later_) {
      handler_end_later_ = false;
      handler_body({}, true);
    }
    again_ = true;
  } else if (lane == Lane::kHead) {
    if (stage == Stage::kHandle) {
      if (verdict == hooks::kFail) handler_failed();
      if (verdict == hooks::kReplied && asked.reply) take_handler_reply();
    } else {
      const Hook hook = hooks::hook_of_stage(stage);
      const std::uint8_t position = chain().of(hook)[cursor_];
      if (judge(*chain().instances[position], position, verdict, lane, hook) == Flow::kNext) ++cursor_;
    }
  } else {
    (lane == Lane::kRequestBody ? request_pipe : response_pipe).resume(verdict);
  }
  advance();
  if (stage == Stage::kIdle || stage == Stage::kDone) return;
  if (server != nullptr) server->pull();
  if (client != nullptr) client->pull();
  flush_both();
  advance();
}

void Exchange::drop_ticket(std::size_t lane) {
  if (suspended[lane] == 0) return;
  hooks::tickets::drop(worker.index, slot, static_cast<std::uint32_t>(lane));
  suspended[lane] = 0;
}

void Exchange::wake() {
  if (woken_) return;
  woken_ = true;
  worker.reactor.defer(
      [](void* self, std::uint64_t life) {
        auto* x = static_cast<Exchange*>(self);
        if (x->handle_ != life) return;
        x->woken_ = false;
        x->advance();
        x->flush_both();
        x->advance();
      },
      this, handle_);
}

// --- routing ---

Flow Exchange::choose_route() {
  route = nullptr;
  cluster = nullptr;
  const std::uint32_t position = listener->router->match(request);
  if (position == route::Router::kNone) {
    if (request.is_connect()) {
      close_after_ = true;
      reply_locally(405, "connect_refused", "no route allows CONNECT");
    } else {
      reply_locally(404, "no_route", "no route matches");
    }
    return Flow::kJump;
  }
  route = &listener->routes[position];
  route_position = position;
  request_deadline_ms_ = route->timeout_ms == 0 ? 0 : start_us / 1000 + route->timeout_ms;
  if (timeout_ms != 0) shorten(timeout_ms);
  if (Cluster* const target = route->target(worker); target != nullptr) cluster = target;
  if (stage != Stage::kRoute) enter(Stage::kRoute);
  return Flow::kJump;
}

Flow Exchange::after_route() {
  if (reroute_asked) {
    reroute_asked = false;
    if (++reroutes_ > kReroutesMax) {
      reply_locally(500, "reroute_limit", "rerouted too often");
      return Flow::kJump;
    }
    // The chain has run: the new route is taken as it is. The cursor stands at the chain's end, so that no hook runs again.
    choose_route();
    return Flow::kJump;
  }
  const config::Route& config = *route->config;
  if (config.redirect) {
    respond::make_redirect(*this, *config.redirect);
    local_ = true;
    enter(Stage::kReply);
    return Flow::kJump;
  }
  if (config.reply) {
    respond::make_direct_reply(*this, *config.reply);
    local_ = true;
    enter(Stage::kReply);
    return Flow::kJump;
  }
  if (!respond::rewrite_target(*this)) {
    reply_locally(400, "bad_request", "rewritten target is not valid");
    return Flow::kJump;
  }
  request_pipe.stream &= ~unsubscribed;
  const bool has_body = request_end_us == 0 || (request.body != http::Body::kNone && request.content_length != 0);
  if (has_body && request_pipe.whole != 0) {
    if (request.expect_continue && !continue_sent_) send_continue();
    enter(Stage::kGather);
  } else {
    enter(route->handler != nullptr ? Stage::kHandle : Stage::kAttempt);
  }
  return Flow::kJump;
}

// --- the end ---

void Exchange::fail_exchange() {
  if (stage == Stage::kDone || stage == Stage::kIdle) return;
  release_upstream(false);
  server->flush();  // a head without its whole body says more than nothing
  server->cut(until_close_);  // an end that the peer can tell from a whole body
}

void Exchange::downstream_gone() {
  if (stage == Stage::kDone || stage == Stage::kIdle) return;
  if (reply_flag.empty()) reply_flag = "downstream_gone";
  release_upstream(false);
  close_after_ = true;
  finish();
}

// on_end, and the exchange is given back when this event is over.
void Exchange::finish() {
  if (stage == Stage::kDone || stage == Stage::kIdle) return;
  complete = response_done_ && head_sent_ && reply_flag != "downstream_gone";
  release_upstream(complete);
  stage = Stage::kDone;
  for (std::size_t lane = 0; lane < suspended.size(); ++lane) drop_ticket(lane);
  if (handler_active && !handler_ended) {
    handler_ended = true;
    hooks::call_handler_end(*this);
  }
  hooks::call_end(*this);
  count_end();
  hooks::cancel_timers(*this);
  if (!server->body_done() && !server->drainable()) close_after_ = true;
  worker.reactor.defer(
      [](void* self, std::uint64_t keep) {
        auto* x = static_cast<Exchange*>(self);
        Downstream& connection = *x->server;
        x->worker.free_exchange(x);
        connection.exchange_done(keep != 0);
      },
      this, close_after_ ? 0 : 1);
}

// Back to the state of a new object, under the next generation; called by the worker.
void Exchange::reset_life() {
  leave_endpoints();
  if (home != nullptr) worker.leave(*home);  // else it never began
  const std::uint32_t next = handle_generation(handle_) + 1;
  handle_ = make_handle(worker.index, HandleKind::kExchange, slot, next == 0 ? 1 : next);
  static constexpr ExchangeLife kNewLife;
  static_cast<ExchangeLife&>(*this) = kNewLife;
  client = nullptr;
  request = {};
  response = {};
  request_trailers = response_trailers = {};
  reply_reason = {};
  request_pipe.reset();
  response_pipe.reset();
  handler_out.clear();
  held_.release();
  deadline_.clear();
  arena.clear();
}

}  // namespace cleat
