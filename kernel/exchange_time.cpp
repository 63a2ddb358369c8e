// The exchange's deadlines: one timer, set to the earliest of what can be waited for. The order of things stands in exchange.cpp.
#include <utility>

#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/hooks/tickets.hpp"

namespace cleat {

// The hook that has returned asked for a ticket: with SUSPEND it is suspended, and fails when nobody resumes it in time; without, the ticket is
// worth nothing.
bool Exchange::suspends(std::uint32_t verdict, Lane lane) {
  if (!std::exchange(asked.suspend, false)) return false;
  if (verdict != hooks::kSuspend) {
    drop_ticket(static_cast<std::size_t>(lane));
    return false;
  }
  suspend_deadline_ms_ = end_of(listener->config->timeouts.suspend, worker.reactor.now_ms());
  return true;
}

void Exchange::shorten(std::uint64_t wanted_ms) {
  if (timeout_ms == 0 || wanted_ms < timeout_ms) timeout_ms = wanted_ms;
  const std::uint64_t at = start_us / 1000 + wanted_ms;
  if (request_deadline_ms_ == 0 || at < request_deadline_ms_) request_deadline_ms_ = at;
}

void Exchange::arm_deadline() {
  std::uint64_t at = UINT64_MAX;
  const auto earlier = [&](std::uint64_t ms) {
    if (ms != 0 && ms < at) at = ms;
  };
  if (stage == Stage::kTunnel) {
    earlier(end_of(listener->config->timeouts.tunnel_idle, progress_ms_));
  } else {
    earlier(request_deadline_ms_);
    earlier(attempt_deadline_ms_);
    earlier(again_at_ms_);
    earlier(suspend_deadline_ms_);
    const bool may_move = stage == Stage::kGather || stage == Stage::kAwait || stage == Stage::kStream;
    if (may_move) earlier(end_of(listener->config->timeouts.body, progress_ms_));
  }
  deadline_.set_or_clear(at == UINT64_MAX ? 0 : at);
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
    if (due(end_of(listener->config->timeouts.tunnel_idle, progress_ms_))) {
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
    count_bite("attempt_timeout");
    attempt_failed(hooks::kEndTimeout);
    return;
  } else if (due(again_at_ms_)) {
    again_at_ms_ = 0;
    enter(Stage::kAttempt);
  } else if (moving_body()) {
    if (due(end_of(listener->config->timeouts.body, progress_ms_))) {
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
