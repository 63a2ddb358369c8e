// The exchange's upstream half: attempts, the request on its way up, tunnels. The order of things stands in exchange.cpp.
#include <algorithm>
#include <utility>

#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/http/method.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat {
namespace {

struct Refusal {
  std::uint16_t status;
  const char* flag;
  const char* reason;
};

Refusal refusal_of(std::uint32_t how) {
  switch (how) {
    case hooks::kEndConnectFailed: return {503, "connect_failed", "the upstream refused the connection"};
    case hooks::kEndConnectTimeout: return {503, "connect_timeout", "the upstream did not accept the connection in time"};
    case hooks::kEndReset: return {502, "upstream_reset", "the upstream closed the connection"};
    case hooks::kEndTimeout: return {504, "attempt_timeout", "the upstream did not answer in time"};
    case hooks::kEndMalformed: return {502, "upstream_malformed", "the upstream's response is malformed"};
    case hooks::kEndNoEndpoint: return {503, "no_endpoint", "no healthy endpoint"};
    default: return {503, "overflow", "too many connections or waiting requests"};
  }
}

}  // namespace

upstream::Pool& Exchange::pool() { return *cluster->pools[worker.index]; }

void Exchange::leave_endpoints() {
  if (endpoints != nullptr) pool().leave_set(*std::exchange(endpoints, nullptr));
  endpoint = nullptr;
}

bool Exchange::has_request_body() const {
  return request.body == http::Body::kChunked || (request.body == http::Body::kLength && request.content_length != 0);
}

Flow Exchange::start_attempt() {
  if (cluster->config.multiplexed() && (request.is_connect() || (offers_upgrade() && !http::equal_names(request.upgrade, "websocket")))) {
    reply_locally(501, "bad_request", "the cluster speaks HTTP/2: neither CONNECT nor an Upgrade to other than websocket is sent to it");
    return Flow::kJump;
  }
  enter(Stage::kConnect);
  if (!replaying_) upstream_start_us = worker.reactor.now_us();
  replaying_ = false;
  request_sent_ = upstream_done_ = false;
  end_how = hooks::kEndResponse;
  metrics::add(cluster->metrics.attempts, 1);
  if (attempt_timeout_ms != 0) attempt_deadline_ms_ = worker.reactor.now_ms() + attempt_timeout_ms;
  attempt_timeout_ms = 0;

  leave_endpoints();
  endpoints = pool().enter_set(&server->connection());
  if (endpoints == nullptr) {
    reply_reason = "its client's connection has no other destination than this listener";
    end_attempt_as(hooks::kEndNoEndpoint);
    return Flow::kJump;
  }
  const hooks::Instance* const balancer = endpoints->set->balancer.get();
  std::uint32_t index = balancer != nullptr && !balancer->quarantine.out() ? hooks::call_pick(*this) : upstream::Pool::kNoEndpoint;
  if (index == upstream::Pool::kNoEndpoint) index = pool().next_endpoint(*endpoints, tried);
  if (index == upstream::Pool::kNoEndpoint) {
    end_attempt_as(hooks::kEndNoEndpoint);
    return Flow::kJump;
  }
  const std::shared_ptr<Endpoint>& chosen = endpoints->set->members[index].endpoint;
  endpoint = chosen.get();
  switch (pool().acquire(*this, chosen, force_fresh_ || request.is_connect())) {
    case upstream::Pool::Acquired::kNow: start_sending(); return Flow::kJump;
    case upstream::Pool::Acquired::kLater: return Flow::kWait;
    case upstream::Pool::Acquired::kRefused: end_attempt_as(hooks::kEndOverflow); return Flow::kJump;
  }
  return Flow::kWait;
}

void Exchange::attempt_connected() {
  if (stage != Stage::kConnect) return;
  if (request.is_connect()) {  // the tunnel's far end is there: that is the answer
    response = {};
    response.status = 200;
    end_attempt_as(hooks::kEndResponse);
  } else {
    start_sending();
  }
  advance();
  flush_both();
}

// Head, what is kept of the body, then the rest as it comes.
void Exchange::start_sending() {
  enter(Stage::kAwait);
  http::RequestWrite how;
  how.te_trailers = request.te_trailers;
  how.upgrade = offers_upgrade();
  how.expect_continue = request.expect_continue && !gathered_ && !continue_sent_ && attempt == 1;
  if (gathered_) {
    how.framing = {http::Body::kLength, held_.size(), false};
  } else if (!has_request_body()) {
    how.framing.write_zero_length = request.body == http::Body::kLength || http::expects_content(request.method);
  } else if (request_pipe.watched() || request.body == http::Body::kChunked) {
    how.framing.body = http::Body::kChunked;
  } else {
    how.framing = {http::Body::kLength, request.content_length, false};
  }
  if (request.authority.empty()) request.authority = endpoint->text;  // HTTP/1.0 without Host
  client->send_head(request, how);
  if (!held_.empty()) client->send_data(held_.view());
  if (gathered_ || !has_request_body() || request_pipe.done()) end_request_upstream();
  if (!request_sent_) server->pull();
  if (client != nullptr) client->flush();
}

void Exchange::end_request_upstream() {
  client->send_end(request_trailers);
  request_sent_ = true;
}

// --- the request's body ---

bool Exchange::request_wanted() const {
  if (suspended[1] != 0) return false;
  switch (stage) {
    case Stage::kGather: return request_pipe.idle();
    case Stage::kAwait:
    case Stage::kAttemptEnd:
    case Stage::kResponse:
    case Stage::kStream:
      if (handler_active) return request_pipe.idle() && !handler_wait_;
      return client != nullptr && !upstream_done_ && !request_sent_ && request_pipe.idle() && !client->blocked();
    case Stage::kTunnel: return client != nullptr && !tunnel_down_closed_ && !client->blocked();
    default: return false;
  }
}

void Exchange::request_data(std::string_view data) {
  touch();
  request_bytes += data.size();
  if (stage == Stage::kTunnel) {
    client->send_data(data);
    client->flush();
    return;
  }
  request_pipe.push(data, false);
  after_data();
}

void Exchange::request_end() {
  touch();
  if (stage == Stage::kTunnel) {
    tunnel_down_closed_ = true;
    if (client != nullptr) client->send_end({});
    end_tunnel_if_closed();
    return;
  }
  request_end_us = worker.reactor.now_us();
  request_pipe.push({}, true);
  after_data();
}

void Exchange::request_broken(http::ParseError error) {
  if (error.status == 0) return downstream_gone();
  close_after_ = true;
  reply_locally(error.status, "bad_request", error.reason);
  advance();
}

void Exchange::sink_request(std::string_view data, bool end) {
  if (handler_active) return handler_body(data, end);
  const std::uint64_t replayed = cluster != nullptr && cluster->config.multiplexed() ? kReplayBytesMax : 0;
  const std::uint64_t keep = stage == Stage::kGather ? UINT64_MAX : std::max(keep_max, replayed);
  if (keep != 0 && kept_) {
    if (held_.size() + data.size() <= keep) {
      held_.append(data);
    } else {
      kept_ = false;
    }
  } else if (!data.empty()) {
    kept_ = false;
  }
  if (client == nullptr || stage == Stage::kGather) return;
  client->send_data(data);
  if (end) end_request_upstream();
}

// What bytes led to. They are sent when the connection that brings them has no more: settle.
void Exchange::after_data() {
  if (again_ || stage == Stage::kReply || stage == Stage::kGather || asked.reset) advance();
}

void Exchange::settle() {
  flush_both();
  if (response_done_) advance();
}

void Exchange::flush_both() {
  if (stage == Stage::kIdle) return;
  if (client != nullptr) client->flush();
  if (server != nullptr && stage != Stage::kDone) server->flush();
}

void Exchange::upstream_writable() {
  touch();
  if (stage == Stage::kTunnel || !request_sent_) server->pull();
  if (client != nullptr) client->flush();
}

void Exchange::send_continue() {
  continue_sent_ = true;
  http::ResponseHead head;
  head.status = 100;
  server->send_informational(head);
}

// --- the response arrives ---

void Exchange::response_informational() {
  if (++informational_ > kInformationalMax) {
    reply_reason = "too many 1xx responses";
    attempt_failed(hooks::kEndMalformed);
    return;
  }
  if (response.status == 100) {
    if (!request.expect_continue || continue_sent_) {  // nobody waits for it (RFC 9110 15.2.1)
      response = {};
      return;
    }
    continue_sent_ = true;
  }
  server->send_informational(response);
  response = {};
}

void Exchange::response_head_complete() {
  upstream_head_us = worker.reactor.now_us();
  attempt_deadline_ms_ = 0;
  touch();
  if (response.status == 101 && (!offers_upgrade() || !http::has_token(request.upgrade, response.upgrade))) {
    reply_reason = "101 to a protocol that was not asked for";
    attempt_failed(hooks::kEndMalformed);
    return;
  }
  end_attempt_as(hooks::kEndResponse);
  advance();  // and the bytes that came with the head follow, before anything is sent
}

void Exchange::attempt_failed(std::uint32_t how) {
  if (stage != Stage::kConnect && stage != Stage::kAwait) return;
  // A kept-alive connection that the peer closed just as we used it, or a stream that the peer says it has not processed (RFC 9113 8.7).
  // What may be repeated without harm is, once, on a new one (RFC 9112 9.3.1); plugins are not told, since for them nothing has happened.
  const bool stale = how == hooks::kEndReset && client != nullptr && client->reused() && !client->response_begun();
  if (stale && !replayed_stale_ && (attempt_unsent() || http::idempotent(request.method)) && (!has_request_body() || kept_) && !offers_upgrade()) {
    replayed_stale_ = force_fresh_ = replaying_ = true;
    drop_client();
    start_attempt();
  } else {
    end_attempt_as(how);
  }
  advance();
  flush_both();
}

// h2c would take the connection out of our sight while it still carries requests: it is not offered on.
bool Exchange::offers_upgrade() const {
  return !request.upgrade.empty() && route->config->allow_upgrade && !http::has_token(request.upgrade, "h2c");
}

bool Exchange::attempt_unsent() const { return client == nullptr || client->unsent(); }

bool Exchange::can_retry() const {
  if (head_sent_ || stage != Stage::kAttemptEnd || request.is_connect()) return false;
  return !has_request_body() || gathered_ || (kept_ && held_.size() <= keep_max);  // what is kept for refused streams alone is not for plugins
}

void Exchange::count_attempt_end() const {
  const ClusterMetrics& counts = cluster->metrics;
  const std::size_t outcome = end_how == hooks::kEndResponse ? response.status / 100 : 5 + end_how;
  if (outcome < counts.outcomes.size()) metrics::add(counts.outcomes[outcome], 1);
  metrics::observe(counts.duration, worker.reactor.now_us() - upstream_start_us);
}

void Exchange::end_attempt_as(std::uint32_t how) {
  end_how = how;
  count_attempt_end();
  attempt_deadline_ms_ = 0;
  force_fresh_ = false;
  if (how != hooks::kEndResponse) {
    if (how == hooks::kEndReset || how == hooks::kEndTimeout) response = {};
    if (client == nullptr && cluster != nullptr) pool().forget(*this);
  }
  enter(Stage::kAttemptEnd);
}

Flow Exchange::end_attempt() {
  if (retry_asked) {
    retry_asked = false;
    if (can_retry()) {
      if (retry_other && endpoint != nullptr) tried.add(*endpoint);
      retry_other = false;
      drop_client();
      response = {};
      reply_reason = {};
      enter(retry_delay_ms == 0 ? Stage::kAttempt : Stage::kPause);
      if (retry_delay_ms != 0) again_at_ms_ = worker.reactor.now_ms() + retry_delay_ms;
      return Flow::kJump;
    }
  }
  if (end_how == hooks::kEndResponse) {
    enter(Stage::kResponse);
    return Flow::kJump;
  }
  const Refusal refusal = refusal_of(end_how);
  const std::string_view said = reply_reason;
  const bool told = !said.empty() && (end_how == hooks::kEndMalformed || end_how == hooks::kEndNoEndpoint || end_how == hooks::kEndConnectFailed);
  reply_locally(refusal.status, refusal.flag, told ? said : std::string_view(refusal.reason));
  return Flow::kJump;
}

// --- letting go of the upstream ---

void Exchange::drop_client() {
  if (client != nullptr) {
    std::exchange(client, nullptr)->release(false);
  } else if (stage == Stage::kConnect && cluster != nullptr) {
    pool().forget(*this);
  }
}

void Exchange::release_upstream(bool reusable) {
  attempt_deadline_ms_ = 0;
  again_at_ms_ = 0;
  if (client == nullptr) return drop_client();
  upstream_done_ = true;
  std::exchange(client, nullptr)->release(reusable && request_sent_ && response.keep_alive && stage != Stage::kTunnel);
}

// --- tunnels ---

void Exchange::open_tunnel() {
  enter(Stage::kTunnel);
  request_deadline_ms_ = 0;
  close_after_ = true;
  client->enter_tunnel();
  server->enter_tunnel();
  server->flush();
  again_ = true;
  server->pull();
  if (client != nullptr && stage == Stage::kTunnel) client->pull();
}

void Exchange::end_tunnel_if_closed() {
  if (!tunnel_up_closed_ || !tunnel_down_closed_) return;
  response_done_ = true;
  if (server->all_sent()) finish();
}

}  // namespace cleat
