// The exchange's downstream half: the response head, its framing, its body as the client takes it. The order of things stands in
// exchange.cpp.
#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/respond/forward.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat {

Flow Exchange::start_response() {
  enter(Stage::kStream);
  const bool no_body = request.is_head() || response.status == 204 || response.status == 304 || response.status < 200;
  if (response.status == 101 || (request.is_connect() && client != nullptr && response.status / 100 == 2)) {
    send_head();
    open_tunnel();
    return Flow::kWait;
  }
  if (local_) {
    if (no_body) {
      if (request.is_head()) respond::note_length(*this, local_body_.size());
      response.body = http::Body::kNone;
    } else {
      response.body = http::Body::kLength;
      response.content_length = local_body_.size();
    }
  } else if (no_body) {
    response.body = http::Body::kNone;
  }
  const bool empty = response.body == http::Body::kNone || (response.body == http::Body::kLength && response.content_length == 0);
  if (empty) {
    response_pipe.stream = response_pipe.whole = 0;
    send_head();
    end_response_body();
  } else {
    if (response_pipe.visible() == 0 || response_pipe.whole == 0) send_head();
    if (local_) {
      response_pipe.push(local_body_, true);
    } else if (client != nullptr) {
      client->pull();
    }
  }
  // A body that is already here goes out with its head.
  const bool more_follows = client != nullptr || (handler_active && (!handler_out.empty() || handler_finished));
  if (stage == Stage::kStream && !more_follows) server->flush();
  return stage == Stage::kStream ? Flow::kJump : Flow::kWait;
}

// The head goes out once; with a WHOLE subscriber only when its body is known.
void Exchange::send_head() {
  if (head_sent_) return;
  http::ResponseWrite how;
  const bool tunnel = response.status == 101 || (request.is_connect() && response.status / 100 == 2 && client != nullptr);
  const bool no_body = response.body == http::Body::kNone;
  if (no_body) {
    how.keep_content_length = request.is_head() || response.status == 304;
    how.framing.write_zero_length = !tunnel && response.status != 304 && !request.is_head();
  } else if (response_pipe.visible() != 0 || response.body != http::Body::kLength) {
    how.framing.body = request.minor >= 1 ? http::Body::kChunked : http::Body::kUntilClose;
  } else {
    how.framing.body = http::Body::kLength;
    how.framing.content_length = response.content_length;
  }
  until_close_ = how.framing.body == http::Body::kUntilClose;
  if (until_close_) close_after_ = true;
  // An unread request body ends the connection, unless it is small enough to be read and dropped.
  if (!server->drainable() && (local_ || request.expect_continue)) close_after_ = true;
  if (request.expect_continue && !continue_sent_ && !server->body_done()) close_after_ = true;
  if (!server->may_keep_alive() && !tunnel) close_after_ = true;
  how.close = close_after_ && !tunnel;
  how.keep_alive = !close_after_ && request.minor == 0;
  how.upgrade = response.status == 101;
  respond::prepare_response(*this, local_);
  server->send_head(response, how);
  head_sent_ = true;
  const unsigned kind = response.status / 100;
  if (kind < listener->metrics.responses.size()) metrics::add(listener->metrics.responses[kind], 1);
}

void Exchange::count_end() const {
  metrics::add(listener->metrics.exchanges, -1);
  metrics::add(listener->metrics.bytes_received, static_cast<std::int64_t>(request_head_bytes + request_bytes));
  metrics::add(listener->metrics.bytes_sent, static_cast<std::int64_t>(response_bytes));
  if (route == nullptr) return;
  const unsigned kind = head_sent_ ? response.status / 100 : 0;
  if (kind < route->metrics.requests.size()) metrics::add(route->metrics.requests[kind], 1);
  metrics::observe(route->metrics.duration, worker.reactor.now_us() - start_us);
}

void Exchange::sink_response(std::string_view data, bool end) {
  touch();
  if (!head_sent_) {  // gathered whole: framed by its length
    response.body = http::Body::kLength;
    response.content_length = data.size();
    response_pipe.stream = response_pipe.whole = 0;
    send_head();
  }
  response_bytes += data.size();
  server->send_data(data);
  if (!end) return;
  server->send_end(response_trailers);
  end_response_body();
}

void Exchange::end_response_body() {
  response_done_ = true;
  release_upstream(true);
  again_ = true;
}

bool Exchange::response_wanted() const {
  switch (stage) {
    case Stage::kConnect:
    case Stage::kAwait: return suspended[0] == 0;
    case Stage::kStream: return !response_done_ && response_pipe.idle() && !server->blocked();
    case Stage::kTunnel: return !tunnel_up_closed_ && !server->blocked();
    default: return false;
  }
}

void Exchange::response_data(std::string_view data) {
  touch();
  if (stage == Stage::kTunnel) {
    response_bytes += data.size();
    server->send_data(data);
    server->flush();
    return;
  }
  response_pipe.push(data, false);
  after_data();
}

Transport* Exchange::response_sink() {
  const bool unseen = response_pipe.visible() == 0 && response_pipe.idle();
  return stage == Stage::kStream && head_sent_ && !response_done_ && unseen ? server->sink() : nullptr;
}

void Exchange::response_passed(std::size_t size) {
  touch();
  response_bytes += size;
}

void Exchange::response_end() {
  touch();
  if (stage == Stage::kTunnel) {
    tunnel_up_closed_ = true;
    server->send_end({});
    end_tunnel_if_closed();
    return;
  }
  if (!response_done_) response_pipe.push({}, true);
  after_data();
}

void Exchange::response_broken() {
  if (stage == Stage::kTunnel) {  // which has no other word for it (RFC 9113 8.5)
    until_close_ = true;
    reply_flag = "upstream_broken";
    return fail_exchange();
  }
  reply_locally(502, "upstream_broken", "the upstream broke off its response");
  advance();
}

void Exchange::downstream_writable() {
  touch();
  if (stage == Stage::kStream || stage == Stage::kTunnel) {
    if (client != nullptr) client->pull();
    if (stage == Stage::kIdle) return;
    server->flush();
    advance();
  }
}

}  // namespace cleat
