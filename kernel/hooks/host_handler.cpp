// cleat.handler/1, the host's half: a plugin's answer as it is made. What is written waits in the exchange's handler_out, which the
// exchange empties as downstream takes it.
#include <algorithm>

#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/structs.hpp"
#include "kernel/http/head.hpp"

namespace cleat::hooks {
namespace {

cleat_status wrong_phase(const char* text) { return fail_call(CLEAT_WRONG_PHASE, text); }

// The exchange, if the caller is its handler and it still wants an answer.
Exchange* answered_by_caller(cleat_exchange handle, cleat_status& status) {
  Exchange* const x = exchange_of(handle, status);
  if (x == nullptr) return nullptr;
  if (x->route == nullptr || x->route->handler == nullptr || x->route->handler != x->worker.stamp.instance) {
    status = wrong_phase("handler: this instance is not the exchange's handler, or not yet");
  } else if (!(x->handler_active || in_hook(*x, Hook::kHandle)) || x->handler_ended || x->stage == Stage::kDone) {
    status = wrong_phase("handler: from on_handle to on_handle_end");
  } else if (!x->reply_flag.empty()) {
    status = wrong_phase("handler: a reply took the answer's place");
  } else if (x->handler_finished || x->handler_aborted) {
    status = wrong_phase("handler: the answer has ended");
  } else {
    return x;
  }
  return nullptr;
}

// HEAD, 204 and 304: no body follows, whatever is written (RFC 9112 6.3).
bool has_no_body(const Exchange& x, std::uint32_t status) { return x.request.is_head() || status == 204 || status == 304; }

cleat_status make_head(Exchange& x, const cleat_reply& head) {
  http::ResponseHead made;
  made.status = static_cast<std::uint16_t>(head.status);
  if (const cleat_status wrong = copy_fields(x.arena, head.headers, head.header_count, FieldUse::kHandler, made.fields)) return wrong;
  made.body = http::Body::kChunked;
  std::uint64_t most = UINT64_MAX;
  if (const http::Field* const length = made.fields.find(http::Name::kContentLength)) {
    if (made.fields.find(http::Name::kContentLength, 1) != nullptr || !http::detail::read_length(length->value, made.content_length)) {
      return fail_call(CLEAT_INVALID, "handler start: a malformed or repeated Content-Length");
    }
    if (head.status == 204) return fail_call(CLEAT_INVALID, "handler start: a 204 has no Content-Length");
    made.body = http::Body::kLength;
    most = made.content_length;
  }
  if (has_no_body(x, head.status)) {
    made.body = http::Body::kNone;
    made.content_length = 0;  // the field stays: it says what a GET would bring
  }
  x.response = made;
  x.handler_bytes = 0;
  x.handler_length = most;
  return CLEAT_OK;
}

cleat_status handler_start(Exchange& x, const cleat_reply* given) {
  if (x.handler_started || x.asked.reply || x.head_sent()) return wrong_phase("handler start: an answer was begun");
  if (x.stage != Stage::kHandle && x.stage != Stage::kAwait) return wrong_phase("handler start: somebody else has answered");
  cleat_reply head{};
  if (const char* wrong = read_struct(given, kReplyLeast, head)) return fail_call(CLEAT_INVALID, wrong);
  if (head.status < 200 || head.status > 599) return fail_call(CLEAT_INVALID, "handler start: a status is 200 to 599");
  if (head.body.size != 0) return fail_call(CLEAT_INVALID, "handler start: the head has no body; write it");
  if (x.request.is_connect() && head.status / 100 == 2) return fail_call(CLEAT_INVALID, "handler start: a handler opens no tunnel");
  return guarded([&]() -> cleat_status {
    if (const cleat_status wrong = make_head(x, head)) return wrong;
    x.handler_started = true;
    x.wake();
    return CLEAT_OK;
  });
}

cleat_status handler_write(Exchange& x, cleat_str data, std::uint64_t* accepted) {
  if (accepted == nullptr || bad(data)) return fail_call(CLEAT_INVALID, "handler write: a pointer is NULL");
  if (!x.handler_started) return wrong_phase("handler write: start comes first");
  if (x.response.body == http::Body::kNone) {
    *accepted = data.size;
    return CLEAT_OK;
  }
  if (data.size > x.handler_length - x.handler_bytes) {
    return fail_call(CLEAT_LIMIT, "handler write: more than Content-Length");
  }
  return guarded([&] {
    const std::size_t waiting = x.handler_out.size();
    const std::size_t room = Exchange::kHandlerBytesMax - std::min(waiting, Exchange::kHandlerBytesMax);
    const std::size_t taken = std::min<std::uint64_t>(data.size, room);
    x.handler_out.append(to_view(data).substr(0, taken));
    x.handler_bytes += taken;
    if (taken < data.size) x.handler_short = true;
    *accepted = taken;
    if (taken != 0) x.wake();
    return CLEAT_OK;
  });
}

cleat_status handler_finish(Exchange& x, const cleat_header* trailers, std::uint64_t count) {
  if (!x.handler_started) return wrong_phase("handler finish: start comes first");
  if (x.response.body != http::Body::kNone && x.handler_length != UINT64_MAX && x.handler_bytes != x.handler_length) {
    x.handler_aborted = true;  // there is no way to end it well
    x.wake();
    return fail_call(CLEAT_INVALID, "handler finish: less than Content-Length was written; the answer is cut off");
  }
  return guarded([&]() -> cleat_status {
    http::Fields copies;
    if (const cleat_status wrong = copy_fields(x.arena, trailers, count, FieldUse::kTrailers, copies)) return wrong;
    if (x.handler_length == UINT64_MAX && x.response.body != http::Body::kNone) x.response_trailers = copies;
    x.handler_finished = true;
    x.wake();
    return CLEAT_OK;
  });
}

cleat_status handler_abort(Exchange& x) {
  x.handler_aborted = true;
  x.wake();
  return CLEAT_OK;
}

}  // namespace

const cleat_host_handler kHostHandler = {
    .size = sizeof(cleat_host_handler),
    .reserved = 0,
    .start = with<answered_by_caller, handler_start>,
    .write = with<answered_by_caller, handler_write>,
    .finish = with<answered_by_caller, handler_finish>,
    .abort = with<answered_by_caller, handler_abort>,
};

}  // namespace cleat::hooks
