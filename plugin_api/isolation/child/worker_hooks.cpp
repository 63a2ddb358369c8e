// The calls of hooks, from the kernel's message to what is told of them: see rules in worker.hpp.
#include <array>
#include <exception>

#include "kernel/base/reactor.hpp"
#include "kernel/hooks/tickets.hpp"
#include "plugin_api/ext/attributes.h"
#include "plugin_api/isolation/child/control.hpp"
#include "plugin_api/isolation/child/process.hpp"

namespace cleat::isolation {
namespace {

hooks::Hook hook_of(HookNumber number) {
  using hooks::Hook;
  constexpr std::array<Hook, static_cast<std::size_t>(HookNumber::kCount)> kHooks = {
      Hook::kConnection, Hook::kTls, Hook::kConnectionEnd, Hook::kRequest, Hook::kRoute, Hook::kRequestBody, Hook::kRequestTrailers, Hook::kAttempt,
      Hook::kAttemptEnd, Hook::kResponse, Hook::kResponseBody, Hook::kResponseTrailers, Hook::kReply, Hook::kEnd, Hook::kHandle, Hook::kHandleBody,
      Hook::kHandleEnd, Hook::kWritable, Hook::kGive};
  return kHooks[static_cast<std::size_t>(number)];
}

bool is_of_handler(HookNumber hook) { return hook == HookNumber::kHandle || hook == HookNumber::kHandleBody; }

std::uint32_t call_handler(const hooks::Instance& instance, Subject& x, HookNumber hook) {
  if (instance.handler == nullptr) return CLEAT_CONTINUE;
  const cleat_plugin_handler& table = *instance.handler;
  switch (hook) {
    case HookNumber::kHandle: return table.on_handle(instance.self, x.handle);
    case HookNumber::kHandleBody:
      return table.on_handle_body == nullptr ? CLEAT_CONTINUE : table.on_handle_body(instance.self, x.handle, x.now.head.extra);
    default:
      if (table.on_handle_end != nullptr && x.handling.asked) table.on_handle_end(instance.self, x.handle);
      return CLEAT_CONTINUE;
  }
}

std::uint32_t call_table(const hooks::Instance& instance, Subject& x, HookNumber hook) {
  const cleat_plugin& table = instance.table;
  const auto call = [&](auto entry, auto... more) -> std::uint32_t {
    return entry == nullptr ? CLEAT_CONTINUE : entry(instance.self, x.handle, more...);
  };
  switch (hook) {
    case HookNumber::kConnection: return call(table.on_connection);
    case HookNumber::kTls: return call(table.on_tls);
    case HookNumber::kConnectionEnd:
      if (table.on_connection_end != nullptr) table.on_connection_end(instance.self, x.handle);
      return CLEAT_CONTINUE;
    case HookNumber::kRequest: return call(table.on_request);
    case HookNumber::kRoute: return call(table.on_route);
    case HookNumber::kRequestBody: return call(table.on_request_body, x.now.head.extra);
    case HookNumber::kRequestTrailers: return call(table.on_request_trailers);
    case HookNumber::kAttempt: return call(table.on_attempt, x.now.head.extra);
    case HookNumber::kAttemptEnd: return call(table.on_attempt_end, static_cast<const cleat_attempt_end*>(&x.now.attempt_end));
    case HookNumber::kResponse: return call(table.on_response);
    case HookNumber::kResponseBody: return call(table.on_response_body, x.now.head.extra);
    case HookNumber::kResponseTrailers: return call(table.on_response_trailers);
    case HookNumber::kReply: return call(table.on_reply);
    case HookNumber::kEnd:
      if (table.on_end != nullptr) table.on_end(instance.self, x.handle);
      return CLEAT_CONTINUE;
    case HookNumber::kHandle:
    case HookNumber::kHandleBody:
    case HookNumber::kHandleEnd: return call_handler(instance, x, hook);
    case HookNumber::kWritable:
    case HookNumber::kHandover:
    case HookNumber::kCount: break;
  }
  return CLEAT_CONTINUE;
}

}  // namespace

bool Subject::head_sent() const { return now.integer(CLEAT_ATTR_RESPONSE_STATUS) != nullptr; }

void ChildWorker::hook() {
  Reader reader(message_);
  reader.number<ToProcess>();
  reader.number<std::uint64_t>();
  const auto number = reader.number<HookNumber>();
  const auto handle = reader.number<std::uint64_t>();
  const HandleKind kind = is_of_connection(number) ? HandleKind::kConnection : HandleKind::kExchange;
  if (!reader.ok() || number >= HookNumber::kWritable || handle_kind(handle) != kind || handle_worker(handle) != index || !started_) {
    die("a hook's call cannot be");
  }
  if (stopped_) return;
  std::unique_ptr<Subject>& entry = subjects_[handle];
  if (entry == nullptr) entry = std::make_unique<Subject>(handle, blocks_);
  Subject& x = *entry;
  x.message.swap(message_);
  x.arena.clear();
  x.now.clear();
  if (!read_snapshot(std::string_view(x.message).substr(1), x.arena, x.now)) die("a hook's call is not whole");
  x.told_us = monotonic_us();
  const auto lane = static_cast<std::size_t>(lane_of(number));
  Call& call = x.calls[lane];
  give_up(x, lane);  // the kernel has
  call.number = x.now.head.call;
  call.hook = number;
  call.suspended = false;
  call.operations.clear();
  if (lane_of(number) == HookLane::kHead) x.head_hook = number;
  x.replied = false;
  if (number == HookNumber::kHandle) x.handling = {.asked = true};
  if (number == HookNumber::kHandleEnd) x.handling.ended = true;
  if (Subject::Piece* const piece = x.piece_of(number)) {
    piece->bytes.clear();
    piece->changed = false;
    piece->bytes.append(x.now.piece);
  }
  run_hook(x, call);
}

void ChildWorker::run_hook(Subject& x, Call& call) {
  const HookNumber number = call.hook;
  const auto lane = static_cast<std::size_t>(lane_of(number));
  std::string words;
  std::uint32_t verdict = call_hook(x, call, words);
  send_dirty();
  if (!has_verdict(number)) {
    if (number != HookNumber::kHandleEnd || x.now.head.extra == 0) forget(x);
    return;
  }
  if (verdict == CLEAT_SUSPEND) {
    if (call.ticket != 0) {
      call.suspended = true;
      return;
    }
    verdict = CLEAT_FAIL;
    words = "answered SUSPEND without a ticket";
  }
  drop_ticket(x, lane);
  done(x, call, verdict, words);
}

std::uint32_t ChildWorker::call_hook(Subject& x, Call& call, std::string& words) {
  const HookNumber number = call.hook;
  hooks::take_plugin_error();  // of an earlier call that did not fail
  running_ = &x;
  running_call_ = &call;
  std::uint32_t verdict;
  try {
    verdict = call_table(*process.instance(), x, number);
  } catch (...) {
    verdict = CLEAT_FAIL;
    words = caught();
  }
  running_ = nullptr;
  running_call_ = nullptr;
  if (!has_verdict(number)) {
    if (!words.empty()) process.control.log(CLEAT_WARN, std::string(hooks::hook_name(hook_of(number))) + ": " + words);
    return verdict;
  }
  if (verdict > CLEAT_UNSUBSCRIBE) {
    words = "answered " + std::to_string(verdict) + ", which is no verdict";
    verdict = CLEAT_FAIL;
  } else if (verdict == CLEAT_UNSUBSCRIBE && is_of_handler(number)) {
    words = "answered what a handler may not";
    verdict = CLEAT_FAIL;
  } else if (verdict == CLEAT_FAIL && words.empty()) {
    words = hooks::take_plugin_error();
    if (words.empty()) words = "failed without saying why";
  }
  return verdict;
}

void ChildWorker::done(Subject& x, Call& call, std::uint32_t verdict, std::string_view words) {
  if (Subject::Piece* const piece = x.piece_of(call.hook)) {
    if (piece->changed) {
      call.operations.writer.number(Operation::kBodyReplace);
      call.operations.writer.number(call.hook == HookNumber::kRequestBody ? CLEAT_REQUEST : CLEAT_RESPONSE);
      call.operations.writer.text(piece->bytes.view());
      ++call.operations.count;
    }
    piece->changed = false;
    if (piece->bytes.capacity() > kKeptBytes) piece->bytes.release();
  }
  const auto head = [&](std::uint32_t as, std::string_view why) {
    out_.clear();
    out_.number(FromProcess::kDone);
    out_.number(call.number);
    out_.number(as);
    out_.text(why);
  };
  head(verdict, words);
  out_.number(call.operations.count);
  out_.bytes.append(call.operations.writer.bytes);
  if (!send(out_.bytes)) {
    head(CLEAT_FAIL, "what it did is more than can be told to the kernel at once");
    out_.number(std::uint32_t{0});
    send(out_.bytes);
  }
  call.hook = HookNumber::kCount;
  call.suspended = false;
  call.operations.clear();
  if (verdict != CLEAT_UNSUBSCRIBE || handle_kind(x.handle) != HandleKind::kExchange) return;
  for (std::size_t lane = 0; lane < x.calls.size(); ++lane) {  // its other hooks have nobody to wait for
    if (!x.calls[lane].suspended || (x.handling.active() && is_of_handler(x.calls[lane].hook))) continue;
    drop_ticket(x, lane);
    done(x, x.calls[lane], CLEAT_CONTINUE, {});
  }
  if (!x.handling.active()) forget(x);
}

// A suspended hook whose resumption would mean nothing any more. The kernel's side counts on a kDone for it all the same.
void ChildWorker::give_up(Subject& x, std::size_t lane) {
  Call& call = x.calls[lane];
  const bool suspended = call.suspended;
  drop_ticket(x, lane);
  if (!suspended) return;
  call.operations.clear();
  if (Subject::Piece* const piece = x.piece_of(call.hook)) piece->changed = false;
  done(x, call, CLEAT_CONTINUE, {});
}

void ChildWorker::forget(Subject& x) {
  for (std::size_t lane = 0; lane < x.calls.size(); ++lane) give_up(x, lane);
  timers.cancel_all(x);
  subjects_.erase(x.handle);
}

// --- suspending ---

std::uint32_t ChildWorker::next_ticket() {
  if (++ticket_ == 0) ticket_ = 1;
  return ticket_;
}

void ChildWorker::drop_ticket(Subject& x, std::size_t lane) {
  if (x.calls[lane].ticket == 0) return;
  hooks::tickets::drop(index, handle_slot(x.handle), static_cast<std::uint32_t>(lane));
  x.calls[lane].ticket = 0;
  x.calls[lane].suspended = false;
}

void ChildWorker::resume(std::uint64_t handle, HookLane lane, std::uint32_t number, std::uint32_t verdict) {
  Subject* const x = find(handle);
  if (x == nullptr) return;
  Call& call = x->calls[static_cast<std::size_t>(lane)];
  if (!call.suspended || call.ticket != number) return;
  call.ticket = 0;  // it was claimed
  if (call.hook == HookNumber::kHandle && verdict != CLEAT_FAIL && !(verdict == CLEAT_REPLIED && x->replied)) {
    call.suspended = false;  // asked again, from the start
    return run_hook(*x, call);
  }
  if (call.hook == HookNumber::kHandleBody && verdict == CLEAT_UNSUBSCRIBE) verdict = CLEAT_CONTINUE;
  done(*x, call, verdict, {});
}

}  // namespace cleat::isolation
