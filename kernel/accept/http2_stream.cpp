#include "kernel/accept/http2_stream.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/accept/http2_server.hpp"
#include "kernel/exchange.hpp"
#include "kernel/http2/nv.hpp"
#include "kernel/http2/websocket.hpp"
#include "kernel/worker.hpp"

namespace cleat {

Connection& Http2Stream::connection() { return server_.connection(); }

// --- a life ---

void Http2Stream::open(std::int32_t id, Exchange& exchange) {
  id_ = id;
  exchange_ = &exchange;
}

void Http2Stream::recycle() {
  drop_received();
  Worker& worker = server_.connection().worker();
  worker.give_buffer(std::move(in_));
  worker.give_buffer(std::move(out_));
  id_ = 0;
  in_.release();
  out_.release();
  trailers_ = {};
  error_ = {};
  accept_ = {};
  head_bytes_ = 0;
  body_left_ = body_seen_ = 0;
  length_known_ = head_due_ = begun_ = pulling_ = dropping_ = tunnel_ = end_received_ = false;
  body_done_ = true;
  deferred_ = end_given_ = end_sent_ = was_blocked_ = closed_ = gone_ = false;
  response_trailers_ = nullptr;
}

void Http2Stream::run() {
  if (exchange_ != nullptr && !begun_) {
    if (closed_ || gone_) {  // reset before anyone had seen it
      server_.connection().worker().free_exchange(std::exchange(exchange_, nullptr));
    } else if (head_due_) {
      begin();
    }
  }
  if (exchange_ != nullptr && begun_) {
    if (gone_ || (closed_ && !end_sent_)) {
      exchange_->downstream_gone();
    } else {
      if (!in_.empty() || (end_received_ && !body_done_)) pull();
      if (exchange_ != nullptr && (end_sent_ || (was_blocked_ && out_.size() <= kOutBytes / 2))) {
        was_blocked_ = false;
        exchange_->downstream_writable();
      }
    }
  }
  if (free()) server_.release(*this);
}

void Http2Stream::begin() {
  Exchange& x = *exchange_;
  begun_ = true;
  server_.exchange_begins();
  const Listener& listener = connection().listener();
  const std::uint64_t most = listener.config->limits.body_bytes;
  if (!error_ && most != 0 && length_known_ && x.request.content_length > most) error_ = {413, "request body over limits.body_bytes"};
  if (error_) {
    dropping_ = true;
    x.begin_refused(*this, listener, error_);
  } else {
    x.begin(*this, listener, head_bytes_);
  }
}

void Http2Stream::exchange_done(bool) {
  exchange_ = nullptr;
  if (!closed_ && !gone_) server_.reset(*this, end_sent_ ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR);  // RFC 9113 8.1: the rest is not wanted
  if (free()) server_.release(*this);
  server_.exchange_ended();
}

void Http2Stream::cut(bool) {
  server_.write();  // what has been flushed, which a reset would drop
  if (!closed_) server_.reset(*this, tunnel_ ? NGHTTP2_CONNECT_ERROR : NGHTTP2_INTERNAL_ERROR);
  abandon();
}

void Http2Stream::abandon() {
  gone_ = dropping_ = true;
  if (exchange_ != nullptr && begun_) exchange_->downstream_gone();
  server_.due(*this);
}

// --- the request ---

bool Http2Stream::make_upgrade() {
  Worker& worker = server_.connection().worker();
  accept_ = http2::make_upgrade(exchange_->arena, exchange_->request, {worker.random(), worker.random()});
  return !accept_.empty();
}

void Http2Stream::head_received(http::ParseError error, std::size_t bytes) {
  const http::RequestHead& head = exchange_->request;
  error_ = error;
  head_bytes_ = bytes;
  length_known_ = head.body == http::Body::kLength;
  body_left_ = head.content_length;
  body_done_ = head.body == http::Body::kNone || (length_known_ && body_left_ == 0);
  head_due_ = true;
}

bool Http2Stream::data_received(std::string_view data) {
  if (exchange_ == nullptr || dropping_) {
    server_.consumed(id_, data.size());
    return true;
  }
  if (length_known_) {
    if (data.size() > body_left_) return false;
    body_left_ -= data.size();
  }
  if (in_.capacity() == 0) in_ = server_.connection().worker().take_buffer();
  in_.append(data);
  return true;
}

bool Http2Stream::end_received() {
  end_received_ = true;
  return !length_known_ || body_left_ == 0 || dropping_;
}

void Http2Stream::pull() {
  if (pulling_ || exchange_ == nullptr || !begun_) return;
  pulling_ = true;
  Exchange& x = *exchange_;
  const auto wanted = [&] { return exchange_ == &x && !dropping_ && (tunnel_ || !body_done_) && x.request_wanted(); };
  while (wanted() && !in_.empty()) {
    const std::string_view piece = in_.view().substr(0, kPieceBytes);
    take(piece);
    in_.consume(piece.size());
    server_.consumed(closed_ ? 0 : id_, piece.size());
  }
  if (wanted() && in_.empty() && end_received_) {
    body_done_ = true;
    if (tunnel_) tunnel_ = false;  // this half of it is over
    x.request_trailers = trailers_;
    x.request_end();
  }
  if (dropping_) drop_received();
  pulling_ = false;
  x.settle();
  if (in_.empty()) server_.connection().worker().give_buffer(std::move(in_));
}

void Http2Stream::take(std::string_view data) {
  Exchange& x = *exchange_;
  const std::uint64_t most = tunnel_ ? 0 : connection().listener().config->limits.body_bytes;
  body_seen_ += data.size();
  if (most == 0 || body_seen_ <= most) return x.request_data(data);
  dropping_ = true;
  metrics::add(connection().listener().bite("body_bytes"), 1);
  x.request_broken({413, "request body over limits.body_bytes"});
}

void Http2Stream::drop_received() {
  if (in_.empty()) return;
  server_.consumed(closed_ ? 0 : id_, in_.size());
  in_.clear();
}

// --- the response ---

void Http2Stream::submit(const http::ResponseHead& head, const http::ResponseWrite& how, bool end) {
  if (closed_ || gone_) return;
  const http2::NameValues fields = http2::response_head(exchange_->arena, head, how);
  if (fields.data == nullptr) return fail(NGHTTP2_INTERNAL_ERROR);
  nghttp2_data_provider body;
  body.source.ptr = this;
  body.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                          void*) { return static_cast<Http2Stream*>(source->ptr)->give_data(to, size, flags); };
  if (nghttp2_submit_response(server_.session(), id_, fields.data, fields.size, end ? nullptr : &body) != 0) fail(NGHTTP2_INTERNAL_ERROR);
}

void Http2Stream::send_informational(const http::ResponseHead& head) {
  if (closed_ || gone_) return;
  const http2::NameValues fields = http2::response_head(exchange_->arena, head, {});
  if (fields.data == nullptr || nghttp2_submit_headers(server_.session(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data, fields.size, nullptr) != 0) {
    return fail(NGHTTP2_INTERNAL_ERROR);
  }
  server_.write();
}

void Http2Stream::send_head(const http::ResponseHead& head, const http::ResponseWrite& how) {
  if (!accept_.empty()) return send_connect_head(head, how);
  const bool opens_tunnel = exchange_->request.is_connect() && head.status / 100 == 2 && exchange_->client != nullptr;
  send_head_as(head, how, opens_tunnel);
}

// The answer to an extended CONNECT (RFC 8441 4): 101 is success, and any other 2xx, which would be taken for it, is not.
void Http2Stream::send_connect_head(http::ResponseHead head, const http::ResponseWrite& how) {
  if (head.status == 101) {
    if (!http2::make_connect_response(head, accept_)) return fail(NGHTTP2_CONNECT_ERROR);
    return send_head_as(head, how, true);
  }
  if (head.status / 100 == 2) head.status = 502;
  send_head_as(head, how, false);
}

void Http2Stream::send_head_as(const http::ResponseHead& head, const http::ResponseWrite& how, bool opens_tunnel) {
  const http::Framing& framing = how.framing;
  const bool end = !opens_tunnel && (framing.body == http::Body::kNone || (framing.body == http::Body::kLength && framing.content_length == 0));
  end_given_ = end;
  submit(head, how, end);
  server_.wind_down_if_due(*exchange_);
}

void Http2Stream::send_data(std::string_view data) {
  if (closed_ || gone_ || data.empty()) return;
  if (out_.capacity() == 0) out_ = server_.connection().worker().take_buffer();
  out_.append(data);
  was_blocked_ = was_blocked_ || blocked();
  resume();
}

void Http2Stream::send_end(const http::Fields& trailers) {
  if (end_given_) return;
  end_given_ = true;
  response_trailers_ = trailers.empty() ? nullptr : &trailers;
  resume();
}

void Http2Stream::resume() {
  if (!deferred_ || closed_) return;
  deferred_ = false;
  nghttp2_session_resume_data(server_.session(), id_);
}

ssize_t Http2Stream::give_data(std::uint8_t* to, std::size_t size, std::uint32_t* flags) {
  size = std::min(size, out_.size());
  if (size == 0 && !end_given_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (size != 0) std::memcpy(to, out_.view().data(), size);
  out_.consume(size);
  if (out_.empty() && end_given_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (response_trailers_ != nullptr && exchange_ != nullptr) {
      const http2::NameValues fields = http2::trailers(exchange_->arena, *response_trailers_);
      if (fields.size != 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(server_.session(), id_, fields.data, fields.size) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    }
  }
  if (was_blocked_ && out_.size() <= kOutBytes / 2) server_.due(*this);
  return static_cast<ssize_t>(size);
}

void Http2Stream::flush() { server_.write_soon(); }

void Http2Stream::fail(std::uint32_t code) {
  server_.reset(*this, code);
  gone_ = dropping_ = true;
  server_.due(*this);
}

void Http2Stream::enter_tunnel() {
  tunnel_ = true;
  body_done_ = false;
  length_known_ = false;
  if (!in_.empty() || end_received_) server_.due(*this);
}

}  // namespace cleat
