// Http2Server: HTTP/2 on a downstream connection, by nghttp2, which keeps the session: frames, header compression, windows, states of
// streams. Its callbacks only note what came; exchanges begin, go on and end in `run_due`, outside of them. What messages may look like is
// judged by kernel/http2, not by nghttp2. What a client can make the proxy do for nothing is bounded by http2_flood.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string_view>
#include <vector>

#include "kernel/accept/connection.hpp"
#include "kernel/accept/http2_flood.hpp"
#include "kernel/accept/http2_stream.hpp"
#include "kernel/http2/header_block.hpp"
#include "kernel/http2/session_memory.hpp"

namespace cleat {

class Http2Server final : public Protocol {
 public:
  static constexpr std::uint64_t kLingerMs = 1'000;            // reading on after the last frame, so that it is not lost to a reset
  static constexpr std::uint64_t kLingerBytesMax = 1024 * 1024;
  // Between the two GOAWAY frames of a graceful end: streams that the client opens in that time, not knowing, are served.
  static constexpr std::uint64_t kNoticeMs = 1'000;
  static constexpr std::uint64_t kGiveBackMs = 1'000;          // idle for so long, it keeps no memory that it can have again
  static constexpr std::uint32_t kReadsInTurn = 4;             // of 64 KiB, before others have their turn
  static constexpr std::size_t kWriteBytes = 32 * 1024;        // frames are written together until they are as much
  static constexpr std::size_t kQueuedMax = 2'000;             // frames that wait while the client does not read
  static constexpr std::size_t kListFactor = 16;               // a header list this many times over the limit ends the connection

  // `received`: what was read of it before it was known to be HTTP/2, from its first byte on; used in `start`.
  explicit Http2Server(Connection& connection, std::string_view received = {});
  ~Http2Server() override;

  // Protocol
  void start() override;
  void on_io(std::uint32_t events) override;
  void on_deadline() override;
  bool between_exchanges() const override { return exchanges_ == 0; }
  void drain() override { wind_down(); }
  void cut(bool reset) override;

  // --- for its streams ---
  Connection& connection() { return connection_; }
  nghttp2_session* session() { return session_.get(); }
  void write();                                                // what the session has to send, as far as the client takes it
  void write_soon() {                                          // the same, and for all streams that run now together
    if (!running_) write();
  }
  void due(Http2Stream& stream);                               // `run` is called before the current event is over
  void reset(Http2Stream& stream, std::uint32_t code);
  void consumed(std::int32_t id, std::size_t size);            // window is given back; 0: of the connection alone
  void release(Http2Stream& stream);
  void exchange_begins();
  void exchange_ended();
  void wind_down_if_due(const Exchange& exchange);             // at the head of its response

 private:
  friend struct Http2Callbacks;
  enum class State : std::uint8_t { kOpen, kEnding, kLinger, kClosed };
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  const Listener& listener() const { return connection_.listener(); }
  bool idle() const { return exchanges_ == 0 && block_since_ms_ == 0; }
  void read();
  void receive(std::string_view data);
  void run_due();
  void settle();                                               // after an event: send, and see whether that was the end
  void arm_deadline();
  void give_back();
  void wind_down();                                            // GOAWAY, in two steps
  void calm_down();                                            // after a flood
  void terminate(std::uint32_t code);                          // GOAWAY, now
  void end();                                                  // nothing more is read; exchanges that are left are cut off
  void linger();
  void close();

  // In the session's callbacks (http2_callbacks.cpp).
  void submit_settings();
  int open_stream(std::int32_t id);
  int head_complete(Http2Stream& stream, bool end_stream);
  int trailers_complete(Http2Stream& stream, bool end_stream);
  void refuse(Http2Stream& stream, std::uint32_t code);
  int useless_frame();                                         // these give the callback's answer
  int flood(const char* limit);
  int out_of_order();

  Connection& connection_;
  Worker& worker_;
  Transport& transport_;
  http2::SessionMemory memory_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  State state_ = State::kOpen;
  std::string_view received_;
  bool running_ = false, writing_ = false, in_session_ = false, due_later_ = false;
  bool settings_seen_ = false, going_away_ = false;
  const char* flooded_ = nullptr;                              // the limit that the client went over
  std::vector<std::unique_ptr<Http2Stream>> streams_;          // in use, and free ones
  std::vector<Http2Stream*> free_;
  std::uint32_t exchanges_ = 0;                                // that have begun and not ended
  std::int32_t latest_ = -1;                                   // stream that was opened
  std::int32_t skipped_from_ = 0, skipped_to_ = -1;            // the latest identifiers that were not
  boost::intrusive::list<Http2Stream, boost::intrusive::member_hook<Http2Stream, decltype(Http2Stream::in_due), &Http2Stream::in_due>> due_;
  http2::RequestBlock request_;                                // one header block at a time (RFC 9113 4.3)
  http2::TrailerBlock trailer_;
  Http2Flood frames_;
  std::uint64_t block_since_ms_ = 0;                           // a header block has begun and is not complete; 0: none has
  std::uint64_t wrote_ms_ = 0;                                 // a frame, since memory was given back; 0: none
  std::uint64_t idle_since_ms_ = 0, notice_ms_ = 0, lingered_ = 0;
};

}  // namespace cleat
