// Http1Server: one downstream connection. Reads heads and bodies strictly, one exchange at a time (pipelined requests wait in the
// system's buffer or in `in_`), and writes what the exchange hands it. An idle connection holds no buffer. One worker; it ends
// itself: closed() unlinks it and the worker destroys it when the turn is over.
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/generation.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/http/write.hpp"

namespace cleat {

class Acceptor;
class Exchange;
class Worker;
struct WorkerGeneration;

class Http1Server final : public IoHandler {
 public:
  static constexpr std::size_t kCoalesceBytes = 16 * 1024;
  static constexpr std::uint64_t kLingerMs = 1'000;            // reading on after the last reply, so that it is not lost to a reset
  // How long after a request a drain waits for the next one, which may be on its way: it is the last, and the reply says so.
  static constexpr std::uint64_t kLastRequestMs = 1'000;
  static constexpr std::uint64_t kLingerBytesMax = 1024 * 1024;
  static constexpr std::uint64_t kDrainBytesMax = 64 * 1024;   // of an unwanted request body, to keep the connection

  Http1Server(Worker& worker, Acceptor& acceptor, Socket socket, const Address& peer);
  ~Http1Server();
  void start();
  void on_io(std::uint32_t events) override;

  // --- for the exchange ---
  void pull();                             // reads the request body on, while the exchange wants it
  // The response. Nothing of it is sent for certain before `flush`; what is handed over is sent or copied before the call returns.
  void send_informational(const http::ResponseHead& head);   // 1xx, sent at once; a client of HTTP/1.0 gets none
  void send_head(const http::ResponseHead& head, const http::ResponseWrite& how);
  void send_data(std::string_view data);                     // of the body, or a tunnel's
  void send_end(const http::Fields& trailers);               // of the body; of a tunnel's half
  void flush();
  bool blocked() const { return blocked_; }  // downstream_writable follows
  bool all_sent() const { return out_.empty(); }
  bool may_keep_alive() const;             // as far as this side knows now
  bool body_done() const { return body_done_; }
  bool drainable() const;                  // what is left of the request body is small enough to be read and dropped
  void exchange_done(bool keep);           // called when the exchange has been given back
  void cut(bool reset);                    // closed now
  void enter_tunnel();

  // --- for attributes and hooks ---
  std::string_view peer_text();
  std::string_view peer_ip();
  std::string_view local_text();
  std::uint64_t id() const { return id_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t accepted_unix_us() const { return accepted_unix_us_; }
  const Listener& listener() const { return *listener_; }
  WorkerGeneration& home() const { return *home_; }
  std::uint64_t handle();                  // cleat_conn; named at the first call
  bool suspend(std::uint32_t number);      // in on_connection
  void resume(std::uint32_t number, std::uint32_t verdict);
  void drain();                            // close when idle, and no request is to be expected
  void generation_changed();               // the worker has another one: go there, now or before the next request
  Worker& worker() { return worker_; }
  Exchange* exchange() { return exchange_; }

  Http1Server* next = nullptr;             // the worker's list
  Http1Server* before = nullptr;
  std::uint32_t timers = 0, timer_list = 0;

 private:
  const Listener* listener_to_follow(std::uint64_t& ended_hooks) const;
  void follow_generation();
  enum class State : std::uint8_t { kOpening, kHead, kExchange, kDraining, kTunnel, kLinger, kClosed };
  bool run_connection_hooks();
  Buffer& out();                           // sent by flush
  void send(std::string_view data);
  Io read_scratch();
  void read_head();
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
  static void on_deadline(void* self);

  Worker& worker_;
  Acceptor& acceptor_;
  const Listener* listener_;
  WorkerGeneration* home_;
  Socket socket_;
  const Address peer_;
  std::string peer_text_, local_text_;
  State state_ = State::kOpening;
  bool readable_ = false, hangup_ = false, blocked_ = false, eof_ = false, pulling_ = false, keep_ = false, shut_wanted_ = false, body_done_ = true;
  bool close_when_sent_ = false, broken_ = false, hooks_ran_ = false;
  Exchange* exchange_ = nullptr;
  Buffer in_, out_;
  std::size_t scanned_ = 0;
  std::uint64_t body_left_ = 0, body_seen_ = 0, lingered_ = 0;
  http::Body body_ = http::Body::kNone;    // how the request is framed
  http::Body framing_ = http::Body::kNone; // and the response
  http::ChunkedDecoder chunked_;
  std::uint64_t waits_since_ms_ = 0;       // for a request
  std::uint64_t head_start_us_ = 0, head_start_unix_us_ = 0;
  std::uint64_t id_, requests_ = 0, accepted_unix_us_, handle_ = 0;
  std::uint32_t ticket_ = 0;
  std::uint8_t hook_cursor_ = 0;
  std::uint64_t ended_hooks_ = 0;          // positions whose on_connection was called
  Deadline deadline_;                      // head, idle, linger, or a suspended on_connection
};

}  // namespace cleat
