// Connection: one downstream connection, whatever is spoken on it: its transport, its place in the worker and in a generation, and what
// plugins see of it. First its on_connection hooks are asked; then its protocol reads and writes. One worker; it ends by `close`,
// and the worker destroys it when the turn is over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/accept/protocol.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/generation.hpp"
#include "kernel/transport.hpp"

namespace cleat {

class Acceptor;
class Worker;
struct WorkerGeneration;

class Connection final : public IoHandler {
 public:
  Connection(Worker& worker, Acceptor& acceptor, Socket socket, const Address& peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();
  void start();                            // the header before its protocol, where the listener has one
  void open();                             // it is known whose it is: hooks, then its protocol
  void on_io(std::uint32_t events) override;

  // --- for its protocol ---
  Transport transport;
  Deadline deadline;
  void close();                            // at once; the protocol is called no more
  bool closed() const { return closed_; }
  bool may_go_on() const;                  // with another exchange: the worker does not drain, and there is a generation for it
  void follow_generation();                // between two exchanges
  std::uint64_t count_request() { return ++requests_; }
  void set_addresses(const Address& source, const Address& destination);  // of the client it is passed on for; before `open`
  bool may_speak_http2();                  // if its first bytes say so: nothing else was agreed on
  // Another one, from its first bytes on, which have been read already. The caller is destroyed when the turn is over.
  void speak_http2(std::string_view received);

  // --- for attributes, hooks, the worker ---
  Worker& worker() const { return worker_; }
  const Listener& listener() const { return *listener_; }
  WorkerGeneration& home() const { return *home_; }
  // Where it comes from and what it was made to: of the client and as it did, where a PROXY header has told; else the socket's.
  const Address& peer() const { return peer_; }
  const Address& local();
  std::string_view peer_text();            // ip:port
  std::string_view peer_ip();
  std::string_view local_text();
  // Where its client wanted to go, if that is not here: of one that was redirected, that a transparent listener took, or that a PROXY
  // header says was made to another address. nullptr: it is here, or not known.
  const Address* original_destination();
  std::string_view original_text();        // empty: as above
  std::uint64_t id() const { return id_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t accepted_unix_us() const { return accepted_unix_us_; }
  std::uint64_t missed_hooks() const { return missed_hooks_; }  // positions that must see a connection begin, and were quarantined
  std::uint64_t handle();                  // cleat_conn; named at the first call
  bool suspend(std::uint32_t number);      // in on_connection
  void resume(std::uint32_t number, std::uint32_t verdict);
  void drain();
  void cut(bool reset);
  tls::Session* tls() const { return transport.tls(); }  // nullptr: it is in the clear
  void generation_changed();               // the worker has another one: go there, now or before the next exchange

  Connection* next = nullptr;              // the worker's list
  Connection* before = nullptr;
  std::uint32_t timers = 0, timer_list = 0;

 private:
  // What happens before a protocol is spoken, in this order.
  enum class Opening : std::uint8_t { kConnectionHooks, kHandshake, kHelloHooks, kTlsHooks, kDone };  // kHelloHooks: within the handshake
  void go_on_opening();
  hooks::Hook opening_hook() const;
  bool run_hooks();                        // those of this moment; true: all of them have let it in
  void begin_handshake();
  void handshake(std::uint32_t events);
  void begin_protocol();
  std::unique_ptr<Protocol> first_protocol();
  void call_end_hooks();
  const Listener* listener_to_follow(std::uint64_t& ended_hooks) const;
  static void on_deadline(void* self);

  Worker& worker_;
  Acceptor& acceptor_;
  const Listener* listener_;
  WorkerGeneration* home_;
  // Where it was made to, and where its client wanted to go: made when they are asked for.
  struct Ends {
    Address local, original;               // of no size until they are asked for
    bool original_asked = false;
    std::string local_text, original_text;
  };
  Ends& ends();
  Address peer_;
  std::string peer_text_;
  std::unique_ptr<Ends> ends_;
  std::unique_ptr<Protocol> protocol_;     // nullptr while it opens
  Opening opening_ = Opening::kConnectionHooks;
  bool registered_ = false;                // with the loop
  std::uint64_t handshake_until_ms_ = 0;
  bool closed_ = false;
  std::uint64_t id_, requests_ = 0, accepted_unix_us_, handle_ = 0;
  std::uint32_t ticket_ = 0;
  std::uint8_t hook_cursor_ = 0;
  std::uint64_t ended_hooks_ = 0;          // positions whose on_connection was called
  std::uint64_t missed_hooks_ = 0;
};

}  // namespace cleat
