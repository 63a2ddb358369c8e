// Http1Client: one HTTP/1.1 connection to an endpoint. Serves one request at a time; between, it idles in its pool. Writes what
// the requester hands it, parses what comes back, and says plainly when the peer breaks off. Owned by its Pool; one worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/upstream.hpp"
#include "kernel/upstream/pooled.hpp"

namespace cleat::upstream {

class Http1Client final : public Pooled, public Upstream {
 public:
  // server_name: who is asked for, where the cluster has TLS.
  Http1Client(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name);
  ~Http1Client() override;

  void on_io(std::uint32_t events) override;

  // Upstream
  void send_head(const http::RequestHead& head, const http::RequestWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  void flush() override { transport_.flush(); }
  bool blocked() const override { return transport_.blocked(); }
  void pull() override;
  void enter_tunnel() override;
  bool reused() const override { return served_ > 1; }
  bool unsent() const override { return transport_.sent_bytes() == 0; }
  bool response_begun() const override { return response_bytes_ > 0; }
  void release(bool reusable) override;

  // --- for the pool ---
  void serve(Requester& requester);      // from now on
  Requester* requester() const { return requester_; }
  std::uint64_t served() const { return served_; }
  bool clean();                          // nothing unread, unsent or broken: may serve another
  bool ended_idle(std::uint32_t events); // while nothing was expected: an end, or bytes that nobody asked for
  void idle(std::uint64_t until_ms);
  void close() override;

 private:
  enum class State : std::uint8_t { kConnecting, kIdle, kHead, kBody, kDone, kTunnel, kClosed };
  bool open(std::uint32_t events);               // as far as it goes now; true: it is open
  void connected();
  void failed(std::uint32_t how);
  void read_more();
  Transport* sink() const;                       // where the rest of the body may go past the requester, where it is long
  bool pass_body();                              // without a look at it, where it is long and nobody else looks; false: it is to be read
  std::size_t take(std::string_view data);       // hands on what the requester wants; how much was used
  std::size_t take_head(std::string_view data);
  std::size_t take_body(std::string_view data);
  void ended();                                  // the peer will send no more
  void on_deadline() override;                   // connecting: the connect timeout; idle: the idle timeout

  State state_ = State::kConnecting;
  http::Body framing_ = http::Body::kNone;       // of the request
  Requester* requester_ = nullptr;
  bool pulling_ = false, eof_ = false, tunnel_ended_ = false;  // tunnel_ended_: by the requester
  bool may_pass_ = false;                        // the latest body might have gone past: for the next one's sake little is read with its head
  std::uint64_t served_ = 0, response_bytes_ = 0;
  Buffer in_;
  std::size_t scanned_ = 0;
  std::size_t rest_ = 0;                         // while pulling: bytes read and not yet used
  std::uint64_t body_left_ = 0;
  http::ChunkedDecoder chunked_;
};

}  // namespace cleat::upstream
