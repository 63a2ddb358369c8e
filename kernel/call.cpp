#include "kernel/call.hpp"

#include <algorithm>
#include <utility>

#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/http/method.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat {

Call::Call(Worker& worker, std::shared_ptr<upstream::Pool> pool)
    : Requester(worker.blocks),
      worker_(worker),
      pool_(std::move(pool)),
      cluster_(pool_->cluster()),
      deadline_(worker.reactor.wheel(), &Call::on_deadline, this) {}

Call::~Call() { cancel(); }

// --- the request ---

void Call::start(std::uint64_t timeout_ms) {
  start_us_ = monotonic_us();
  deadline_.set(start_us_ / 1000 + timeout_ms);
  worker_.reactor.defer<&Call::begin>(this);
}

void Call::begin() {
  if (ended_) return;
  metrics::add(cluster_.metrics.attempts, 1);
  names_authority_ = !request.authority.empty();
  acquire(false);
}

void Call::acquire(bool fresh) {
  endpoints_ = pool_->enter_set(nullptr);
  const std::uint32_t index = endpoints_ == nullptr ? upstream::Pool::kNoEndpoint : pool_->next_endpoint(*endpoints_, {});
  if (index == upstream::Pool::kNoEndpoint) return fail(hooks::kEndNoEndpoint, "no healthy endpoint");
  endpoint_ = endpoints_->set->members[index].endpoint;
  if (!names_authority_) request.authority = endpoint_->text;
  waiting_ = true;
  switch (pool_->acquire(*this, endpoint_, fresh)) {
    case upstream::Pool::Acquired::kNow: return start_sending();
    case upstream::Pool::Acquired::kLater: return;
    case upstream::Pool::Acquired::kRefused: waiting_ = false; return fail(hooks::kEndOverflow, "too many connections or waiting requests");
  }
}

void Call::start_sending() {
  waiting_ = false;
  if (ended_) return;
  http::RequestWrite how;
  if (streams_body) {
    how.framing.body = http::Body::kChunked;
  } else if (!body.empty()) {
    how.framing = {http::Body::kLength, body.size(), false};
  } else {
    how.framing.write_zero_length = http::expects_content(request.method);
  }
  client->send_head(request, how);
  head_sent_ = true;
  if (!streams_body) {
    if (!body.empty()) client->send_data(body.view());
    client->send_end({});
    end_sent_ = true;
  }
  pump();
}

void Call::pump() {
  if (ended_ || client == nullptr || !head_sent_) return;
  if (streams_body && !end_sent_ && !client->blocked()) {
    if (!body.empty()) {
      client->send_data(body.view());
      body.clear();
    }
    if (body_ended_) {
      client->send_end(request_trailers);
      end_sent_ = true;
    }
  }
  client->flush();
  if (short_ && body.size() < kOutBytesMax) {
    short_ = false;
    tell_writable();
  }
}

std::size_t Call::write(std::string_view data) {
  const std::size_t taken = std::min(data.size(), kOutBytesMax - std::min(kOutBytesMax, body.size()));
  body.append(data.substr(0, taken));
  short_ = short_ || taken < data.size();
  worker_.reactor.defer<&Call::pump>(this);
  return taken;
}

void Call::finish() {
  body_ended_ = true;
  worker_.reactor.defer<&Call::pump>(this);
}

void Call::upstream_writable() { pump(); }

// --- the response ---

void Call::pause(bool on) {
  paused_ = on;
  if (!on) worker_.reactor.defer<&Call::pull>(this);
}

void Call::pull() {
  if (!ended_ && client != nullptr && head_sent_) client->pull();
}

void Call::response_informational() {
  if (++informational_ > kInformationalMax) return fail(hooks::kEndMalformed, "too many informational responses");
  response = {};
}

void Call::response_head_complete() {
  if (ended_) return;
  if (response.status == 101) return fail(hooks::kEndMalformed, "it switched protocols unasked");
  if (streams_response) tell_head();
  if (ended_) return;
  if (response.body == http::Body::kNone || (response.body == http::Body::kLength && response.content_length == 0)) done();
}

void Call::response_data(std::string_view data) {
  if (ended_) return;
  if (streams_response) return tell_data(data);
  if (gathered.size() + data.size() > response_max) return fail(kTooLarge, "the response is longer than asked for");
  gathered.append(data);
}

void Call::response_broken() { fail(hooks::kEndReset, "the upstream broke off its response"); }

void Call::settle() {
  if (!ended_ && client != nullptr) client->flush();
}

// --- the end ---

// A kept-alive connection that the peer closed just as it was used: once more, on a new one, where that does no harm (RFC 9112 9.3.1).
void Call::attempt_failed(std::uint32_t how) {
  if (ended_) return;
  waiting_ = false;
  const bool stale = how == hooks::kEndReset && client != nullptr && client->reused() && !client->response_begun();
  if (stale && !replayed_ && !streams_body && (client->unsent() || http::idempotent(request.method))) {
    replayed_ = true;
    head_sent_ = end_sent_ = false;
    let_go(false);
    return acquire(true);
  }
  const std::string_view why = reply_reason;
  fail(how, why.empty() ? std::string_view("no whole response") : why);
}

void Call::done() {
  if (ended_) return;
  ended_ = true;
  count(response.status / 100);
  let_go(end_sent_ && response.keep_alive);
  deadline_.clear();
  tell_done();
}

void Call::fail(std::uint32_t how, std::string_view reason) {
  if (ended_) return;
  ended_ = true;
  count(how == kTooLarge ? response.status / 100 : 5 + how);
  let_go(false);
  deadline_.clear();
  tell_failed(how, reason);
}

void Call::cancel() {
  if (std::exchange(ended_, true)) return;
  let_go(false);
  deadline_.clear();
}

void Call::let_go(bool reusable) {
  if (std::exchange(waiting_, false) && client == nullptr) pool_->forget(*this);
  if (client != nullptr) std::exchange(client, nullptr)->release(reusable);
  endpoint_.reset();
  if (endpoints_ != nullptr) pool_->leave_set(*std::exchange(endpoints_, nullptr));
}

void Call::count(std::size_t outcome) const {
  if (outcome < cluster_.metrics.outcomes.size()) metrics::add(cluster_.metrics.outcomes[outcome], 1);
  metrics::observe(cluster_.metrics.duration, worker_.reactor.now_us() - std::min(worker_.reactor.now_us(), start_us_));
}

void Call::on_deadline(void* self) { static_cast<Call*>(self)->fail(hooks::kEndTimeout, "no whole response in time"); }

}  // namespace cleat
