// Transport: the byte stream to one peer. Reads into the worker's scratch memory, writes straight through: only what the peer does not
// take at once is copied and kept, and then `blocked` says so. Edge-triggered: it remembers what the loop has told. An idle one owns no
// buffer. One worker. Whatever wraps the bytes on their way (TLS) has its place between `read`, `write` and the socket.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/socket.hpp"

namespace cleat {

class Worker;

class Transport {
 public:
  static constexpr std::size_t kCoalesceBytes = 16 * 1024;  // pieces up to this are copied behind what waits

  enum class Side : std::uint8_t { kDownstream, kUpstream };  // whose half of the scratch memory it reads into

  Transport(Worker& worker, Socket socket, Side side = Side::kDownstream) : worker_(worker), socket_(std::move(socket)), side_(side) {}
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int fd() const { return socket_.fd(); }
  void close();                              // buffers too

  // --- what the loop has told ---
  void note_readable(std::uint32_t events);  // EPOLLIN, and the ends
  bool note_writable();                      // true: what was kept has been sent, and nothing keeps back more
  bool readable() const { return readable_; }
  bool hangup() const { return hangup_; }
  void assume_readable() { readable_ = true; }
  void set_blocked() { blocked_ = true; }    // not connected yet

  // --- reading ---
  // What is there, up to the size of the scratch memory; `data` lives until the next read on this side of anyone on this worker.
  Io read(std::string_view& data);

  // --- writing ---
  Buffer& out();                             // sent by flush, before what is handed over later
  void send(std::string_view data);          // sent or copied before the call returns; small pieces wait for flush
  void flush();
  void shut_when_sent();                     // half-close, once everything is sent
  bool blocked() const { return blocked_; }  // the peer takes no more now
  bool all_sent() const { return out_.empty(); }
  bool shutting() const { return shut_wanted_; }
  bool broken() const { return broken_; }    // a write failed; what is handed over is dropped
  void break_off() { broken_ = true; }
  std::uint64_t sent_bytes() const { return sent_bytes_; }  // to the socket
  void count_from_here() { sent_bytes_ = 0; }

 private:
  Io write(const iovec* parts, int count);
  Worker& worker_;
  Socket socket_;
  const Side side_;
  bool readable_ = false, hangup_ = false, blocked_ = false, shut_wanted_ = false, broken_ = false;
  std::uint64_t sent_bytes_ = 0;
  Buffer out_;
};

}  // namespace cleat
