// The exchange with a plugin as its origin (cleat.handler/1). The order of things stands in exchange.cpp.
#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"

namespace cleat {

Flow Exchange::start_handler() {
  if (route->handler->quarantine.out()) {
    reply_locally(503, "plugin_quarantined", arena.copy(route->handler->name));
    return Flow::kJump;
  }
  handler_active = true;
  lane_of_call = Lane::kHead;
  const std::uint32_t verdict = hooks::call_handle(*this);
  if (suspends(verdict, Lane::kHead)) return Flow::kWait;
  if (asked.reset) return Flow::kJump;
  if (verdict == hooks::kReplied && asked.reply) {
    take_handler_reply();
    return Flow::kJump;
  }
  if (verdict != hooks::kContinue) {
    if (verdict != hooks::kFail) hooks::count_exchange_failure(*this, *route->handler, hooks::Hook::kHandle, "answered what a handler may not");
    handler_failed();
    return Flow::kJump;
  }
  asked.reply = false;
  enter(Stage::kAwait);
  if (request.expect_continue && !gathered_ && !continue_sent_) send_continue();
  if (gathered_) {
    handler_body(held_.view(), true);
  } else if (!has_request_body()) {
    handler_body({}, true);
  }
  return Flow::kJump;
}

// A reply of the origin itself: for the plugins of the chain it is a response like any other.
void Exchange::take_handler_reply() {
  asked.reply = false;
  response = staged_response_;
  local_body_ = staged_body_;
  local_ = true;
  reply_reason = staged_reason_;
  upstream_head_us = worker.reactor.now_us();
  enter_reply(Stage::kResponse);
}

void Exchange::handler_failed() { reply_locally(500, "plugin_failed", arena.copy(route->handler->name)); }

void Exchange::handler_body(std::string_view data, bool end) {
  if (handler_told_end_ || local_ || (data.empty() && !end)) return;  // local_: the answer is made
  if (handler_wait_) {  // the end comes right behind the piece that is being held
    handler_end_later_ = end;
    return;
  }
  handler_told_end_ = end;
  handler_piece_ = data;
  lane_of_call = Lane::kRequestBody;
  const std::uint32_t verdict = hooks::call_handle_body(*this, end);
  handler_piece_ = {};
  if (suspends(verdict, Lane::kRequestBody)) {
    handler_wait_ = true;
    return;
  }
  if (verdict == hooks::kReplied && asked.reply && !handler_started) {
    take_handler_reply();
    again_ = true;
  } else if (verdict != hooks::kContinue) {
    handler_failed();
    again_ = true;
  }
  asked.reply = false;
}

void Exchange::pump_handler() {
  if (handler_aborted) {
    reply_flag = "handler_aborted";
    fail_exchange();
    return;
  }
  while (stage == Stage::kStream && !response_done_ && response_wanted() && !local_) {
    if (!handler_out.empty() || handler_finished) {
      Buffer piece = std::move(handler_out);
      response_pipe.push(piece.view(), handler_finished);
      piece.clear();
      if (handler_out.empty()) handler_out = std::move(piece);  // its memory serves again
      server->flush();
      continue;
    }
    if (!handler_short) break;
    handler_short = false;
    hooks::call_writable(*this);
  }
}

}  // namespace cleat
