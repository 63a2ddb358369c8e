// Acceptor: a listening socket of one listener, at one worker. Takes connections off its queue, in each turn one, and more in a turn with
// many events, and makes a Connection of each; closes at once what is over the listener's limit or finds no descriptor, and counts it.
// It outlives its connections. The worker's thread; made by the control thread before the worker runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel/base/reactor.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/base/timer_wheel.hpp"

namespace cleat {

class Worker;
struct Listener;

class Acceptor final : public IoHandler {
 public:
  static constexpr std::size_t kEventsEach = 16;     // of a turn: one more connection is taken for so many
  static constexpr std::uint64_t kPauseMs = 100;     // after a shortage of descriptors or memory
  static constexpr std::uint64_t kSayAgainMs = 1000; // between two lines about the same shortage

  // Registers the socket with the worker's reactor.
  Acceptor(Worker& worker, const Listener& listener, SharedSocket listening);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void stop();                       // lets go of the listening socket; connections go on
  bool listening() const { return listening_ != nullptr; }
  const SharedSocket& socket() const { return listening_; }
  bool idle() const { return connections_ == 0; }  // no connection came from here that is open still
  void connection_closed();          // once for each connection that was started
  const Listener& listener() const { return *listener_; }  // as the worker's current generation has it, while listening()
  void follow(const Listener& listener) { listener_ = &listener; }  // the same one in another generation

  void on_io(std::uint32_t events) override;
  void admit(Socket socket, const Address& peer);  // a connection that has come

 private:
  void watch();
  void run_short(int error);         // no descriptor, no memory
  void say(std::string_view text);

  Worker& worker_;
  const Listener* listener_;
  std::uint64_t connections_ = 0;
  SharedSocket listening_;           // nullptr: stopped
  Socket reserve_;                   // given up for the moment that it takes to refuse a connection without a descriptor
  const std::shared_ptr<std::atomic<std::uint64_t>> open_connections_;
  Timer pause_;                      // armed: the loop does not watch the socket
  std::uint64_t said_ms_ = 0;
};

}  // namespace cleat
