#include "kernel/accept/http1_server.hpp"

#include <algorithm>

#include "kernel/exchange.hpp"
#include "kernel/http1_body.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\n";  // as much of HTTP/2's as looks like a head (RFC 9113 3.4)

}  // namespace

Http1Server::Http1Server(Connection& connection) : connection_(connection), worker_(connection.worker()), transport_(connection.transport),
      deadline_(connection.deadline) {}

void Http1Server::start() {
  state_ = State::kHead;
  wait_for_request();
}

// --- events ---

void Http1Server::on_deadline() {
  switch (state_) {
    case State::kHead:
      if (!in_.empty()) {
        metrics::add(listener().bite("head_timeout"), 1);
        refuse({408, "request head not complete in time"});
      } else {
        if (!worker_.draining) metrics::add(listener().bite(connection_.requests() == 0 ? "head_timeout" : "idle_timeout"), 1);
        close();
      }
      break;
    case State::kDraining:
    case State::kLinger: close(); break;
    case State::kExchange:
      if (close_when_sent_) close();  // the last reply was not taken in time
      break;
    default: break;
  }
}

void Http1Server::on_io(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && state_ != State::kTunnel)) {
    // Both directions are gone. What has arrived before may still be a whole request, but nobody can read the answer.
    peer_gone();
    return;
  }
  if ((events & EPOLLOUT) != 0 && transport_.note_writable()) {
    after_flush();
    if (state_ == State::kClosed) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    transport_.note_readable(events);
    switch (state_) {
      case State::kHead: read_head(); break;
      case State::kExchange:
      case State::kTunnel: pull(); break;
      case State::kDraining: drain_body(); break;
      case State::kLinger: linger(); break;
      default: break;
    }
  }
}

void Http1Server::peer_gone() {
  transport_.break_off();
  if (exchange_ != nullptr) {
    exchange_->downstream_gone();
  } else {
    close();
  }
}

void Http1Server::after_flush() {
  if (close_when_sent_) {
    linger();
  } else if (exchange_ != nullptr) {
    exchange_->downstream_writable();
  }
}

// --- heads ---

void Http1Server::wait_for_request() {
  connection_.follow_generation();
  scanned_ = 0;
  if (in_.empty()) worker_.give_buffer(std::move(in_));
  waits_since_ms_ = worker_.reactor.now_ms();
  const config::Timeouts& timeouts = listener().config->timeouts;
  std::uint64_t bound = ms(connection_.requests() == 0 || !in_.empty() ? timeouts.head : timeouts.idle);
  if (worker_.draining) bound = bound == 0 ? kLastRequestMs : std::min(bound, kLastRequestMs);
  deadline_.set_or_clear(bound == 0 ? 0 : waits_since_ms_ + bound);
}

void Http1Server::stash(std::string_view data) {
  if (data.empty()) return;
  if (in_.capacity() == 0) in_ = worker_.take_buffer();
  in_.append(data);
}

void Http1Server::read_head() {
  while (state_ == State::kHead) {
    if (scanned_ < in_.size() && take_head(in_.view(), true)) return;
    if (eof_) return close();
    if (!transport_.readable()) return;
    std::string_view data;
    const Io io = transport_.read(data);
    if (io.blocked) return;
    if (io.closed || io.failed != 0) return close();
    if (in_.empty()) {
      head_start_us_ = worker_.reactor.now_us();
      head_start_unix_us_ = unix_us();
      if (take_head(data, false)) return;
    }
    const std::uint64_t bound = ms(listener().config->timeouts.head);
    if (in_.empty() && connection_.requests() != 0 && bound != 0) deadline_.set(worker_.reactor.now_ms() + bound);  // once, from the first byte on
    stash(data);
  }
}

bool Http1Server::take_head(std::string_view data, bool owned) {
  const http::HeadScan scan = http::scan_request_head(data, scanned_, listener().limits);
  if (scan.error) {
    if (owned) in_.clear();
    refuse(scan.error);
    return true;
  }
  if (scan.size == 0) {
    scanned_ = data.size();
    return false;
  }
  scanned_ = 0;
  if (scan.size == kPreface.size() && data.starts_with(kPreface) && connection_.requests() == 0 && connection_.may_speak_http2()) {
    state_ = State::kClosed;
    connection_.speak_http2(data);
    return true;
  }
  if (head_start_us_ == 0) {  // the head was in the buffer already: a pipelined one
    head_start_us_ = worker_.reactor.now_us();
    head_start_unix_us_ = unix_us();
  }
  exchange_ = worker_.new_exchange();
  if (exchange_ == nullptr) {
    close();
    return true;
  }
  const std::string_view head = exchange_->arena.copy(data.substr(scan.skip, scan.size));
  const std::size_t used = scan.skip + scan.size;
  if (owned) {
    in_.consume(used);
  } else {
    stash(data.substr(used));
  }
  http::ParseError error = head.data() == nullptr
                               ? http::ParseError{431, "head exceeds its memory"}
                               : http::parse_request_head(head, listener().limits, exchange_->arena, exchange_->request);
  const std::uint64_t bytes_max = listener().config->limits.body_bytes;
  if (!error && bytes_max != 0 && exchange_->request.body == http::Body::kLength && exchange_->request.content_length > bytes_max) {
    error = {413, "request body over limits.body_bytes"};
  }
  begin_exchange(error, head);
  return true;
}

// One client that pipelines what is answered at once must not keep the worker from others: after some, they have their turn.
void Http1Server::read_next_head() {
  if (turn_us_ != worker_.reactor.now_us()) {
    turn_us_ = worker_.reactor.now_us();
    heads_in_turn_ = 0;
  }
  if (++heads_in_turn_ < kHeadsInTurn) return read_head();
  const bool posted = worker_.post([&worker = worker_, handle = connection_.handle()] {
    if (Connection* const connection = worker.find_connection(handle)) connection->on_io(EPOLLIN);
  });
  if (!posted) read_head();
}

void Http1Server::refuse(http::ParseError error) {
  exchange_ = worker_.new_exchange();
  if (exchange_ == nullptr) return close();
  begin_exchange(error, {});
}

void Http1Server::begin_exchange(http::ParseError error, std::string_view head) {
  Exchange& x = *exchange_;
  state_ = State::kExchange;
  deadline_.clear();
  const std::uint64_t requests = connection_.count_request();
  x.start_us = head_start_us_ != 0 ? head_start_us_ : worker_.reactor.now_us();
  x.start_unix_us = head_start_unix_us_ != 0 ? head_start_unix_us_ : unix_us();
  head_start_us_ = head_start_unix_us_ = 0;
  body_seen_ = 0;
  if (error) {
    keep_ = false;
    body_done_ = false;
    body_ = http::Body::kUntilClose;
    x.begin_refused(*this, listener(), error);
    return;
  }
  body_ = x.request.body;
  body_left_ = x.request.content_length;
  body_done_ = body_ == http::Body::kNone || (body_ == http::Body::kLength && body_left_ == 0);
  if (body_ == http::Body::kChunked) chunked_.reset();
  const std::uint64_t most = listener().config->limits.requests_per_connection;
  keep_ = x.request.keep_alive && connection_.missed_hooks() == 0 && !(most != 0 && requests >= most);
  if (most != 0 && requests >= most) metrics::add(listener().bite("requests_per_connection"), 1);
  x.begin(*this, listener(), head.size());
}

bool Http1Server::may_keep_alive() const { return keep_ && !eof_ && !transport_.broken() && connection_.may_go_on(); }

// --- bodies ---

void Http1Server::pull() {
  if (pulling_ || exchange_ == nullptr) return;
  pulling_ = true;
  Exchange& x = *exchange_;
  while (exchange_ == &x && (state_ == State::kTunnel || !body_done_) && state_ != State::kClosed && x.request_wanted()) {
    if (!in_.empty()) {
      in_.consume(take_body(in_.view()));
      continue;
    }
    if (eof_) break;
    if (!transport_.readable()) break;
    std::string_view data;
    const Io io = transport_.read(data);
    if (io.blocked) break;
    if (io.closed || io.failed != 0) {
      eof_ = true;
      if (state_ == State::kTunnel && io.closed) {
        x.request_end();
      } else {
        keep_ = false;
        x.request_broken({});
      }
      break;
    }
    while (!data.empty() && exchange_ == &x && (state_ == State::kTunnel || !body_done_) && x.request_wanted()) data.remove_prefix(take_body(data));
    stash(data);
  }
  pulling_ = false;
  x.settle();
  if (in_.empty() && state_ != State::kClosed) worker_.give_buffer(std::move(in_));
}

// REQUIRES: the exchange wants data. Uses at least one byte.
std::size_t Http1Server::take_body(std::string_view data) {
  Exchange& x = *exchange_;
  if (state_ == State::kTunnel) {
    x.request_data(data);
    return data.size();
  }
  const std::uint64_t most = listener().config->limits.body_bytes;
  if (body_ == http::Body::kLength) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, data.size()));
    body_left_ -= size;
    if (body_left_ == 0) body_done_ = true;
    x.request_data(data.substr(0, size));
    if (body_left_ == 0) x.request_end();
    return size;
  }
  const http::ChunkedDecoder::Step step = chunked_.decode(data);
  switch (step.event) {
    case http::ChunkedDecoder::Event::kNeedMore: break;
    case http::ChunkedDecoder::Event::kData:
      body_seen_ += step.data.size();
      if (most != 0 && body_seen_ > most) {
        keep_ = false;
        metrics::add(listener().bite("body_bytes"), 1);
        x.request_broken({413, "request body over limits.body_bytes"});
      } else {
        x.request_data(step.data);
      }
      break;
    case http::ChunkedDecoder::Event::kEnd: {
      const http::ParseError error = http::parse_trailers(chunked_.trailer_section(), listener().limits, x.arena, x.request_trailers);
      body_done_ = true;
      if (error) {
        keep_ = false;
        x.request_broken(error);
      } else {
        x.request_end();
      }
      break;
    }
    case http::ChunkedDecoder::Event::kError:
      keep_ = false;
      x.request_broken({400, chunked_.reason()});
      break;
  }
  return step.event == http::ChunkedDecoder::Event::kError ? data.size() : step.consumed;
}

bool Http1Server::drainable() const {
  return body_done_ || (body_ == http::Body::kLength && body_left_ <= kDrainBytesMax);
}

// Reads and drops what is left of a request body that nobody wanted, then waits for the next head.
void Http1Server::drain_body() {
  while (state_ == State::kDraining && !body_done_) {
    std::string_view data = in_.view();
    const bool owned = !data.empty();
    if (!owned) {
      if (!transport_.readable()) return;
      const Io io = transport_.read(data);
      if (io.blocked) return;
      if (io.closed || io.failed != 0) return close();
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, data.size()));
    body_left_ -= size;
    if (body_left_ == 0) body_done_ = true;
    if (owned) {
      in_.consume(size);
    } else {
      stash(data.substr(size));
    }
  }
  if (state_ != State::kDraining) return;
  state_ = State::kHead;
  wait_for_request();
  read_head();
}

// --- writing ---

void Http1Server::send_informational(const http::ResponseHead& head) {
  if (exchange_->request.minor == 0) return;
  http::write_response_head(transport_.out(), head, {});
  transport_.flush();
}

void Http1Server::send_head(const http::ResponseHead& head, const http::ResponseWrite& how) {
  framing_ = how.framing.body;
  http::write_response_head(transport_.out(), head, how);
}

void Http1Server::send_data(std::string_view data) {
  send_http1_body(transport_, framing_, data);
}

void Http1Server::send_end(const http::Fields& trailers) {
  if (state_ == State::kTunnel) {
    transport_.shut_when_sent();
  } else {
    end_http1_body(transport_, framing_, trailers);
  }
}

void Http1Server::enter_tunnel() {
  state_ = State::kTunnel;
  framing_ = http::Body::kUntilClose;
  body_done_ = false;
}

// --- the end of an exchange, and of the connection ---

void Http1Server::exchange_done(bool keep) {
  exchange_ = nullptr;
  if (state_ == State::kClosed) return;
  if (transport_.broken()) return close();
  // Not may_keep_alive: a client that was told it may send another request has perhaps done so.
  if (!keep || !keep_ || eof_ || !drainable()) {
    close_when_sent_ = true;
    if (transport_.all_sent()) linger();
    return;
  }
  if (!body_done_) {
    state_ = State::kDraining;
    deadline_.set(worker_.reactor.now_ms() + kLingerMs);
    drain_body();
    return;
  }
  state_ = State::kHead;
  wait_for_request();
  if (!in_.empty() || transport_.readable()) read_next_head();
}

// Closing while the peer still sends would answer its bytes with a reset, which may destroy the reply on its way: send the end, then
// read and drop for a short while (RFC 9112 9.6).
void Http1Server::linger() {
  if (state_ != State::kLinger) {
    if (body_done_ && in_.empty() && !transport_.readable()) return close();
    state_ = State::kLinger;
    in_.release();
    transport_.shut_when_sent();
    deadline_.set(worker_.reactor.now_ms() + kLingerMs);
    transport_.assume_readable();
  }
  while (transport_.readable()) {
    std::string_view data;
    const Io io = transport_.read(data);
    lingered_ += io.size;
    if (io.closed || io.failed != 0 || lingered_ > kLingerBytesMax) return close();
  }
}

void Http1Server::drain() {
  if (!between_exchanges()) return;
  const std::uint64_t until = waits_since_ms_ + kLastRequestMs;
  if (until <= worker_.reactor.now_ms()) {
    close();
  } else if (deadline_.at_ms() == 0 || deadline_.at_ms() > until) {
    deadline_.set(until);
  }
}

void Http1Server::cut(bool reset) {
  if (state_ == State::kClosed) return;
  transport_.break_off(reset);
  peer_gone();
}

void Http1Server::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  in_.release();
  connection_.close();
}

}  // namespace cleat
