#include "kernel/body_pipe.hpp"

#include "kernel/base/check.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"

namespace cleat {

void BodyPipe::reset() {
  stream = whole = whole_max = 0;
  in_hook = false;
  restart();
}

void BodyPipe::restart() {
  end_ = end_later_ = held_back_ = done_ = in_trailers_ = false;
  cursor_ = 0;
  piece.release();
  gathered_.release();
}

bool BodyPipe::held_by(std::uint32_t position) const {
  return held_back_ && !in_trailers_ && exchange_.chain().of(body_hook())[cursor_] == position;
}

std::uint64_t BodyPipe::visible() const { return (stream | whole) & ~exchange_.hidden(body_hook()); }

bool BodyPipe::has_trailers() const { return !(response_ ? exchange_.response_trailers : exchange_.request_trailers).empty(); }

void BodyPipe::sink(std::string_view data, bool end) {
  if (response_) {
    exchange_.sink_response(data, end);
  } else {
    exchange_.sink_request(data, end);
  }
}

void BodyPipe::push(std::string_view data, bool end) {
  if (done_) return;
  if (held_back_) {
    CLEAT_CHECK(data.empty());  // nobody asked for more
    end_later_ = end_later_ || end;
    return;
  }
  if (visible() == 0 && (!end || !has_trailers())) {
    if (end) done_ = true;
    return sink(data, end);
  }
  piece.append(data);
  end_ = end;
  cursor_ = 0;
  run();
}

void BodyPipe::resume(std::uint32_t verdict) {
  if (!held_back_) return;
  held_back_ = false;
  const std::uint8_t position = exchange_.chain().of(hook())[cursor_];
  const Lane lane = response_ ? Lane::kResponseBody : Lane::kRequestBody;
  if (exchange_.judge(*exchange_.chain().instances[position], position, verdict, lane, hook()) != Flow::kNext) return;
  ++cursor_;
  run();
}

void BodyPipe::run() {
  if (!in_trailers_) {
    const auto& positions = exchange_.chain().of(body_hook());
    for (; cursor_ < positions.size(); ++cursor_) {
      const std::uint8_t position = positions[cursor_];
      const std::uint64_t bit = std::uint64_t{1} << position;
      if ((visible() & bit) == 0) continue;
      if ((whole & bit) != 0) {
        if (gathered_.size() + piece.size() > whole_max) return overflow();
        gathered_.append(piece.view());
        piece.clear();
        if (!end_) return;
        piece = std::move(gathered_);
        gathered_ = {};
      } else if (piece.empty() && !end_) {
        return;
      }
      if (!call(position)) return;
    }
    cursor_ = 0;
  }
  if (end_ && has_trailers()) {
    in_trailers_ = true;
    const auto& positions = exchange_.chain().of(trailers_hook());
    for (; cursor_ < positions.size(); ++cursor_) {
      const std::uint8_t position = positions[cursor_];
      if ((exchange_.hidden(trailers_hook()) >> position & 1) != 0) continue;
      if (!call(position)) return;
    }
  }
  leave();
}

bool BodyPipe::call(std::uint8_t position) {
  hooks::Instance& instance = *exchange_.chain().instances[position];
  const Lane lane = response_ ? Lane::kResponseBody : Lane::kRequestBody;
  exchange_.lane_of_call = lane;
  in_hook = !in_trailers_;
  const std::uint32_t verdict = in_trailers_ ? hooks::call_trailers_hook(exchange_, instance, response_, position)
                                             : hooks::call_body_hook(exchange_, instance, response_, position, end_);
  in_hook = false;
  switch (exchange_.judge(instance, position, verdict, lane, hook())) {
    case Flow::kNext: return true;
    case Flow::kWait:
      held_back_ = true;
      exchange_.again_ = true;  // so that the suspension's deadline is armed
      return false;
    case Flow::kJump: exchange_.again_ = true; return false;
  }
  return false;
}

// More than a WHOLE subscriber wanted to hold.
void BodyPipe::overflow() {
  if (response_) {
    exchange_.reply_locally(502, "body_too_large", "the response body is larger than a plugin may gather");
  } else {
    exchange_.reply_locally(413, "body_too_large", "the request body is larger than a plugin may gather");
  }
  exchange_.count_bite("body_buffer");
  exchange_.again_ = true;
}

void BodyPipe::leave() {
  if (end_) done_ = true;
  Buffer out = std::move(piece);
  piece = {};
  sink(out.view(), end_);
  out.clear();
  if (piece.capacity() == 0) piece = std::move(out);
  if (end_later_ && !done_) {
    end_later_ = false;
    push({}, true);
  }
}

}  // namespace cleat
