// Http2Session: one HTTP/2 connection to an endpoint (RFC 9113), agreed on by ALPN over TLS, else with prior knowledge, and its streams.
// libnghttp2 keeps the protocol's state; this moves its bytes and tells the streams what they bring. It takes streams once the peer's
// SETTINGS have come, no more than those allow, and none after a GOAWAY; then it ends when its streams have. A stream that gets no answer while
// nothing at all comes has it ask by PING whether the peer is still there. Owned by its Pool; one worker.
//
// Bounds. Of responses that requesters do not take: kStreamWindowBytes a stream, so that times `streams_max` a connection; the window of
// the connection is given back at once, or one slow reader would hold up the others. Of requests: Http2Stream::kOutBytesMax and one piece a
// stream, and what the socket does not take. What a peer may make us do for nothing: kUselessFramesMax, and kBlockBytesMax of
// CONTINUATIONs. Acknowledgements that wait: 1,000 (libnghttp2's own).
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/upstream/http2_stream.hpp"
#include "kernel/upstream/pooled.hpp"

namespace cleat::upstream {

class Http2Session final : public Pooled {
 public:
  static constexpr std::int32_t kStreamWindowBytes = 256 * 1024;
  static constexpr std::int32_t kWindowBytes = 1024 * 1024;
  static constexpr std::uint64_t kBlockBytesMax = 256 * 1024;  // of fields on the wire, HEADERS and CONTINUATIONs
  // Frames that bring no response on: so many at once, and so many more each second, or with what we send.
  static constexpr std::int64_t kUselessFramesMax = 10'000;
  static constexpr std::int64_t kUselessFramesPerSecond = 1'000;
  static constexpr std::size_t kQueuedMax = 1'000;             // frames that the peer does not take, more than its streams: then no more of them

  Http2Session(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name);
  ~Http2Session() override;

  void on_io(std::uint32_t events) override;
  void close() override;

  // --- for the pool ---
  bool has_room() const;                 // another requester may be served
  bool proven() const;                   // it is new, or in use and has refused nothing
  bool unused() const { return active_ == 0; }
  bool worn() const;                     // takes no more streams, for good
  bool serve(Requester& requester);      // true: from now on; false: attempt_connected or attempt_failed will be called
  void end();                            // it is unused: politely, when what is under way has been taken in
  void idle(std::uint64_t until_ms) { deadline_.set_or_clear(until_ms); }
  bool listed = false;                   // among those of its endpoint that have room

  // --- for its streams ---
  Worker& worker() { return worker_; }
  bool receiving() const { return receiving_; }
  bool takes_websockets() const { return session_ != nullptr && nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1; }
  std::int32_t submit(Http2Stream& stream, const http::RequestHead& head, const http::RequestWrite& how, bool body);  // its id; or an error
  bool submit_trailers(std::int32_t id, const http::Fields& trailers);  // false: there is nothing to send
  void resume(std::int32_t id);          // there is more of its body
  void reset_stream(std::int32_t id, std::uint32_t error_code);
  void forget_stream(std::int32_t id);   // what comes for it is nobody's
  void consume(std::int32_t id, std::size_t size);
  void send_soon();                      // when the current event is over: what all streams have, in one piece
  std::uint64_t heard() const { return heard_; }
  void doubt(std::uint64_t heard);       // a stream got no answer, and then the peer had said so much: if nothing since, is it there?
  void deliver_soon(Http2Stream& stream);
  void writable_soon(Http2Stream& stream);
  void stream_left(Http2Stream& stream);

 private:
  enum class State : std::uint8_t { kConnecting, kGreeting, kReady, kLost, kClosed };
  friend struct Http2Callbacks;
  struct Touched {
    Http2Stream* stream;
    std::uint64_t life;
    Requester* requester;
  };
  static constexpr std::size_t kUnsentBytesMax = 64 * 1024;  // of frames gathered: then they are written
  bool alive() const { return state_ < State::kLost; }
  bool open(std::uint32_t events);       // as far as it goes now; true: it is open
  nghttp2_session* make_session();       // nullptr: out of memory (http2_callbacks.cpp)
  void start();                          // our half of the preface
  void settings_came();
  void goaway_came();
  void ready();                          // so is the peer's
  void read();
  void write();
  void tell_writable();
  void deliver_touched();
  void fail_connect(std::uint32_t how, const std::string& reason);
  void lose(std::uint32_t how, const char* reason);
  void free_stream(Http2Stream& stream);
  Requester* detach(Http2Stream& stream);
  void say_goodbye();
  void over();                           // libnghttp2 wants no more of it
  void spend(std::int64_t frames);       // of what is allowed to be useless
  void earn(std::int64_t frames);
  std::uint32_t streams_allowed() const;
  void write_late();
  void deliver_late();
  void on_deadline() override;           // until the peer's SETTINGS have come: the connect timeout; idle: the idle timeout
  static void on_silence(void* self);

  State state_ = State::kConnecting;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Http2Stream>> streams_;  // those in use and those to be used again
  std::vector<Http2Stream*> free_;
  std::uint32_t active_ = 0;             // streams that serve
  std::uint64_t served_ = 0;
  bool greeted_ = false;                 // the peer's SETTINGS are here
  bool leaving_ = false;                 // a GOAWAY was received, or our stream numbers are used up
  bool refused_ = false;                 // some stream
  bool doubted_ = false;                 // a PING was sent, and nothing has come since
  std::uint64_t heard_ = 0;              // reads that brought something
  bool receiving_ = false, write_soon_ = false, deliver_soon_ = false;
  const char* wrong_ = "the upstream broke HTTP/2";
  std::uint64_t block_bytes_ = 0;        // read since a frame began that is no CONTINUATION
  std::int64_t allowance_ = kUselessFramesMax;
  std::uint64_t allowance_at_ms_ = 0;
  std::vector<Touched> touched_, writable_;
  std::vector<nghttp2_nv> fields_;       // of what is being submitted
  Deadline silence_;                     // doubted: the connect timeout
};

}  // namespace cleat::upstream
