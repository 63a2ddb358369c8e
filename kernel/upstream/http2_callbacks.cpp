// What libnghttp2 tells of a connection, turned into calls of its Http2Session and its streams. Whatever a stream's requester does in these calls
// is safe: streams may end and begin, and bytes are sent when they have returned.
#include <string_view>

#include "kernel/cluster.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/upstream/http2_session.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::upstream {
namespace {

constexpr std::int64_t kEarnedByContent = 2;        // servers that measure the path send a PING with each piece
constexpr std::int64_t kEarnedBySending = 4;        // a frame of ours may be answered by so many that bring nothing

std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec vec = nghttp2_rcbuf_get_buf(buffer);
  return text_of(vec.base, vec.len);
}

Http2Session& of(void* self) { return *static_cast<Http2Session*>(self); }

}  // namespace

struct Http2Callbacks {
  // Nobody, once its requester has let go of it.
  static Http2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
    return id == 0 ? nullptr : static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
    if (head->type != NGHTTP2_CONTINUATION) of(self).block_bytes_ = 0;
    of(self).spend(1);
    return 0;
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    if (Http2Stream* stream = stream_of(session, frame->hd.stream_id)) stream->fields_begin();
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value, std::uint8_t, void*) {
    if (Http2Stream* stream = stream_of(session, frame->hd.stream_id)) stream->field(text_of(name), text_of(value));
    return 0;
  }

  // What libnghttp2 would leave out in silence is refused by the stream as every other field that is wrong.
  static int invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                            const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*) {
    if (Http2Stream* stream = stream_of(session, frame->hd.stream_id)) {
      stream->invalid_field(text_of(name, name_size), text_of(value, value_size));
    }
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    Http2Session& connection = of(self);
    Http2Stream* const stream = stream_of(session, frame->hd.stream_id);
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (stream == nullptr) break;
        connection.earn(1);
        stream->fields_end(last);
        break;
      case NGHTTP2_DATA:
        if (stream != nullptr && last) stream->end();
        break;
      case NGHTTP2_RST_STREAM:
        if (frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM) connection.refused_ = true;
        if (stream != nullptr) stream->reset_by_peer();
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) connection.settings_came();
        break;
      case NGHTTP2_GOAWAY:
        connection.goaway_came();
        break;
      default: break;
    }
    return 0;
  }

  static int frame_invalid(nghttp2_session*, const nghttp2_frame*, int error, void* self) {
    of(self).wrong_ = nghttp2_strerror(error);
    return 0;
  }

  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* self) {
    nghttp2_session_consume_connection(session, size);
    if (Http2Stream* stream = stream_of(session, id)) {
      of(self).earn(kEarnedByContent);
      stream->data(text_of(data, size));
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void*) {
    if (Http2Stream* stream = stream_of(session, id)) stream->closed(error_code);
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    of(self).earn(frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA ? kEarnedBySending : 0);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      if (Http2Stream* stream = stream_of(session, frame->hd.stream_id)) stream->head_was_sent();
    }
    return 0;
  }

  // The peer has not seen it: a GOAWAY came first, or it cannot be sent at all.
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* self) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    for (const auto& stream : of(self).streams_) {
      if (!stream->serving() || stream->id() != frame->hd.stream_id) continue;
      const bool late = error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || error == NGHTTP2_ERR_SESSION_CLOSING;
      late ? stream->refused() : stream->connection_lost(hooks::kEndReset, "the request cannot be sent");
    }
    return 0;
  }

  // Frames are never padded. One that had to wait is of a stream that may be over since, and its object another's: it is not sent.
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source,
                       void* self) {
    constexpr std::size_t kFrameHeadBytes = 9;
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    if (!stream.serving() || stream.id() != frame->hd.stream_id) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Transport& transport = of(self).transport_;
    if (transport.out().size() > Http2Session::kUnsentBytesMax) transport.flush();
    if (transport.blocked()) return NGHTTP2_ERR_WOULDBLOCK;
    transport.send(text_of(head, kFrameHeadBytes));
    transport.send(stream.provided(size));
    stream.consume_provided(size);
    return 0;
  }
};

namespace {

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* all = nullptr;
  if (nghttp2_session_callbacks_new(&all) != 0) return nullptr;
  nghttp2_session_callbacks_set_on_begin_frame_callback(all, Http2Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(all, Http2Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(all, Http2Callbacks::header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(all, Http2Callbacks::invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(all, Http2Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, Http2Callbacks::frame_invalid);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, Http2Callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(all, Http2Callbacks::stream_closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(all, Http2Callbacks::frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(all, Http2Callbacks::frame_not_sent);
  nghttp2_session_callbacks_set_send_data_callback(all, Http2Callbacks::send_data);
  return all;
}

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) return nullptr;
  nghttp2_option_set_no_auto_window_update(options, 1);  // windows are given back as bytes are handed on
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_send_header_block_length(options, Arena::kDefaultMax);  // what a listener let in goes out
  return options;
}

}  // namespace

nghttp2_session* Http2Session::make_session() {
  static const nghttp2_session_callbacks* const callbacks = make_callbacks();
  static const nghttp2_option* const options = make_options();
  nghttp2_session* made = nullptr;
  if (callbacks == nullptr || options == nullptr || nghttp2_session_client_new2(&made, callbacks, this, options) != 0) return nullptr;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(Http2Session::kStreamWindowBytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(ResponseFields::kListBytesMax)},
  };
  if (nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, Http2Session::kWindowBytes) != 0) {
    nghttp2_session_del(made);
    return nullptr;
  }
  return made;
}

}  // namespace cleat::upstream
