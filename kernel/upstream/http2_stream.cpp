#include "kernel/upstream/http2_stream.hpp"

#include <algorithm>
#include <utility>

#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/upstream/http2_session.hpp"
#include "kernel/worker.hpp"

namespace cleat::upstream {

void Http2Stream::serve(Requester& requester, bool reused) {
  requester_ = &requester;
  requester.client = this;
  reused_ = reused;
  id_ = 0;
  refused_ = head_sent_ = has_body_ = end_given_ = end_sent_ = deferred_ = was_blocked_ = false;
  begun_ = final_head_ = head_ready_ = head_told_ = ended_ = closed_ = reset_by_peer_ = delivering_ = over_ = websocket_ = tunnel_ = counted_ = false;
  failure_ = 0;
  reason_ = "";
  trailers_ = {};
  touched = false;
}

Requester* Http2Stream::leave() {
  ++life_;
  give_back();
  return std::exchange(requester_, nullptr);
}

void Http2Stream::give_back() {
  session_.worker().give_buffer(std::exchange(in_, Buffer()));
  session_.worker().give_buffer(std::exchange(out_, Buffer()));
}

// Both were whole: nothing is left to say of it. Else the peer need not go on.
void Http2Stream::release(bool) {
  if (requester_ == nullptr) return;
  if (id_ != 0 && !closed_) {
    if (ended_ && end_sent_) {
      session_.forget_stream(id_);
    } else {
      session_.reset_stream(id_, ended_ ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
      if (!ended_) session_.doubt(heard_before_);
    }
  }
  leave();
  session_.stream_left(*this);
}

// --- the request ---

void Http2Stream::send_head(const http::RequestHead& head, const http::RequestWrite& how) {
  websocket_ = is_websocket(head, how);
  has_body_ = websocket_ || how.framing.body != http::Body::kNone;
  end_sent_ = !has_body_;
  heard_before_ = session_.heard();
  if (websocket_ && !session_.takes_websockets()) {
    closed_ = true;
    return fail(hooks::kEndMalformed, "the upstream takes no WebSocket over HTTP/2 (RFC 8441)");
  }
  id_ = session_.submit(*this, head, how, has_body_);
  if (id_ > 0) return;
  id_ = 0;
  closed_ = true;
  refused();
}

void Http2Stream::send_data(std::string_view data) {
  if (closed_ || !has_body_ || end_given_ || data.empty()) return;
  if (out_.capacity() == 0) out_ = session_.worker().take_buffer();
  out_.append(data);
  was_blocked_ = was_blocked_ || blocked();
}

void Http2Stream::send_end(const http::Fields& trailers) {
  if (!has_body_ || end_given_ || (websocket_ && !head_told_)) return;  // a request to switch has no content; its tunnel has an end
  end_given_ = true;
  trailers_ = trailers;
}

void Http2Stream::flush() {
  if (closed_ || id_ == 0) return;
  if (deferred_ && (!out_.empty() || end_given_)) {
    deferred_ = false;
    session_.resume(id_);
  }
  session_.send_soon();
}

std::int64_t Http2Stream::provide(std::size_t size_max, std::uint32_t& flags) {
  const std::size_t size = std::min(size_max, out_.size());
  if (size == 0 && !end_given_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (end_given_ && size == out_.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (session_.submit_trailers(id_, trailers_)) flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    end_sent_ = true;
  }
  return static_cast<std::int64_t>(size);
}

void Http2Stream::consume_provided(std::size_t size) {
  out_.consume(size);
  if (was_blocked_ && out_.size() <= kOutBytesMax / 2) {
    was_blocked_ = false;
    session_.writable_soon(*this);
  }
  if (out_.empty() && out_.capacity() != 0) session_.worker().give_buffer(std::exchange(out_, Buffer()));
}

// --- the response arrives ---

void Http2Stream::fields_begin() {
  if (failure_ != 0) return;
  begun_ = true;
  fields_.begin(final_head_);
  if (!final_head_) requester_->response = {};
}

void Http2Stream::field(std::string_view name, std::string_view value) {
  if (failure_ != 0) return;
  Requester& x = *requester_;
  const char* const wrong =
      fields_.trailers() ? fields_.trailer(name, value, x.arena, x.response_trailers) : fields_.head_field(name, value, x.arena, x.response);
  if (wrong != nullptr) malformed(wrong);
}

void Http2Stream::invalid_field(std::string_view name, std::string_view value) {
  field(name, value);
  if (failure_ == 0) malformed("malformed field");
}

void Http2Stream::fields_end(bool last) {
  if (failure_ != 0) return;
  Requester& x = *requester_;
  if (fields_.trailers()) {
    if (!last) return malformed("trailers that do not end the stream");
    return end();
  }
  if (const char* wrong = fields_.end_head(x.request.method, last, x.response)) return malformed(wrong);
  if (x.response.status < 200) return x.response_informational();
  const bool switched = websocket_ && x.response.status / 100 == 2;
  if (switched && !make_switching(x.request, x.arena, x.response)) return malformed("head exceeds its memory");
  final_head_ = head_ready_ = true;
  counted_ = fields_.counted() && !switched;
  body_left_ = fields_.content_length();
  ended_ = last;
  deliver();
}

// What comes while the requester takes no more is kept: no more of it than the stream's window, which is given back as it is handed on.
void Http2Stream::data(std::string_view data) {
  if (failure_ != 0) return;
  if (!final_head_) return malformed("content before a head");
  if (counted_) {
    if (data.size() > body_left_) return malformed("more content than its content-length");
    body_left_ -= data.size();
  }
  if (head_told_ && in_.empty() && !delivering_ && requester_->response_wanted()) return hand_on(data);
  if (in_.capacity() == 0) in_ = session_.worker().take_buffer();
  in_.append(data);
}

void Http2Stream::end() {
  if (failure_ != 0) return;
  if (!final_head_) return malformed("an end before a head");
  if (counted_ && body_left_ != 0) return malformed("less content than its content-length");
  ended_ = true;
  deliver();
}

// By a RST_STREAM of either side, or since both have ended. REFUSED_STREAM also says a GOAWAY whose last stream was an earlier one.
void Http2Stream::closed(std::uint32_t error_code) {
  closed_ = true;
  if (ended_ || failure_ != 0) return;
  if (error_code == NGHTTP2_REFUSED_STREAM && !begun_) return refused();
  if (!reset_by_peer_ && error_code != NGHTTP2_NO_ERROR) return malformed("it breaks the protocol");
  fail(hooks::kEndReset, "the upstream reset the stream");
}

void Http2Stream::refused() {
  refused_ = true;
  fail(hooks::kEndReset, "the upstream refused the stream");
}

void Http2Stream::malformed(const char* reason) {
  if (id_ != 0 && !closed_) session_.reset_stream(id_, NGHTTP2_PROTOCOL_ERROR);
  closed_ = true;
  fail(hooks::kEndMalformed, reason);
}

void Http2Stream::connection_lost(std::uint32_t how, const char* reason) {
  closed_ = true;
  if (!ended_) fail(how, reason);
}

// Told when the session has handed over what it has: whoever asks for a refused stream's replacement is not in its middle then.
void Http2Stream::fail(std::uint32_t how, const char* reason) {
  if (failure_ != 0 || requester_ == nullptr) return;
  failure_ = how;
  reason_ = reason;
  session_.deliver_soon(*this);
}

// --- and is handed on ---

void Http2Stream::hand_on(std::string_view data) {
  const std::int32_t id = id_;
  session_.deliver_soon(*this);  // for the settle that follows
  requester_->response_data(data);
  session_.consume(id, data.size());
}

void Http2Stream::pull() {
  if (requester_ == nullptr) return;
  Requester& x = *requester_;
  deliver();
  if (!session_.receiving()) x.settle();
}

void Http2Stream::deliver() {
  if (delivering_ || requester_ == nullptr) return;
  delivering_ = true;
  const std::uint64_t life = life_;
  Requester& x = *requester_;
  if (session_.receiving()) session_.deliver_soon(*this);  // the settle
  while (life == life_ && !over_ && x.response_wanted()) {
    if (head_ready_ && failure_ == 0) {
      head_ready_ = false;
      head_told_ = true;
      x.response_head_complete();
    } else if (failure_ != 0 && !head_told_) {
      over_ = true;
      x.reply_reason = reason_;
      x.attempt_failed(failure_);
    } else if (head_told_ && !in_.empty()) {
      Buffer piece = std::move(in_);
      const std::int32_t id = id_;
      x.response_data(piece.view());
      session_.consume(id, piece.size());
      session_.worker().give_buffer(std::move(piece));
    } else if (failure_ != 0) {
      over_ = true;
      tunnel_ ? x.response_end() : x.response_broken();
    } else if (head_told_ && ended_) {
      over_ = true;
      x.response_end();
    } else {
      break;
    }
  }
  if (life == life_) delivering_ = false;
}

}  // namespace cleat::upstream
