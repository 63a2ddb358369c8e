// Transport: the byte stream to one peer. Reads into the worker's scratch memory, writes straight through: only what the peer does not
// take at once is copied and kept, and then `blocked` says so. Edge-triggered: it remembers what the loop has told. An idle one owns no
// buffer. One worker. TLS, where there is some, is between `read`, `write` and the socket: nobody above it knows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/pipe.hpp"
#include "kernel/base/socket.hpp"

namespace cleat {

class IoHandler;
class Worker;

namespace tls {
class Session;
}

class Transport {
 public:
  static constexpr std::size_t kCoalesceBytes = 16 * 1024;  // pieces up to this are copied behind what waits

  enum class Side : std::uint8_t { kDownstream, kUpstream };  // whose half of the scratch memory it reads into

  Transport(Worker& worker, Socket socket, Side side = Side::kDownstream);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  ~Transport();

  int fd() const { return socket_.fd(); }
  // The loop tells `owner` from now on: of room for writing only once something had to wait for it. False: the system refuses.
  bool watch(IoHandler& owner);
  void close();                              // buffers too

  // --- opening ---
  void set_connecting() { connecting_ = blocked_ = true; }
  void begin_with(std::string bytes) { first_ = std::move(bytes); }  // once connected, in the clear, before a handshake; a few
  void use_tls(std::unique_ptr<tls::Session> session);
  tls::Session* tls() const { return tls_.get(); }
  enum class Opened : std::uint8_t { kNotYet, kYes, kFailed };
  std::string why_not_open() const;          // after kFailed: of TLS, in words; empty: nothing is known
  Opened open(std::uint32_t events);         // the system's connect, where it connects, then the handshake, as far as they go now

  // --- what the loop has told ---
  void note_readable(std::uint32_t events);  // EPOLLIN, and the ends
  bool note_writable();                      // true: what was kept has been sent, and nothing keeps back more
  bool readable() const { return readable_; }
  bool hangup() const { return hangup_; }
  void assume_readable() { readable_ = true; }

  // --- reading ---
  // What is there, up to the size of the scratch memory; `data` lives until the next read on this side of anyone on this worker.
  Io read(std::string_view& data, std::size_t most = SIZE_MAX);
  // Of one that expects nothing: is what the loop has told of TLS's own, such as a session ticket, and no end and no data? Uses no scratch memory.
  bool told_nothing(std::uint32_t events);

  // --- from one to another, without a copy ---
  bool may_splice() const { return tls_ == nullptr && !broken_; }
  // Moves what is there, at most `most`, behind what `to` was handed before; what its peer does not take at once waits in a pipe. blocked:
  // there is nothing now, or no pipe to be had (then `readable` stays). REQUIRES: both may_splice, `to` is not blocked, and is handed no more
  // while it is.
  Io splice_to(Transport& to, std::size_t most);
  bool drained();                            // nothing more has come, not even the end; leaves it there

  // --- writing ---
  Buffer& out();                             // sent by flush, before what is handed over later
  void send(std::string_view data);          // sent or copied before the call returns; small pieces wait for flush
  void flush();
  void shut_when_sent();                     // half-close, once everything is sent
  bool blocked() const { return blocked_; }  // the peer takes no more now
  bool all_sent() const { return out_.empty() && pipe_ == nullptr; }
  bool broken() const { return broken_; }    // a write failed; what is handed over is dropped
  void break_off(bool reset = false) {       // reset: close will send RST
    broken_ = true;
    if (reset) reset_on_close(fd());
  }
  std::uint64_t sent_bytes() const { return sent_bytes_; }  // to the socket
  void count_from_here() { sent_bytes_ = 0; }

 private:
  bool send_first();
  void drain_pipe();
  void drop_pipe();
  void block();
  Io write(const iovec* parts, int count, bool more = false);
  Worker& worker_;
  IoHandler* owner_ = nullptr;  // nullptr: the loop does not know it, or tells it of room too
  Socket socket_;
  const Side side_;
  bool connecting_ = false;
  std::string first_;
  std::unique_ptr<tls::Session> tls_;
  bool readable_ = false, hangup_ = false, blocked_ = false, shut_wanted_ = false, broken_ = false;
  std::uint64_t sent_bytes_ = 0;
  Buffer out_;
  std::unique_ptr<Pipe> pipe_;  // comes behind out_; while there is one, blocked
};

}  // namespace cleat
