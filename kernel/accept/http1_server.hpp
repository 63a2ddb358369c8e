// Http1Server: HTTP/1.1 on a downstream connection. Reads heads and bodies strictly, one exchange at a time (pipelined requests wait in
// the system's buffer or in `in_`), and writes what the exchange hands it.
#pragma once

#include <string_view>

#include "kernel/accept/connection.hpp"
#include "kernel/base/buffer.hpp"
#include "kernel/downstream.hpp"
#include "kernel/http/parse.hpp"

namespace cleat {

class Exchange;

class Http1Server final : public Protocol, public Downstream {
 public:
  static constexpr std::uint64_t kLingerMs = 1'000;            // reading on after the last reply, so that it is not lost to a reset
  // How long after a request a drain waits for the next one, which may be on its way: it is the last, and the reply says so.
  static constexpr std::uint64_t kLastRequestMs = 1'000;
  static constexpr std::uint64_t kLingerBytesMax = 1024 * 1024;
  static constexpr std::uint64_t kDrainBytesMax = 64 * 1024;   // of an unwanted request body, to keep the connection
  static constexpr std::uint32_t kHeadsInTurn = 32;            // pipelined requests that are answered in one turn of the loop

  explicit Http1Server(Connection& connection);

  // Protocol
  void start() override;
  void on_io(std::uint32_t events) override;
  void on_deadline() override;
  bool between_exchanges() const override { return state_ == State::kHead && in_.empty(); }
  void drain() override;
  void cut(bool reset) override;

  // Downstream
  Connection& connection() override { return connection_; }
  void pull() override;
  bool body_done() const override { return body_done_; }
  bool drainable() const override;
  void send_informational(const http::ResponseHead& head) override;
  void send_head(const http::ResponseHead& head, const http::ResponseWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  Transport* sink() override { return framing_ != http::Body::kChunked && transport_.may_splice() ? &transport_ : nullptr; }
  void flush() override { transport_.flush(); }
  bool blocked() const override { return transport_.blocked(); }
  bool all_sent() const override { return transport_.all_sent(); }
  bool may_keep_alive() const override;
  void enter_tunnel() override;
  void exchange_done(bool keep) override;

 private:
  enum class State : std::uint8_t { kHead, kExchange, kDraining, kTunnel, kLinger, kClosed };
  const Listener& listener() const { return connection_.listener(); }
  void read_head();
  void read_next_head();
  bool take_head(std::string_view data, bool owned);   // true: an exchange began or ended the reading
  void refuse(http::ParseError error);
  void begin_exchange(http::ParseError error, std::string_view head);
  std::size_t take_body(std::string_view data);
  void drain_body();
  void after_flush();
  void peer_gone();
  void linger();
  void close();
  void stash(std::string_view data);
  void wait_for_request();

  Connection& connection_;
  Worker& worker_;
  Transport& transport_;
  Deadline& deadline_;                     // head, idle, linger
  State state_ = State::kHead;
  bool eof_ = false, pulling_ = false, keep_ = false, body_done_ = true, close_when_sent_ = false;
  Exchange* exchange_ = nullptr;
  Buffer in_;
  std::size_t scanned_ = 0;
  std::uint64_t body_left_ = 0, body_seen_ = 0, lingered_ = 0;
  http::Body body_ = http::Body::kNone;    // how the request is framed
  http::Body framing_ = http::Body::kNone; // and the response
  http::ChunkedDecoder chunked_;
  std::uint64_t waits_since_ms_ = 0;       // for a request
  std::uint64_t head_start_us_ = 0, head_start_unix_us_ = 0;
  std::uint64_t turn_us_ = 0;              // of the loop, in which `heads_in_turn_` were read
  std::uint32_t heads_in_turn_ = 0;
};

}  // namespace cleat
