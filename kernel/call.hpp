// Call: a request of somebody's own to a cluster, without an exchange: one attempt, through the worker's pool, its response gathered or told as
// it comes. What becomes of it is told through `tell_*`, of which exactly one is the last, unless it is cancelled. One worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "kernel/base/buffer.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/upstream.hpp"
#include "kernel/worker.hpp"

namespace cleat {

class Cluster;
struct Endpoint;

namespace upstream {
class Pool;
struct SetInUse;
}  // namespace upstream

class Call : public Requester {
 public:
  static constexpr std::size_t kOutBytesMax = 64 * 1024;  // of a streamed request body that waits for the endpoint
  static constexpr std::uint32_t kInformationalMax = 16;  // 1xx heads
  static constexpr std::uint32_t kTooLarge = 65;          // CLEAT_CALL_TOO_LARGE

  // Through that pool, which lives on with the call, whatever becomes of the generation that it was found in.
  Call(Worker& worker, std::shared_ptr<upstream::Pool> pool);
  virtual ~Call();

  // --- before `start`: `request` is filled in, of bytes in `arena` ---
  Buffer body;                   // of the request; of a streamed one what waits
  Buffer gathered;               // of the response
  bool streams_body = false, streams_response = false;
  std::size_t response_max = 0;  // of what is gathered

  void start(std::uint64_t timeout_ms);          // begins after the current event
  std::size_t write(std::string_view data);      // of a streamed body: how much was taken
  void finish();                                 // its end; trailers are in request_trailers
  void pause(bool on);
  void cancel();                                 // tells nothing more
  bool body_ended() const { return body_ended_; }
  Worker& worker() const { return worker_; }

  // --- Requester ---
  Connection* downstream_connection() const override { return nullptr; }
  void attempt_connected() override { start_sending(); }
  void attempt_failed(std::uint32_t how) override;
  void response_informational() override;
  void response_head_complete() override;
  bool response_wanted() const override { return !ended_ && !paused_; }
  void response_data(std::string_view data) override;
  void response_end() override { done(); }
  void response_broken() override;
  void upstream_writable() override;
  void settle() override;

 protected:
  virtual void tell_head() = 0;                  // it is in `response`
  virtual void tell_data(std::string_view data) = 0;
  virtual void tell_writable() = 0;
  virtual void tell_done() = 0;
  virtual void tell_failed(std::uint32_t how, std::string_view reason) = 0;  // CLEAT_END_*, kTooLarge

 private:
  void begin();
  void acquire(bool fresh);
  void start_sending();
  void pump();
  void pull();
  void done();
  void fail(std::uint32_t how, std::string_view reason);
  void let_go(bool reusable);
  void count(std::size_t outcome) const;
  static void on_deadline(void* self);

  Worker& worker_;
  const std::shared_ptr<upstream::Pool> pool_;
  Cluster& cluster_;
  upstream::SetInUse* endpoints_ = nullptr;
  std::shared_ptr<Endpoint> endpoint_;
  Deadline deadline_;
  std::uint64_t start_us_ = 0;
  std::uint32_t informational_ = 0;
  bool waiting_ = false;         // for the pool
  bool head_sent_ = false, body_ended_ = false, end_sent_ = false, short_ = false;
  bool paused_ = false, ended_ = false, replayed_ = false;
  bool names_authority_ = false; // else it is the endpoint's
};

}  // namespace cleat
