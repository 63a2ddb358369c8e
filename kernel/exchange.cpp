#include "kernel/exchange.hpp"

#include <algorithm>

#include "kernel/accept/http1_server.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/hooks/tickets.hpp"
#include "kernel/respond/forward.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat {

using hooks::Hook;

Exchange::Exchange(Worker& worker_, std::uint32_t slot_)
    : worker(worker_), slot(slot_), arena(worker_.blocks), request_pipe(*this, false), response_pipe(*this, true),
      deadline_(worker_.reactor.wheel(), [](void* self) { static_cast<Exchange*>(self)->on_deadline(); }, this) {}

Exchange::~Exchange() = default;

// --- a life begins ---

void Exchange::start_life(Http1Server& server_, const Listener& listener_) {
  server = &server_;
  listener = &listener_;
  home = worker.current_generation.get();
  ++home->users;
  const auto timeout = static_cast<std::uint64_t>(listener->config->timeouts.request.count());
  request_deadline_ms_ = timeout == 0 ? 0 : worker.reactor.now_ms() + timeout;
  touch();
  metrics::add(listener->requests, 1);
}

void Exchange::begin(Http1Server& server_, const Listener& listener_, std::string_view received) {
  start_life(server_, listener_);
  request_known = true;
  request_head_bytes = received.size();
  original_target = request.target;
  original_authority = request.authority;
  if (request.body == http::Body::kNone || (request.body == http::Body::kLength && request.content_length == 0)) {
    request_end_us = worker.reactor.now_us();
  }
  const http::ParseError error = respond::prepare_request(*this);
  if (error) {
    close_after_ = true;
    reply_locally(error.status, "bad_request", error.reason);
  } else {
    stage = Stage::kRequest;
  }
  advance();
}

void Exchange::begin_refused(Http1Server& server_, const Listener& listener_, http::ParseError error) {
  start_life(server_, listener_);
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
  if (reset_asked) {
    reset_asked = false;
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
      if ((flow = pass(Hook::kAttempt)) != Flow::kNext) {
        return flow;
      }
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
      if (handler_active) {
        server->pull();  // a handler may answer before it has read
        if (stage == Stage::kStream) pump_handler();
      }
      if (stage == Stage::kStream && response_done_ && server->all_sent()) finish();
      return Flow::kWait;
    default: return Flow::kWait;
  }
}

// --- the chain ---

Flow Exchange::pass(Hook hook) {
  const auto& positions = chain().of(hook);
  while (cursor_ < positions.size()) {
    const std::uint8_t position = positions[cursor_];
    if ((hidden(hook) >> position & 1) != 0) {
      ++cursor_;
      continue;
    }
    hooks::Instance& instance = *chain().instances[position];
    lane_of_call = Lane::kHead;
    const std::uint32_t verdict = hooks::call_exchange_hook(*this, instance, hook, position);
    const Flow flow = judge(instance, position, verdict, Lane::kHead, hook);
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
  const auto lane_index = static_cast<std::size_t>(lane);
  if (verdict == hooks::kContinue && !reply_staged && !suspend_asked && !reset_asked) return Flow::kNext;
  if (suspend_asked) {
    suspend_asked = false;
    if (verdict == hooks::kSuspend) {
      const auto bound = static_cast<std::uint64_t>(listener->config->timeouts.suspend.count());
      suspend_deadline_ms_ = bound == 0 ? 0 : worker.reactor.now_ms() + bound;
      return Flow::kWait;
    }
    drop_ticket(lane_index);
  } else if (verdict == hooks::kSuspend) {
    hooks::count_exchange_failure(*this, instance, hook, "answered SUSPEND without a ticket");
    verdict = hooks::kFail;
  }
  if (reset_asked) return Flow::kJump;
  if (verdict == hooks::kReplied) {
    if (reply_staged) return take_staged_reply(instance, position);
    hooks::count_exchange_failure(*this, instance, hook, "answered REPLIED without a reply");
    verdict = hooks::kFail;
  } else if (reply_staged) {
    reply_staged = false;
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
  reply_staged = false;
  if (position < chain().instances.size()) hide_inside(position);
  release_upstream(false);
  response_pipe.restart();
  response = staged_response_;
  local_body_ = staged_body_;
  local_ = true;
  reply_by = &instance;
  reply_flag = "plugin_reply";
  reply_reason = staged_reason_;
  enter(Stage::kReply);
  return Flow::kJump;
}

bool Exchange::stage_reply(std::uint16_t status, http::Fields fields, std::string_view body, std::string_view reason) {
  if (head_sent_ || stage == Stage::kDone || stage == Stage::kIdle) return false;
  staged_response_ = {};
  staged_response_.status = status;
  staged_response_.fields = fields;
  staged_body_ = body;
  staged_reason_ = reason;
  reply_staged = true;
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
  enter(Stage::kReply);
}

void Exchange::resume(Lane lane, std::uint64_t number, std::uint32_t verdict) {
  const auto lane_index = static_cast<std::size_t>(lane);
  if (number == 0 || suspended[lane_index] != number) return;
  suspended[lane_index] = 0;
  suspend_deadline_ms_ = 0;
  touch();
  if (lane == Lane::kRequestBody && handler_wait_) {
    handler_wait_ = false;
    if (verdict == hooks::kFail) {
      handler_failed();
    } else if (handler_end_later_) {
      handler_end_later_ = false;
      handler_body({}, true);
    }
    again_ = true;
  } else if (lane == Lane::kHead) {
    if (stage == Stage::kHandle) {
      if (verdict == hooks::kFail) handler_failed();
      if (verdict == hooks::kReplied && reply_staged) take_handler_reply();
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
        if (x->generation != static_cast<std::uint32_t>(life)) return;
        x->woken_ = false;
        x->advance();
        x->flush_both();
        x->advance();
      },
      this, generation);
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
  if (!route->targets.empty()) {
    std::size_t i = 0;
    if (route->targets.size() > 1) {
      const auto turn = static_cast<std::uint32_t>(worker.random() % route->targets.back().until);
      while (turn >= route->targets[i].until) ++i;
    }
    cluster = route->targets[i].cluster;
  }
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

// --- the response towards downstream ---

Flow Exchange::start_response() {
  enter(Stage::kStream);
  const bool no_body = request.is_head() || response.status == 204 || response.status == 304 || response.status < 200;
  if (response.status == 101 || (request.is_connect() && client != nullptr && response.status / 100 == 2)) {
    send_head();
    open_tunnel();
    return Flow::kWait;
  }
  if (local_) {
    if (no_body) {
      if (request.is_head()) respond::note_length(*this, local_body_.size());
      response.body = http::Body::kNone;
    } else {
      response.body = http::Body::kLength;
      response.content_length = local_body_.size();
    }
  } else if (no_body) {
    response.body = http::Body::kNone;
  }
  const bool empty = response.body == http::Body::kNone || (response.body == http::Body::kLength && response.content_length == 0);
  if (empty) {
    response_pipe.stream = response_pipe.whole = 0;
    send_head();
    end_response_body();
  } else {
    if (response_pipe.visible() == 0 || response_pipe.whole == 0) send_head();
    if (local_) {
      response_pipe.push(local_body_, true);
    } else if (client != nullptr) {
      client->pull();
    }
  }
  if (stage == Stage::kStream) server->flush();
  return stage == Stage::kStream ? Flow::kJump : Flow::kWait;
}

// The head goes out once; with a WHOLE subscriber only when its body is known.
void Exchange::send_head() {
  if (head_sent_) return;
  http::ResponseWrite how;
  const bool tunnel = response.status == 101 || (request.is_connect() && response.status / 100 == 2 && client != nullptr);
  const bool no_body = response.body == http::Body::kNone;
  if (no_body) {
    how.keep_content_length = request.is_head() || response.status == 304;
    how.framing.write_zero_length = !tunnel && response.status != 304 && !request.is_head();
  } else if (response_pipe.visible() != 0 || response.body != http::Body::kLength) {
    how.framing.body = request.minor >= 1 ? http::Body::kChunked : http::Body::kUntilClose;
  } else {
    how.framing.body = http::Body::kLength;
    how.framing.content_length = response.content_length;
  }
  down_framing_ = how.framing.body;
  if (how.framing.body == http::Body::kUntilClose) close_after_ = true;
  // An unread request body ends the connection, unless it is small enough to be read and dropped.
  if (!server->drainable() && (local_ || request.expect_continue)) close_after_ = true;
  if (request.expect_continue && !continue_sent_ && !server->body_done()) close_after_ = true;
  if (!server->may_keep_alive() && !tunnel) close_after_ = true;
  how.close = close_after_ && !tunnel;
  how.keep_alive = !close_after_ && request.minor == 0;
  how.upgrade = response.status == 101;
  respond::prepare_response(*this, local_);
  http::write_response_head(server->out(), response, how);
  head_sent_ = true;
  const unsigned kind = response.status / 100;
  if (kind < listener->responses.size()) metrics::add(listener->responses[kind], 1);
}

void Exchange::sink_response(std::string_view data, bool end) {
  touch();
  if (!head_sent_) {  // gathered whole: framed by its length
    response.body = http::Body::kLength;
    response.content_length = data.size();
    response_pipe.stream = response_pipe.whole = 0;
    send_head();
  }
  response_bytes += data.size();
  if (down_framing_ == http::Body::kChunked) {
    if (!data.empty()) {
      http::write_chunk_head(server->out(), data.size());
      server->send(data);
      server->out().append("\r\n");
    }
    if (end) {
      server->out().append("0\r\n");
      http::write_fields(server->out(), response_trailers);
      server->out().append("\r\n");
    }
  } else {
    server->send(data);
  }
  if (end) end_response_body();
}

void Exchange::end_response_body() {
  response_done_ = true;
  release_upstream(true);
  again_ = true;
}

bool Exchange::response_wanted() const {
  switch (stage) {
    case Stage::kConnect:
    case Stage::kAwait: return suspended[0] == 0;
    case Stage::kStream: return !response_done_ && response_pipe.idle() && !server->blocked();
    case Stage::kTunnel: return !tunnel_up_closed_ && !server->blocked();
    default: return false;
  }
}

void Exchange::response_data(std::string_view data) {
  touch();
  if (stage == Stage::kTunnel) {
    response_bytes += data.size();
    server->send(data);
    server->flush();
    return;
  }
  response_pipe.push(data, false);
  after_data();
}

void Exchange::response_end() {
  touch();
  if (stage == Stage::kTunnel) {
    tunnel_up_closed_ = true;
    server->shutdown_write();
    end_tunnel_if_closed();
    return;
  }
  if (!response_done_) response_pipe.push({}, true);
  server->flush();
  after_data();
}

void Exchange::response_broken() {
  if (stage == Stage::kTunnel) {
    tunnel_up_closed_ = true;
    end_tunnel_if_closed();
    return;
  }
  reply_locally(502, "upstream_broken", "the upstream broke off its response");
  advance();
}

void Exchange::downstream_writable() {
  touch();
  if (stage == Stage::kStream || stage == Stage::kTunnel) {
    if (client != nullptr) client->pull();
    if (stage == Stage::kIdle) return;
    server->flush();
    advance();
  }
}

// --- the end ---

void Exchange::fail_exchange() {
  if (stage == Stage::kDone || stage == Stage::kIdle) return;
  release_upstream(false);
  server->cut(down_framing_ == http::Body::kUntilClose);  // an end that the peer can tell from a whole body
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
  hooks::cancel_timers(*this);
  if (!server->body_done() && !server->drainable()) close_after_ = true;
  worker.reactor.defer(
      [](void* self, std::uint64_t keep) {
        auto* x = static_cast<Exchange*>(self);
        Http1Server& connection = *x->server;
        x->worker.free_exchange(x);
        connection.exchange_done(keep != 0);
      },
      this, close_after_ ? 0 : 1);
}

// Back to the state of a new object, under the next generation; called by the worker.
void Exchange::reset_life() {
  --home->users;
  ++generation;
  if (generation == 0) generation = 1;
  stage = Stage::kIdle;
  deadline_.clear();
  server = nullptr;
  home = nullptr;
  listener = nullptr;
  route = nullptr;
  cluster = nullptr;
  endpoint = nullptr;
  client = nullptr;
  request = {};
  response = {};
  request_trailers = response_trailers = {};
  original_target = original_authority = request_id = reply_flag = reply_reason = {};
  reply_by = nullptr;
  start_us = start_unix_us = request_end_us = upstream_start_us = upstream_head_us = 0;
  request_bytes = response_bytes = request_head_bytes = 0;
  attempt = 0;
  complete = request_known = false;
  slots = nullptr;
  unsubscribed = response_hidden = 0;
  metadata = nullptr;
  metadata_bytes = 0;
  reply_staged = reset_asked = reroute_asked = retry_asked = retry_other = suspend_asked = false;
  retry_delay_ms = attempt_timeout_ms = keep_max = 0;
  suspended = {};
  request_pipe.reset();
  response_pipe.reset();
  handler_started = handler_finished = handler_aborted = handler_short = handler_ended = handler_active = false;
  handler_out.clear();
  handler_bytes = 0;
  handler_length = UINT64_MAX;
  tried = 0;
  end_how = 0;
  cursor_ = 0;
  woken_ = again_ = false;
  head_sent_ = response_done_ = local_ = false;
  down_framing_ = http::Body::kNone;
  replayed_stale_ = force_fresh_ = request_sent_ = gathered_ = handler_wait_ = handler_told_end_ = handler_end_later_ = close_after_ = false;
  kept_ = true;
  tunnel_up_closed_ = tunnel_down_closed_ = continue_sent_ = false;
  reroutes_ = informational_ = 0;
  request_deadline_ms_ = attempt_deadline_ms_ = again_at_ms_ = suspend_deadline_ms_ = progress_ms_ = 0;
  local_body_ = staged_body_ = staged_reason_ = handler_piece_ = {};
  staged_response_ = {};
  held_.release();
  arena.clear();
}

// --- time ---

void Exchange::arm_deadline() {
  std::uint64_t at = UINT64_MAX;
  const auto earlier = [&](std::uint64_t ms) {
    if (ms != 0 && ms < at) at = ms;
  };
  if (stage == Stage::kTunnel) {
    const auto idle = static_cast<std::uint64_t>(listener->config->timeouts.tunnel_idle.count());
    if (idle != 0) earlier(progress_ms_ + idle);
  } else {
    earlier(request_deadline_ms_);
    earlier(attempt_deadline_ms_);
    earlier(again_at_ms_);
    earlier(suspend_deadline_ms_);
    const auto body = static_cast<std::uint64_t>(listener->config->timeouts.body.count());
    const bool may_move = stage == Stage::kGather || stage == Stage::kAwait || stage == Stage::kStream;
    if (body != 0 && may_move) earlier(progress_ms_ + body);
  }
  if (at == UINT64_MAX) {
    deadline_.clear();
  } else {
    deadline_.set(at);
  }
}

// A body is on its way and somebody else is to make the next move.
bool Exchange::moving_body() const {
  if (stage == Stage::kStream) return !handler_active || server->blocked() || request_wanted();
  return (stage == Stage::kGather || stage == Stage::kAwait) && request_wanted() && !server->body_done();
}

void Exchange::on_deadline() {
  if (stage == Stage::kIdle || stage == Stage::kDone) return;
  const std::uint64_t now = worker.reactor.now_ms();
  const auto due = [&](std::uint64_t ms) { return ms != 0 && ms <= now; };
  if (stage == Stage::kTunnel) {
    const auto idle = static_cast<std::uint64_t>(listener->config->timeouts.tunnel_idle.count());
    if (idle != 0 && due(progress_ms_ + idle)) {
      count_bite("tunnel_idle_timeout");
      reply_flag = "tunnel_idle_timeout";
      fail_exchange();
      return;
    }
  } else if (due(suspend_deadline_ms_)) {
    suspend_deadline_ms_ = 0;
    count_bite("suspend_timeout");
    for (std::size_t lane = 0; lane < suspended.size(); ++lane) {
      const std::uint64_t number = suspended[lane];
      if (number == 0) continue;
      hooks::tickets::drop(worker.index, slot, static_cast<std::uint32_t>(lane));
      resume(static_cast<Lane>(lane), number, hooks::kFail);
      if (stage == Stage::kIdle || stage == Stage::kDone) return;
    }
  } else if (due(request_deadline_ms_)) {
    request_deadline_ms_ = 0;
    count_bite("request_timeout");
    for (std::size_t lane = 0; lane < suspended.size(); ++lane) drop_ticket(lane);
    reply_locally(504, "request_timeout", "the request took too long");
  } else if (due(attempt_deadline_ms_)) {
    attempt_deadline_ms_ = 0;
    attempt_failed(hooks::kEndTimeout);
    return;
  } else if (due(again_at_ms_)) {
    again_at_ms_ = 0;
    enter(Stage::kAttempt);
  } else if (moving_body()) {
    const auto body = static_cast<std::uint64_t>(listener->config->timeouts.body.count());
    if (body != 0 && due(progress_ms_ + body)) {
      count_bite("body_timeout");
      const bool sender_is_downstream = request_wanted() && !server->body_done() && !head_sent_;
      close_after_ = close_after_ || sender_is_downstream;
      reply_locally(sender_is_downstream ? 408 : 504, "body_timeout", "a body made no progress");
    }
  }
  advance();
  flush_both();
}

void Exchange::count_bite(std::string_view limit) { metrics::add(listener->bite(limit), 1); }

}  // namespace cleat
