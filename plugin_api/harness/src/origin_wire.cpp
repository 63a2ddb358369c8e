#include <algorithm>
#include <utility>

#include "kernel/call.hpp"
#include "kernel/cluster.hpp"
#include "kernel/exchange.hpp"
#include "kernel/http/parse.hpp"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/harness/src/wires.hpp"

namespace cleat::kit {
namespace {

constexpr http::HeadLimits kResponseLimits{};  // an endpoint's head, as of Http1Client
constexpr std::uint64_t kNoLength = UINT64_MAX;

bool frames(http::Name name) {
  return name == http::Name::kContentLength || name == http::Name::kTransferEncoding || name == http::Name::kHost || http::is_hop_by_hop(name);
}

}  // namespace

// --- fields ---

void FieldList::take(const http::Fields& from, bool framing) {
  fields_.clear();
  for (const http::Field& field : from) {
    if (field.hop) continue;
    if (frames(field.known) && !(framing && field.known == http::Name::kContentLength)) continue;
    fields_.emplace_back(field.name, field.value);
  }
}

const std::vector<cleat_header>& FieldList::shown() {
  shown_.clear();
  for (const auto& [name, value] : fields_) shown_.push_back({to_str(name), to_str(value)});
  return shown_;
}

// --- one request to a cluster ---

OriginWire::OriginWire(MemoryWires& wires, Requester& requester, Cluster& cluster, std::shared_ptr<Endpoint> endpoint, OutgoingRecord& record)
    : wires_(wires), requester_(&requester), cluster_(cluster), endpoint_(std::move(endpoint)), record_(record) {
  cluster_.count_in_flight(*endpoint_, wires_.worker.index, 1);
}

void OriginWire::send_head(const http::RequestHead& head, const http::RequestWrite&) {
  Sent& sent = record_.request;
  sent.head = true;
  sent.method = head.method;
  sent.target = head.target;
  sent.authority = head.authority;
  sent.headers.take(head.fields, false);
}

void OriginWire::send_data(std::string_view data) { record_.request.body.append(data); }

void OriginWire::send_end(const http::Fields& trailers) {
  record_.request.end = true;
  record_.request.trailers.take(trailers, false);
}

void OriginWire::release(bool) {
  if (requester_ == nullptr) return;
  requester_ = nullptr;
  record_.wire = nullptr;
  cluster_.count_in_flight(*endpoint_, wires_.worker.index, UINT32_MAX);  // one less
  wires_.worker.reactor.retire([self = std::shared_ptr<OriginWire>(this)] {});
}

// --- the answer ---

bool OriginWire::short_of(std::string_view data) const { return body_left_ != kNoLength && data.size() > body_left_; }

OriginWire::Taken OriginWire::answer(const std::string& head, std::string_view body, bool body_follows) {
  if (requester_ == nullptr || head_given_ || head_waits_) return Taken::kPhase;
  const http::HeadScan scan = http::scan_response_head(head, 0, kResponseLimits);
  if (scan.error || scan.size != head.size()) return Taken::kMalformed;
  head_ = head;
  body_ = body;
  head_waits_ = true;
  end_waits_ = !body_follows;
  pull();
  return Taken::kYes;
}

OriginWire::Taken OriginWire::answer_body(std::string_view data) {
  if (requester_ == nullptr || !head_given_ || done_ || end_waits_) return Taken::kPhase;
  if (!body_.empty() || !requester_->response_wanted()) return Taken::kFull;
  if (short_of(data)) return Taken::kMalformed;
  body_ = data;
  pull();
  return Taken::kYes;
}

OriginWire::Taken OriginWire::answer_end(const std::string& trailer_section) {
  if (requester_ == nullptr || !(head_given_ || head_waits_) || done_ || end_waits_) return Taken::kPhase;
  if (body_left_ != kNoLength && body_left_ != body_.size()) return Taken::kMalformed;
  trailers_ = trailer_section;
  end_waits_ = true;
  pull();
  return Taken::kYes;
}

OriginWire::Taken OriginWire::fail(std::uint32_t how) {
  if (requester_ == nullptr || done_) return Taken::kPhase;
  Requester& x = *requester_;
  if (head_given_) {
    done_ = true;
    x.response_broken();
  } else {
    unsent_ = how == 1 || how == 2 || how == 7;  // CLEAT_END_CONNECT_FAILED, _CONNECT_TIMEOUT, _OVERFLOW
    x.attempt_failed(how);
  }
  x.settle();
  return Taken::kYes;
}

// Hands over what the test has given, as far as the requester wants it: the way of Http1Client, without a wire's framing.
void OriginWire::pull() {
  if (pulling_ || requester_ == nullptr) return;
  pulling_ = true;
  Requester& x = *requester_;
  while (requester_ == &x && !done_ && x.response_wanted()) {
    if (head_waits_) {
      head_waits_ = false;
      const std::string_view head = x.arena.copy(head_);
      const http::ParseError error = head.data() == nullptr ? http::ParseError{502, "head exceeds its memory"}
                                                            : http::parse_response_head(head, x.request.method, kResponseLimits, x.arena, x.response);
      if (error) {
        x.reply_reason = error.reason;
        x.attempt_failed(5);  // CLEAT_END_MALFORMED
        break;
      }
      if (x.response.status < 200) {
        end_waits_ = false;
        x.response_informational();
        break;
      }
      head_given_ = true;
      body_left_ = x.response.body == http::Body::kLength ? x.response.content_length : kNoLength;
      done_ = x.response.body == http::Body::kNone || body_left_ == 0;
      x.response_head_complete();
    } else if (!body_.empty()) {
      const std::string piece = std::exchange(body_, {});
      if (body_left_ != kNoLength) body_left_ -= piece.size();
      const bool whole = body_left_ == 0;
      if (whole) done_ = true;
      x.response_data(piece);
      if (whole && requester_ == &x) x.response_end();
    } else if (end_waits_) {
      end_waits_ = false;
      done_ = true;
      const std::string_view section = trailers_.empty() ? "" : x.arena.copy(trailers_);
      const http::ParseError error = http::parse_trailers(section, kResponseLimits, x.arena, x.response_trailers);
      if (error) {
        x.response_broken();
      } else {
        x.response_end();
      }
    } else {
      break;
    }
  }
  pulling_ = false;
  x.settle();
}

// --- both ---

void keep_metadata(const Exchange& exchange, ExchangeRecord& record) {
  for (const Exchange::Metadata* value = exchange.metadata; value != nullptr; value = value->next) {
    std::string text(value->text);
    if (value->type == CLEAT_METADATA_INTEGER) text = std::to_string(value->integer);
    if (value->type == CLEAT_METADATA_NUMBER) text = std::to_string(value->number);
    record.metadata[value->key] = std::move(text);
  }
}

std::unique_ptr<Protocol> MemoryWires::speak(Connection& connection) {
  auto wire = std::make_unique<ClientWire>(*this, connection);
  ConnectionRecord* const record = opening != nullptr && opening->kernel_id == 0 ? opening : find(connection);
  if (record != nullptr) {
    record->kernel_id = connection.id();
    record->wire = wire.get();
  }
  return wire;
}

ConnectionRecord* MemoryWires::find(const Connection& connection) {
  for (const auto& [id, record] : connections) {
    if (record->kernel_id == connection.id()) return record.get();
  }
  return nullptr;
}

bool MemoryWires::serve(Requester& requester, Cluster& cluster, const std::shared_ptr<Endpoint>& endpoint) {
  auto record = std::make_unique<OutgoingRecord>();
  record->id = next_id++;
  record->cluster = cluster.config.name;
  if (const auto* x = dynamic_cast<Exchange*>(&requester)) {
    record->attempt = x->attempt;
    if (const auto of = by_handle.find(x->handle()); of != by_handle.end()) record->exchange = of->second;
  } else {
    record->is_call = true;
  }
  auto* const wire = new OriginWire(*this, requester, cluster, endpoint, *record);  // until it is released
  record->wire = wire;
  requester.client = wire;
  fresh.push_back(record->id);
  outgoing[record->id] = std::move(record);
  return true;
}

void MemoryWires::exchange_over(Exchange& exchange) {
  const auto of = by_handle.find(exchange.handle());
  if (of == by_handle.end()) return;
  ExchangeRecord& record = *exchanges[of->second];
  by_handle.erase(of);
  record.exchange = nullptr;
  record.flag = exchange.reply_flag;
  record.reason = exchange.reply_reason;
  if (exchange.reply_by != nullptr) record.by = exchange.reply_by->name;
  keep_metadata(exchange, record);
  if (!exchange.complete) record.cut = true;
}

}  // namespace cleat::kit
