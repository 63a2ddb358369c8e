// Client: one HTTP/1.1 connection to an endpoint. Serves one exchange at a time; between, it idles in its pool. Writes what
// the exchange hands it, parses what comes back, and says plainly when the peer breaks off. Owned by its Pool; one worker.
#pragma once

#include <memory>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/http/parse.hpp"

namespace cleat {
class Exchange;
class Worker;
struct Endpoint;
}  // namespace cleat

namespace cleat::upstream {

class Pool;

class Client final : public IoHandler {
 public:
  static constexpr std::size_t kCoalesceBytes = 16 * 1024;  // body pieces up to this are copied behind what waits in `out`

  Client(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, bool connecting);
  ~Client();

  void on_io(std::uint32_t events) override;

  // --- for the exchange it serves ---
  void serve(Exchange& exchange);        // from now on
  Buffer& out() { return out_; }         // a head, chunk framing: appended here, sent by flush
  void send(std::string_view data);      // body bytes; they are sent or copied before the call returns
  void flush();
  bool blocked() const { return blocked_; }  // the system takes no more now; upstream_writable follows
  void pull();                           // reads the response on, while the exchange wants it
  void enter_tunnel();
  void shutdown_write();                 // half-close, when everything is sent
  bool reused() const { return served_ > 1; }
  std::uint64_t sent_bytes() const { return sent_bytes_; }  // to the socket, for this exchange
  bool response_begun() const { return response_bytes_ > 0; }

  // --- for the pool ---
  Endpoint& endpoint() const { return *endpoint_; }
  Exchange* exchange() const { return exchange_; }
  std::uint64_t served() const { return served_; }
  bool clean() const;                    // nothing unread, unsent or broken: may serve another
  void idle(std::uint64_t until_ms);
  void close();                          // at once; the pool forgets and retires it

  std::size_t pool_index = 0;            // in the pool's list of all clients
  Client* idle_before = nullptr;         // in its list of idle ones
  Client* idle_after = nullptr;
  bool is_idle = false;

 private:
  enum class State : std::uint8_t { kConnecting, kIdle, kHead, kBody, kDone, kTunnel, kClosed };
  void connected();
  void failed(std::uint32_t how);
  void read_more();
  std::size_t take(std::string_view data);       // hands on what the exchange wants; how much was used
  std::size_t take_head(std::string_view data);
  std::size_t take_body(std::string_view data);
  void ended();                                  // the peer will send no more
  static void on_deadline(void* self);

  Pool& pool_;
  Worker& worker_;
  const std::shared_ptr<Endpoint> endpoint_;
  Socket socket_;
  State state_;
  Exchange* exchange_ = nullptr;
  bool readable_ = false, hangup_ = false, blocked_ = false, pulling_ = false, eof_ = false, shut_ = false, shut_wanted_ = false, failed_ = false;
  std::uint64_t served_ = 0, sent_bytes_ = 0, response_bytes_ = 0;
  Buffer out_, in_;
  std::size_t scanned_ = 0;
  std::size_t rest_ = 0;                         // while pulling: bytes read and not yet used
  std::uint64_t body_left_ = 0;
  http::ChunkedDecoder chunked_;
  Deadline deadline_;  // connecting: the connect timeout; idle: the idle timeout
};

}  // namespace cleat::upstream
