// The two wires of a harness, in memory: what a client says and is told (ClientWire, in the place of Http1Server), and what goes to a
// cluster and comes back (OriginWire, in the place of Http1Client). Heads pass the kernel's own strict parsers; bodies are handed over as they
// are. The worker's thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "kernel/accept/connection.hpp"
#include "kernel/downstream.hpp"
#include "kernel/upstream.hpp"
#include "kernel/wires.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/harness/src/messages.hpp"

namespace cleat::kit {

class MemoryWires;

class ClientWire final : public Protocol, public Downstream {
 public:
  ClientWire(MemoryWires& wires, Connection& connection);
  ~ClientWire() override;

  // --- for the test ---
  // `head` ends with an empty line.
  ExchangeRecord* begin(const std::string& head, std::string body, bool body_follows);
  bool takes_body() const;
  bool awaits_body() const { return exchange_ != nullptr && !body_done_ && !end_waits_; }
  bool body(std::string_view data);                    // false: more than was announced
  bool body_end(const std::string& trailer_section);   // false: less than was announced
  void abort();
  bool busy() const { return exchange_ != nullptr; }

  // --- Protocol ---
  void start() override {}
  void on_io(std::uint32_t) override {}
  void on_deadline() override {}
  bool between_exchanges() const override { return exchange_ == nullptr; }
  void drain() override;
  void cut(bool reset) override;

  // --- Downstream ---
  Connection& connection() override { return connection_; }
  void pull() override;
  bool body_done() const override { return body_done_; }
  bool drainable() const override { return body_done_ || end_waits_; }
  void send_informational(const http::ResponseHead& head) override;
  void send_head(const http::ResponseHead& head, const http::ResponseWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  void flush() override {}
  bool blocked() const override { return false; }
  bool all_sent() const override { return true; }
  bool may_keep_alive() const override { return keep_ && connection_.may_go_on(); }
  void enter_tunnel() override;
  void exchange_done(bool keep) override;

 private:
  void refuse(std::uint16_t status, const char* reason);
  void close();

  MemoryWires& wires_;
  Connection& connection_;
  Exchange* exchange_ = nullptr;
  ExchangeRecord* record_ = nullptr;
  bool keep_ = false, body_done_ = true, closed_ = false, pulling_ = false, end_waits_ = false;
  std::string in_;                    // of the body, not handed over yet
  std::string trailers_;
  std::uint64_t body_left_ = 0;       // of what was announced
  bool announced_ = false;
  std::uint64_t body_seen_ = 0;
};

class OriginWire final : public Upstream {
 public:
  OriginWire(MemoryWires& wires, Requester& requester, Cluster& cluster, std::shared_ptr<Endpoint> endpoint, OutgoingRecord& record);

  // --- for the test; `head` ends with an empty line ---
  enum class Taken : std::uint8_t { kYes, kMalformed, kPhase, kFull };
  Taken answer(const std::string& head, std::string_view body, bool body_follows);
  Taken answer_body(std::string_view data);
  Taken answer_end(const std::string& trailer_section);
  Taken fail(std::uint32_t how);

  // --- Upstream ---
  void send_head(const http::RequestHead& head, const http::RequestWrite& how) override;
  void send_data(std::string_view data) override;
  void send_end(const http::Fields& trailers) override;
  void flush() override {}
  bool blocked() const override { return false; }
  void pull() override;
  void enter_tunnel() override {}
  bool reused() const override { return false; }
  bool unsent() const override { return unsent_; }
  bool response_begun() const override { return head_given_; }
  void release(bool reusable) override;

 private:
  bool short_of(std::string_view data) const;  // more than its Content-Length
  MemoryWires& wires_;
  Requester* requester_;                // nullptr: released
  Cluster& cluster_;
  const std::shared_ptr<Endpoint> endpoint_;
  OutgoingRecord& record_;
  std::string head_, body_, trailers_;  // given by the test, not handed over yet
  bool head_waits_ = false, end_waits_ = false, head_given_ = false, done_ = false, unsent_ = false, pulling_ = false;
  std::uint64_t body_left_ = 0;
};

class MemoryWires final : public Wires {
 public:
  explicit MemoryWires(Worker& worker_) : worker(worker_) {}

  std::unique_ptr<Protocol> speak(Connection& connection) override;
  bool serve(Requester& requester, Cluster& cluster, const std::shared_ptr<Endpoint>& endpoint) override;
  void exchange_over(Exchange& exchange) override;

  Worker& worker;
  std::uint64_t next_id = 1;            // of records of all kinds
  std::unordered_map<std::uint64_t, std::unique_ptr<ConnectionRecord>> connections;
  std::unordered_map<std::uint64_t, std::unique_ptr<ExchangeRecord>> exchanges;
  std::unordered_map<std::uint64_t, std::unique_ptr<OutgoingRecord>> outgoing;
  std::unordered_map<std::uint64_t, std::uint64_t> by_handle;  // cleat_exchange of those under way, to its record
  std::deque<std::uint64_t> fresh;      // of `outgoing`, not asked for yet
  ConnectionRecord* opening = nullptr;  // of the connection that is being made
  ConnectionRecord* find(const Connection& connection);
};

void keep_metadata(const Exchange& exchange, ExchangeRecord& record);  // as text

}  // namespace cleat::kit
