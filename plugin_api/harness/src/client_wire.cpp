#include <algorithm>

#include "kernel/exchange.hpp"
#include "kernel/generation.hpp"
#include "plugin_api/harness/src/wires.hpp"

namespace cleat::kit {

ClientWire::ClientWire(MemoryWires& wires, Connection& connection) : wires_(wires), connection_(connection) {}

ClientWire::~ClientWire() = default;

// --- the request ---

ExchangeRecord* ClientWire::begin(const std::string& head, std::string body, bool body_follows) {
  if (closed_ || exchange_ != nullptr) return nullptr;
  connection_.follow_generation();
  exchange_ = wires_.worker.new_exchange();
  if (exchange_ == nullptr) return nullptr;
  Exchange& x = *exchange_;
  auto record = std::make_unique<ExchangeRecord>();
  record_ = record.get();
  record_->id = wires_.next_id++;
  record_->exchange = &x;
  record_->handle = x.handle();
  if (const ConnectionRecord* of = wires_.find(connection_)) record_->connection = of->id;
  wires_.by_handle[record_->handle] = record_->id;
  wires_.exchanges[record_->id] = std::move(record);

  const Listener& listener = connection_.listener();
  const std::uint64_t requests = connection_.count_request();
  x.start_us = wires_.worker.reactor.now_us();
  x.start_unix_us = unix_us();
  in_ = std::move(body);
  trailers_.clear();
  body_seen_ = 0;
  const http::HeadScan scan = http::scan_request_head(head, 0, listener.limits);
  http::ParseError error = scan.error;
  if (!error && scan.size != head.size()) error = {400, "not one head"};
  const std::string_view copy = x.arena.copy(head);
  if (!error && copy.data() == nullptr) error = {431, "head exceeds its memory"};
  if (!error) error = http::parse_request_head(copy, listener.limits, x.arena, x.request);
  const std::uint64_t bytes_max = listener.config->limits.body_bytes;
  if (!error && bytes_max != 0 && x.request.body == http::Body::kLength && x.request.content_length > bytes_max) {
    error = {413, "request body over limits.body_bytes"};
  }
  ExchangeRecord* const made = record_;
  if (error) {
    keep_ = body_done_ = false;
    x.begin_refused(*this, listener, error);
    return made;
  }
  announced_ = x.request.body == http::Body::kLength;
  body_left_ = announced_ ? x.request.content_length : 0;
  body_done_ = x.request.body == http::Body::kNone || (announced_ && body_left_ == 0);
  if (announced_) body_left_ -= std::min<std::uint64_t>(body_left_, in_.size());
  end_waits_ = !body_done_ && !body_follows;
  const std::uint64_t most = listener.config->limits.requests_per_connection;
  keep_ = x.request.keep_alive && connection_.missed_hooks() == 0 && !(most != 0 && requests >= most);
  x.begin(*this, listener, head.size());
  return made;
}

bool ClientWire::takes_body() const { return awaits_body() && in_.empty() && exchange_->request_wanted(); }

bool ClientWire::body(std::string_view data) {
  if (announced_) {
    if (data.size() > body_left_) return false;
    body_left_ -= data.size();
  }
  in_.append(data);
  pull();
  return true;
}

bool ClientWire::body_end(const std::string& trailer_section) {
  if (announced_ && (body_left_ != 0 || !trailer_section.empty())) return false;
  trailers_ = trailer_section;
  end_waits_ = true;
  pull();
  return true;
}

void ClientWire::pull() {
  if (pulling_ || exchange_ == nullptr) return;
  pulling_ = true;
  Exchange& x = *exchange_;
  while (exchange_ == &x && !body_done_ && !closed_ && x.request_wanted() && (!in_.empty() || end_waits_)) {
    if (!in_.empty()) {
      const std::string piece = std::exchange(in_, {});
      body_seen_ += piece.size();
      const std::uint64_t most = connection_.listener().config->limits.body_bytes;
      if (most != 0 && body_seen_ > most) {
        keep_ = false;
        x.request_broken({413, "request body over limits.body_bytes"});
        break;
      }
      x.request_data(piece);
      continue;
    }
    end_waits_ = false;
    body_done_ = true;
    const std::string_view section = trailers_.empty() ? "" : x.arena.copy(trailers_);
    const http::ParseError error = http::parse_trailers(section, connection_.listener().limits, x.arena, x.request_trailers);
    if (error) {
      keep_ = false;
      x.request_broken(error);
    } else {
      x.request_end();
    }
  }
  pulling_ = false;
  x.settle();
}

void ClientWire::abort() {
  if (closed_) return;
  if (exchange_ != nullptr) {
    if (record_ != nullptr) record_->cut = true;
    exchange_->downstream_gone();
  } else {
    close();
  }
}

// --- the response ---

void ClientWire::send_informational(const http::ResponseHead&) {
  if (record_ != nullptr) ++record_->response.informational;
}

void ClientWire::send_head(const http::ResponseHead& head, const http::ResponseWrite& how) {
  if (record_ == nullptr) return;
  Sent& sent = record_->response;
  sent.head = true;
  sent.status = head.status;
  sent.headers.take(head.fields, how.keep_content_length);
  if (how.framing.body == http::Body::kNone) sent.end = true;
}

void ClientWire::send_data(std::string_view data) {
  if (record_ != nullptr) record_->response.body.append(data);
}

void ClientWire::send_end(const http::Fields& trailers) {
  if (record_ == nullptr) return;
  record_->response.end = true;
  record_->response.trailers.take(trailers, false);
}

void ClientWire::enter_tunnel() {
  wires_.worker.reactor.defer([](void* self, std::uint64_t) { static_cast<ClientWire*>(self)->cut(false); }, this);
}

// --- the end ---

void ClientWire::exchange_done(bool keep) {
  exchange_ = nullptr;
  record_ = nullptr;
  in_.clear();
  end_waits_ = false;
  body_done_ = true;
  if (!closed_ && (!keep || !keep_ || !connection_.may_go_on())) close();
}

void ClientWire::drain() {
  if (exchange_ == nullptr) close();
}

void ClientWire::cut(bool) {
  if (closed_) return;
  if (exchange_ == nullptr) return close();
  if (record_ != nullptr) record_->cut = true;
  keep_ = false;
  exchange_->downstream_gone();
}

void ClientWire::close() {
  if (closed_) return;
  closed_ = true;
  if (ConnectionRecord* of = wires_.find(connection_)) {
    of->wire = nullptr;
    of->closed = true;
  }
  connection_.close();
}

}  // namespace cleat::kit
