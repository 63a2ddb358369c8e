// The plugin as a handler: what its process does as the origin of an exchange is done here with the host's own functions.
#include "hosted.hpp"
#include "lane.hpp"

namespace isolation_process {

using namespace cleat::isolation;

// A suspended on_handle is asked again when it is resumed: the second time what the process has said is known.
cleat_verdict Lane::on_handle(cleat_exchange x) {
  const State* const state = state_of(x, true);
  if (state == nullptr || !state->handled || !current() || state->life != life_) return call(HookNumber::kHandle, x);
  await(x, !state->answered);
  return CLEAT_CONTINUE;
}

cleat_verdict Lane::on_handle_body(cleat_exchange x, std::uint32_t flags) {
  const cleat_verdict verdict = call(HookNumber::kHandleBody, x, flags);
  await(x, false);  // it waits for the call now, or has failed
  return verdict;
}

// It has to come: nothing else makes the plugin go on.
void Lane::on_writable(cleat_exchange x) {
  if (!current()) return;
  const State* const state = state_of(x, false);
  if (state == nullptr || state->life != life_) return;
  Writer message;
  message.number(ToProcess::kWritable);
  message.number(x);
  write_or_keep(std::move(message.bytes));
}

void Lane::on_handle_end(cleat_exchange x) {
  if (State* const state = state_of(x, false)) state->answered = true;  // a call that is answered later makes nobody wait again
  await(x, false);
  tell(HookNumber::kHandleEnd, x);
}

void Lane::stands_in_chain(cleat_exchange x) {
  State* const state = state_of(x, true);
  if (state == nullptr) return;
  if (state->life == 0) state->life = current() ? life_ : kLost;
  state->in_chain = true;
}

void Lane::await(cleat_exchange x, bool on) {
  if (on) {
    awaited_.insert(x);
  } else {
    awaited_.erase(x);
  }
  awaited.store(static_cast<std::uint32_t>(awaited_.size()), std::memory_order_relaxed);
}

// Its process is gone. What was not begun is a failed handler's reply; what was, cannot be taken back.
void Lane::cut_off(cleat_exchange x) {
  constexpr std::string_view kBody = "500 Internal Server Error: the handler's process has ended\n";
  const cleat_header type = {str("content-type"), str("text/plain; charset=utf-8")};
  const cleat_reply head = {.size = sizeof(cleat_reply), .status = 500, .headers = &type, .header_count = 1, .body = {}, .reason = {}};
  std::uint64_t accepted = 0;
  if (host.handler->start(x, &head) != CLEAT_OK) {
    host.handler->abort(x);
  } else if (host.handler->write(x, str(kBody), &accepted) == CLEAT_OK) {
    host.handler->finish(x, nullptr, 0);
  }
}

cleat_status Lane::make_answer(const Question& q, Writer& out) {
  State* const state = state_of(q.owner, false);
  if (state == nullptr || state->life != life_) return CLEAT_STALE;
  const cleat_host_handler& handler = *host.handler;
  const cleat_header* const fields = message_.fields.data() + q.fields.first;
  cleat_status status = CLEAT_UNSUPPORTED;
  switch (q.function) {
    case Function::kHandlerStart: {
      const cleat_reply head = {.size = sizeof(cleat_reply), .status = q.flags, .headers = fields, .header_count = q.fields.count, .body = {}, .reason = {}};
      return handler.start(q.owner, &head);
    }
    case Function::kHandlerWrite: {
      std::uint64_t accepted = 0;
      status = handler.write(q.owner, str(q.value), &accepted);
      if (status == CLEAT_OK) out.number(accepted);
      return status;
    }
    case Function::kHandlerFinish: status = handler.finish(q.owner, fields, q.fields.count); break;
    default: status = handler.abort(q.owner); break;
  }
  if (status != CLEAT_OK) return status;
  state->answered = true;
  await(q.owner, false);
  return status;
}

}  // namespace isolation_process
