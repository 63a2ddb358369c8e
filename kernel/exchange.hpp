// Exchange: one request and its response, from head to on_end. This is the spine: every branch of an exchange's life stands
// in exchange.cpp's `advance`. It owns the arena, both heads and the cursor through the plugins' hooks. It belongs to one
// worker and never moves. Objects are recycled: `handle` names one life, and what is known of that is ExchangeLife.
//
//   kRequest → kRoute → kGather → kAttempt → kConnect → kAwait → kAttemptEnd → kResponse → kStream → kDone
//                 └→ kHandle ──────────────────────────────────────────────────┘
//   kReply (a reply made here) → kResponse;   kStream → kTunnel after 101 and CONNECT;   kAttemptEnd → kPause → kAttempt
//
// Invariants: on_end is called exactly once; nothing is sent downstream before kStream but 1xx; at most one hook of the exchange
// runs at a time; what a host call asks for takes effect after the hook that asked has returned.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/body_pipe.hpp"
#include "kernel/downstream.hpp"
#include "kernel/generation.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/upstream.hpp"
#include "kernel/worker.hpp"

namespace cleat {

namespace upstream {
class Pool;
struct SetInUse;
}  // namespace upstream

enum class Stage : std::uint8_t {
  kIdle, kRequest, kRoute, kGather, kHandle, kAttempt, kConnect, kAwait, kAttemptEnd, kPause, kReply, kResponse, kStream, kTunnel, kDone,
};

// What a hook's return, or a resumed ticket, did to the exchange.
enum class Flow : std::uint8_t { kNext, kWait, kJump };

// A suspended hook, one for the heads and one for each body.
enum class Lane : std::uint8_t { kHead, kRequestBody, kResponseBody };

// What one life of an Exchange knows: the next begins with it as it stands here.
class ExchangeLife {
 public:
  Stage stage = Stage::kIdle;

  // --- the facts (attributes read them) ---
  Downstream* server = nullptr;
  WorkerGeneration* home = nullptr;
  const Listener* listener = nullptr;
  const Route* route = nullptr;
  std::uint32_t route_position = 0;
  Cluster* cluster = nullptr;
  Endpoint* endpoint = nullptr;
  upstream::SetInUse* endpoints = nullptr;                     // that `endpoint` is of
  std::string_view original_target, original_authority, request_id;
  std::string_view reply_flag;
  const hooks::Instance* reply_by = nullptr;                   // nullptr and a flag: the kernel
  std::uint64_t start_us = 0, start_unix_us = 0;               // of the first byte
  std::uint64_t request_end_us = 0, upstream_start_us = 0, upstream_head_us = 0;  // monotonic; 0 = not yet
  std::uint64_t request_bytes = 0, response_bytes = 0, request_head_bytes = 0;
  std::uint32_t attempt = 0;
  bool complete = false;                                       // the response was sent to its end
  bool request_known = false;                                  // on_request may see it: the head was not refused

  // --- plugins' things ---
  struct Slot {                                                // by chain position; the last: a handler outside the chain
    void* state;
    std::uint32_t state_bytes;
  };
  Slot* slots = nullptr;                                       // chain + 1, made at the first exchange_state
  std::uint64_t unsubscribed = 0;                              // by chain position
  std::uint64_t response_hidden = 0;                           // positions that do not see the response (inside a replier)
  struct Metadata {
    std::uint32_t key;
    std::uint32_t type;
    std::string_view text;
    std::int64_t integer;
    double number;
    Metadata* next;
  };
  Metadata* metadata = nullptr;
  std::size_t metadata_bytes = 0;
  std::uint32_t timers = 0;                                    // armed plugin timers of this exchange
  std::uint32_t timer_list = 0;                                // PluginTimers' list head (index + 1)
  std::uint32_t calls = 0;                                     // that plugins have under way for this exchange

  // --- staged by host calls ---
  struct {                                                     // what a hook's verdict must go with
    bool reply = false, reset = false, suspend = false, none = false;
    bool any() const { return std::bit_cast<std::uint32_t>(*this) != 0; }
  } asked;
  bool reroute_asked = false;
  bool retry_asked = false, retry_other = false;
  std::uint64_t retry_delay_ms = 0;
  std::uint64_t attempt_timeout_ms = 0;
  std::uint64_t timeout_ms = 0;                                // of the exchange, the least that a plugin asked for; 0: none did
  std::uint64_t keep_max = 0;                                  // replay: most bytes of the request body to keep
  std::array<std::uint64_t, 3> suspended{};                    // ticket number by lane; 0 = not suspended
  Lane lane_of_call = Lane::kHead;

  // --- the handler's answer (cleat.handler/1) ---
  bool handler_started = false, handler_finished = false, handler_aborted = false, handler_short = false;
  bool handler_ended = false;                                  // on_handle_end was called
  bool handler_active = false;                                 // on_handle was called
  std::uint64_t handler_bytes = 0;                             // of the body, written so far
  std::uint64_t handler_length = UINT64_MAX;                   // what Content-Length promised

  TriedEndpoints tried;                                        // that a retry wants to leave out
  std::uint32_t end_how = 0;                                   // of the latest attempt, CLEAT_END_*

 protected:
  std::uint8_t cursor_ = 0;                             // into the positions of the stage's hook
  bool advancing_ = false, again_ = false, woken_ = false;
  bool head_sent_ = false, response_done_ = false;
  bool local_ = false;                                  // the body is local_body_
  bool upstream_done_ = false;                          // the client was given back
  bool replaying_ = false, replayed_stale_ = false, force_fresh_ = false;
  bool request_sent_ = false;                           // the whole request is handed to the client
  bool kept_ = true;                                    // held_ has all of the body that was sent so far
  bool gathered_ = false;                               // held_ is the whole body, as WHOLE subscribers left it
  bool handler_wait_ = false;                           // on_handle_body said SUSPEND
  bool handler_told_end_ = false, handler_end_later_ = false;
  bool close_after_ = false, continue_sent_ = false;
  bool tunnel_up_closed_ = false, tunnel_down_closed_ = false;
  bool until_close_ = false;                            // the response's body is framed by the connection's end
  std::uint32_t reroutes_ = 0, informational_ = 0;
  // Milliseconds of the worker's clock; 0 = none.
  std::uint64_t request_deadline_ms_ = 0, attempt_deadline_ms_ = 0, again_at_ms_ = 0, suspend_deadline_ms_ = 0, progress_ms_ = 0;
  http::ResponseHead staged_response_;
  std::string_view staged_body_, staged_reason_;
  std::string_view local_body_;
  std::string_view handler_piece_;
};

class Exchange final : public Requester, public ExchangeLife {
 public:
  static constexpr std::size_t kStateBytesMax = 4096;
  static constexpr std::uint32_t kReroutesMax = 4;
  static constexpr std::uint32_t kInformationalMax = 16;  // 1xx heads of one exchange
  static constexpr std::uint32_t kTimersMax = 16;
  static constexpr std::size_t kHandlerBytesMax = 64 * 1024;
  static constexpr std::uint64_t kReplayBytesMax = 16 * 1024;  // of a request's body, kept for a stream that is refused

  Exchange(Worker& worker, std::uint32_t slot);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  // --- from downstream (Downstream) ---
  void begin(Downstream& server, const Listener& listener, std::size_t head_bytes);  // the head is in the arena, and parsed
  void begin_refused(Downstream& server, const Listener& listener, http::ParseError error);
  bool request_wanted() const;                                 // may more of the request body come
  void request_data(std::string_view data);
  void request_end();                                          // trailers are in request_trailers
  void request_broken(http::ParseError error);                 // framing error, or status 0: the peer went away in the middle
  void downstream_gone();                                      // the connection is unusable
  void downstream_writable();                                  // everything handed over has been sent

  // --- Requester ---
  Connection* downstream_connection() const override { return server == nullptr ? nullptr : &server->connection(); }
  void attempt_connected() override;
  void attempt_failed(std::uint32_t how) override;
  void response_informational() override;
  void response_head_complete() override;
  bool response_wanted() const override;
  void response_data(std::string_view data) override;
  Transport* response_sink() override;
  void response_passed(std::size_t size) override;
  void response_end() override;
  void response_broken() override;
  void upstream_writable() override;
  void settle() override;                                      // of either side: it has handed over all it has

  // --- from hooks/ (host functions); all take effect after the running hook ---
  void resume(Lane lane, std::uint64_t number, std::uint32_t verdict);
  void shorten(std::uint64_t timeout_ms);                      // from its first byte; never lengthens
  bool stage_reply(std::uint16_t status, http::Fields fields, std::string_view body, std::string_view reason);
  void wake();                                                 // advance after the current callback

  // Replies from the kernel itself.
  void reply_locally(std::uint16_t status, std::string_view flag, std::string_view reason);

  std::uint64_t handle() const { return handle_; }
  const Chain& chain() const { return listener->chain; }
  std::uint64_t elapsed_us() const { return monotonic_us() - start_us; }  // read now: a reply made at once takes no turn of the loop
  bool head_sent() const { return head_sent_; }

  Worker& worker;
  const std::uint32_t slot;
  BodyPipe request_pipe, response_pipe;
  Buffer handler_out;                                          // of a handler's answer, not sent yet
  bool can_retry() const;
  bool attempt_unsent() const;                                 // no byte of this attempt reached an endpoint

 private:
  friend class BodyPipe;
  friend class Worker;
  const hooks::Instance* start_life(Downstream& server_, const Listener& listener_);
  void reset_life();
  void enter(Stage next) {
    stage = next;
    cursor_ = 0;
  }
  // Whatever ran: a hook of a head that is suspended has no say any more.
  void enter_reply(Stage next) {
    drop_ticket(0);
    enter(next);
  }

  // The spine (exchange.cpp).
  void advance();
  Flow step();
  Flow pass(hooks::Hook hook);
  Flow judge(hooks::Instance& instance, std::uint8_t position, std::uint32_t verdict, Lane lane, hooks::Hook hook);
  std::uint64_t hidden(hooks::Hook hook) const;
  void hide_inside(std::uint8_t position);
  Flow take_staged_reply(hooks::Instance& instance, std::uint8_t position);
  void drop_ticket(std::size_t lane);
  Flow choose_route();
  Flow after_route();
  void fail_exchange();                                 // cut downstream off
  void finish();
  void count_end() const;                               // what it was, in the listener's and the route's metrics
  void touch() { progress_ms_ = worker.reactor.now_ms(); }
  void count_bite(std::string_view limit);

  // Time (exchange_time.cpp).
  bool suspends(std::uint32_t verdict, Lane lane);
  void arm_deadline();
  void on_deadline();
  bool moving_body() const;

  // Towards downstream (exchange_response.cpp).
  Flow start_response();
  void send_head();
  void sink_response(std::string_view data, bool end);  // from response_pipe
  void end_response_body();

  // Towards upstream (exchange_upstream.cpp).
  upstream::Pool& pool();
  bool has_request_body() const;
  Flow start_attempt();
  void start_sending();
  void end_request_upstream();
  void sink_request(std::string_view data, bool end);   // from request_pipe
  void after_data();
  void flush_both();
  void send_continue();
  bool offers_upgrade() const;
  void end_attempt_as(std::uint32_t how);
  void count_attempt_end() const;
  Flow end_attempt();
  void drop_client();
  void leave_endpoints();
  void release_upstream(bool reusable);
  void open_tunnel();
  void end_tunnel_if_closed();

  // The plugin as the origin (exchange_handler.cpp).
  Flow start_handler();
  void take_handler_reply();
  void handler_failed();
  void handler_body(std::string_view data, bool end);
  void pump_handler();

  std::uint64_t handle_;                                // of this life
  Buffer held_;                                         // the request body, kept for another attempt or gathered
  Deadline deadline_;

 public:
  std::string_view handler_piece() const { return handler_piece_; }
  void set_local_body(std::string_view body) { local_body_ = body; }
};

}  // namespace cleat
