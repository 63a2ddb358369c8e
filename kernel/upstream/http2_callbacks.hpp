// Http2Callbacks: what libnghttp2 tells of a connection, turned into calls of its Http2Session and its streams. Whatever a stream's
// requester does in these calls is safe: streams may end and begin, and bytes are sent when they have returned.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

namespace cleat::upstream {

class Http2Session;
class Http2Stream;

struct Http2Callbacks {
  static nghttp2_session* make_client(Http2Session& session);  // nullptr: out of memory

 private:
  static nghttp2_session_callbacks* make();
  static nghttp2_option* make_options();
  static Http2Stream* stream_of(nghttp2_session* session, std::int32_t id);
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self);
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void*);
  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value, std::uint8_t, void*);
  static int invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                            const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*);
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int frame_invalid(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* self);
  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void*);
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source, void* self);
};

}  // namespace cleat::upstream
