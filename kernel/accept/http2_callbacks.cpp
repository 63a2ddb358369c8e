// What nghttp2 tells of a session, while it reads and while it writes.
#include <algorithm>

#include "kernel/accept/http2_server.hpp"
#include "kernel/exchange.hpp"
#include "kernel/worker.hpp"

namespace cleat {

// A callback's answers: go on, and an error that ends the session, which `Http2Server::receive` explains to the client.
constexpr int kGoOn = 0;
constexpr int kEnd = NGHTTP2_ERR_CALLBACK_FAILURE;

struct Http2Callbacks {
  static Http2Server& server(void* user) { return *static_cast<Http2Server*>(user); }
  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  static std::string_view text(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

  // Before anything is made of a frame.
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user) {
    Http2Server& self = server(user);
    switch (frame->type) {
      case NGHTTP2_DATA:
        if (frame->length != 0 || (frame->flags & NGHTTP2_FLAG_END_STREAM) != 0) return kGoOn;
        break;
      case NGHTTP2_HEADERS:
        self.frames_.useful_frame();
        return frame->stream_id < self.skipped_from_ || frame->stream_id > self.skipped_to_ ? kGoOn : self.out_of_order();
      default: break;
    }
    return self.useless_frame();
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Server& self = server(user);
    self.block_since_ms_ = std::max<std::uint64_t>(self.worker_.reactor.now_ms(), 1);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) return self.open_stream(frame->hd.stream_id);
    Http2Stream* const of = stream(session, frame->hd.stream_id);
    if (of != nullptr && of->exchange() != nullptr) self.trailer_.begin(of->exchange()->arena, of->trailers(), self.listener().limits);
    return kGoOn;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                    std::size_t value_size, std::uint8_t, void* user) {
    Http2Server& self = server(user);
    const Http2Stream* const of = stream(session, frame->hd.stream_id);
    if (of == nullptr) return kGoOn;
    const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (request) {
      self.request_.add(text(name, name_size), text(value, value_size));
    } else if (const_cast<Http2Stream*>(of)->exchange() != nullptr) {
      self.trailer_.add(text(name, name_size), text(value, value_size));
    }
    const std::size_t bytes = request ? self.request_.bytes() : self.trailer_.bytes();
    return bytes <= self.listener().limits.head_bytes_max * Http2Server::kListFactor ? kGoOn : self.flood("head_bytes");
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Server& self = server(user);
    Http2Stream* const of = frame->hd.stream_id == 0 ? nullptr : stream(session, frame->hd.stream_id);
    const bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_SETTINGS: self.settings_seen_ = true; return kGoOn;
      case NGHTTP2_HEADERS:
        self.block_since_ms_ = 0;
        if (of == nullptr) return kGoOn;
        return frame->headers.cat == NGHTTP2_HCAT_REQUEST ? self.head_complete(*of, end_stream) : self.trailers_complete(*of, end_stream);
      case NGHTTP2_DATA:
        if (!end_stream && frame->data.padlen != 0 && frame->hd.length == frame->data.padlen) return self.useless_frame();  // nothing but padding
        if (of == nullptr || !end_stream) return kGoOn;
        if (!of->end_received()) self.refuse(*of, NGHTTP2_PROTOCOL_ERROR);
        self.due(*of);
        return kGoOn;
      case NGHTTP2_RST_STREAM:
        return self.frames_.reset(self.worker_.reactor.now_ms(), self.listener().config->http2.stream_resets) ? kGoOn : self.flood("stream_resets");
      default: return kGoOn;
    }
  }

  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
    Http2Server& self = server(user);
    self.frames_.useful_frame();
    Http2Stream* const of = stream(session, id);
    if (of == nullptr) {
      self.consumed(id, size);
      return kGoOn;
    }
    if (!of->data_received(text(data, size))) {
      self.consumed(id, size);
      self.refuse(*of, NGHTTP2_PROTOCOL_ERROR);
    }
    self.due(*of);
    return kGoOn;
  }

  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t, void* user) {
    Http2Stream* const of = stream(session, id);
    if (of == nullptr) return kGoOn;
    of->session_closed();
    server(user).due(*of);
    return kGoOn;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Server& self = server(user);
    if (frame->hd.type == NGHTTP2_DATA) self.frames_.useful_frame();
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      const std::uint32_t code = frame->rst_stream.error_code;
      if (code == NGHTTP2_REFUSED_STREAM) metrics::add(self.listener().bite("concurrent_streams"), 1);
      // Streams that the client made us reset cost what those cost that it resets itself.
      const bool clients_fault = code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR || code == NGHTTP2_STREAM_CLOSED ||
                                 code == NGHTTP2_REFUSED_STREAM || code == NGHTTP2_FRAME_SIZE_ERROR;
      if (clients_fault && !self.frames_.reset(self.worker_.reactor.now_ms(), self.listener().config->http2.stream_resets)) {
        self.flood("stream_resets");
      }
      return kGoOn;
    }
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS);
    Http2Stream* const of = ends ? stream(session, frame->hd.stream_id) : nullptr;
    if (of == nullptr) return kGoOn;
    of->end_was_sent();
    self.due(*of);
    return kGoOn;
  }
  // A head that is too large for the session, for one. What belongs to a stream that is gone already is no news.
  static int frame_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void* user) {
    Http2Stream* const of = frame->hd.type == NGHTTP2_HEADERS ? stream(session, frame->hd.stream_id) : nullptr;
    if (of == nullptr) return kGoOn;
    server(user).refuse(*of, NGHTTP2_INTERNAL_ERROR);
    server(user).due(*of);
    return kGoOn;
  }
};

namespace {

constexpr std::size_t kHeadBytesMax = 1024 * 1024;  // of a response: those of endpoints are bounded before, plugins' by the arena

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return nullptr;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, Http2Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Http2Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Http2Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Http2Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Http2Callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Http2Callbacks::stream_closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Http2Callbacks::frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Http2Callbacks::frame_not_sent);
  return callbacks;
}

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) return nullptr;
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_max_send_header_block_length(options, kHeadBytesMax);
  nghttp2_option_set_no_http_messaging(options, 1);  // kernel/http2 is the judge
  return options;
}

}  // namespace

Http2Server::Http2Server(Connection& connection, std::string_view received)
    : connection_(connection), worker_(connection.worker()), transport_(connection.transport), received_(received) {
  static nghttp2_session_callbacks* const callbacks = make_callbacks();  // both for the process's life, and only read
  static nghttp2_option* const options = make_options();
  nghttp2_session* session = nullptr;
  if (callbacks == nullptr || options == nullptr || nghttp2_session_server_new3(&session, callbacks, this, options, memory_.functions()) != 0) throw std::bad_alloc();
  session_.reset(session);
}

Http2Server::~Http2Server() = default;

void Http2Server::submit_settings() {
  const config::Http2& config = listener().config->http2;
  const nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, config.concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(config.stream_window)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(listener().limits.head_bytes_max)},
  };
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, entries, std::size(entries));
  // Of all streams together: one that is held back holds back no other.
  const std::uint64_t all = std::min<std::uint64_t>(config.stream_window * config.concurrent_streams, NGHTTP2_MAX_WINDOW_SIZE);
  const std::int32_t window = std::max<std::int32_t>(static_cast<std::int32_t>(all), NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE);
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, window);
}

int Http2Server::useless_frame() {
  return frames_.useless_frame(worker_.reactor.now_ms()) ? kGoOn : flood("http2_frames");
}

int Http2Server::flood(const char* limit) {
  if (flooded_ == nullptr) flooded_ = limit;
  return kEnd;
}

// A stream that was skipped when a later one was opened is closed (RFC 9113 5.1.1). nghttp2 takes it for one that it has forgotten.
int Http2Server::out_of_order() {
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_PROTOCOL_ERROR);
  return kEnd;
}

int Http2Server::open_stream(std::int32_t id) {
  if (id > latest_ + 2) {
    skipped_from_ = latest_ + 2;
    skipped_to_ = id - 2;
  }
  latest_ = id;
  Exchange* const exchange = worker_.new_exchange();
  if (exchange == nullptr) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return kGoOn;
  }
  if (free_.empty()) {
    streams_.push_back(std::make_unique<Http2Stream>(*this));
    free_.push_back(streams_.back().get());
  }
  Http2Stream& stream = *free_.back();
  free_.pop_back();
  stream.open(id, *exchange);
  nghttp2_session_set_stream_user_data(session_.get(), id, &stream);
  request_.begin(exchange->arena, exchange->request, listener().limits);
  exchange->start_us = worker_.reactor.now_us();
  exchange->start_unix_us = unix_us();
  return kGoOn;
}

int Http2Server::head_complete(Http2Stream& stream, bool end_stream) {
  const http2::Verdict verdict = request_.end(end_stream);
  if (verdict.malformed != nullptr) {
    refuse(stream, NGHTTP2_PROTOCOL_ERROR);
    return kGoOn;
  }
  http::ParseError error = verdict.error;
  if (!error && request_.extended_connect() && !stream.make_upgrade()) error = {431, "head too large"};
  stream.head_received(error, request_.bytes());
  if (end_stream) stream.end_received();
  due(stream);
  return kGoOn;
}

int Http2Server::trailers_complete(Http2Stream& stream, bool end_stream) {
  if (stream.exchange() == nullptr) return kGoOn;
  if (!end_stream || !trailer_.end().good() || !stream.end_received()) {
    stream.trailers().clear();
    refuse(stream, NGHTTP2_PROTOCOL_ERROR);
  }
  due(stream);
  return kGoOn;
}

// Malformed (RFC 9113 8.1.1), or not to be answered. Whatever else the client sends on it, nobody gets any more of it.
void Http2Server::refuse(Http2Stream& stream, std::uint32_t code) {
  stream.malformed();
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id(), code);
}

}  // namespace cleat
