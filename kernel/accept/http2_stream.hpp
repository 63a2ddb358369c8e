// Http2Stream: one stream of an Http2Server, the downstream of one exchange. What the session's callbacks bring is kept here until `run`,
// outside of them, hands it to the exchange; what the exchange sends is kept until the session asks for it.
//
// Kept for one stream: of the request, what its window allows (http2.stream_window), given back as the exchange takes it; of the
// response, less than kOutBytes and the piece that goes beyond it (one read, 64 KiB, unless a plugin made it longer). A connection keeps
// that for each of its concurrent streams at most, and 48 KiB on their way to the socket.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/intrusive/list.hpp>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/downstream.hpp"
#include "kernel/http2/header_block.hpp"

namespace cleat {

class Exchange;
class Http2Server;

class Http2Stream final : public Downstream {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;  // of a body, handed over at once
  static constexpr std::size_t kOutBytes = 64 * 1024;  // from here on the exchange waits, until half of it has been sent

  explicit Http2Stream(Http2Server& server) : server_(server) {}
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  // Downstream
  Connection& connection() override;
  void pull() override;
  bool body_done() const override { return body_done_; }
  bool drainable() const override { return true; }  // the stream is reset
  void send_informational(const http::ResponseHead& head) override;
  void send_head(const http::ResponseHead& head, const http::ResponseWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  void flush() override;
  bool blocked() const override { return out_.size() >= kOutBytes; }
  bool all_sent() const override { return end_sent_; }
  bool may_keep_alive() const override { return true; }  // the server says GOAWAY by itself
  void enter_tunnel() override;
  void exchange_done(bool keep) override;
  void cut(bool reset) override;

  // --- for its server, in the session's callbacks ---
  void open(std::int32_t id, Exchange& exchange);
  std::int32_t id() const { return id_; }              // 0: not in use
  Exchange* exchange() { return exchange_; }
  bool make_upgrade();                                 // of an extended CONNECT; false: no memory
  void head_received(http::ParseError error, std::size_t bytes);
  bool data_received(std::string_view data);           // false: more than its Content-Length
  bool end_received();                                 // false: less than that
  http::Fields& trailers() { return trailers_; }
  void malformed() { gone_ = dropping_ = true; }
  void session_closed() { closed_ = true; }
  void end_was_sent() { end_sent_ = true; }
  ssize_t give_data(std::uint8_t* to, std::size_t size, std::uint32_t* flags);  // as nghttp2_data_source_read_callback

  // --- and outside of them ---
  void run();                                          // does what has become due
  void abandon();                                      // the connection is lost
  bool free() const { return closed_ && exchange_ == nullptr; }
  void recycle();

  boost::intrusive::list_member_hook<> in_due;         // the server's list

 private:
  void begin();
  void send_connect_head(http::ResponseHead head, const http::ResponseWrite& how);
  void send_head_as(const http::ResponseHead& head, const http::ResponseWrite& how, bool opens_tunnel);
  void submit(const http::ResponseHead& head, const http::ResponseWrite& how, bool end);
  void take(std::string_view data);
  void drop_received();
  void fail(std::uint32_t code);
  void resume();

  Http2Server& server_;
  Exchange* exchange_ = nullptr;
  std::int32_t id_ = 0;
  Buffer in_, out_;
  http::Fields trailers_;                              // of the request
  http::ParseError error_;                             // why its head is refused
  std::string_view accept_;                            // of an extended CONNECT: what the endpoint must answer its key with
  std::size_t head_bytes_ = 0;
  std::uint64_t body_left_ = 0, body_seen_ = 0;        // in `in_` and later; handed over
  bool length_known_ = false;
  bool head_due_ = false, begun_ = false, pulling_ = false, dropping_ = false, tunnel_ = false;
  bool end_received_ = false;                          // the client will send no more
  bool body_done_ = true;
  bool deferred_ = false;                              // the session waits for data
  bool end_given_ = false, end_sent_ = false;          // of the response: by the exchange; to the socket
  bool was_blocked_ = false;
  bool closed_ = false;                                // the session knows it no more
  bool gone_ = false;                                  // it is reset, or is malformed: the exchange is to end
  const http::Fields* response_trailers_ = nullptr;
};

}  // namespace cleat
