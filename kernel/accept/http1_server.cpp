#include "kernel/accept/http1_server.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernel/accept/acceptor.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/connection_hooks.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

std::uint64_t ms(std::chrono::milliseconds d) { return static_cast<std::uint64_t>(d.count()); }
std::atomic<std::uint64_t> next_connection_id{1};

}  // namespace

Http1Server::Http1Server(Worker& worker, Acceptor& acceptor, Socket socket, const Address& peer)
    : worker_(worker), acceptor_(acceptor), listener_(&acceptor.listener()), home_(worker.current_generation.get()),
      socket_(std::move(socket)), peer_(peer), id_(next_connection_id.fetch_add(1, std::memory_order_relaxed)),
      accepted_unix_us_(unix_us()), deadline_(worker.reactor.wheel(), &Http1Server::on_deadline, this) {
  ++home_->users;
  next = worker_.connections;
  if (next != nullptr) next->before = this;
  worker_.connections = this;
  ++worker_.connection_count;
  metrics::add(listener_->metrics.connections, 1);
  metrics::add(listener_->metrics.active, 1);
}

Http1Server::~Http1Server() { worker_.leave(*home_); }

std::uint64_t Http1Server::handle() {
  if (handle_ == 0) handle_ = worker_.name_connection(this);
  return handle_;
}

std::string_view Http1Server::peer_text() {
  if (peer_text_.empty()) peer_text_ = peer_.text();
  return peer_text_;
}

std::string_view Http1Server::peer_ip() {
  std::string_view text = peer_text();
  text = text.substr(0, text.rfind(':'));
  if (!text.empty() && text.front() == '[') text = text.substr(1, text.size() - 2);
  return text;
}

std::string_view Http1Server::local_text() {
  if (local_text_.empty()) local_text_ = local_address(socket_.fd()).text();
  return local_text_;
}

// --- opening and on_connection ---

void Http1Server::start() {
  if (!run_connection_hooks()) return;
  state_ = State::kHead;
  wait_for_request();
  if (!worker_.reactor.add(socket_.fd(), *this)) close();
}

bool Http1Server::run_connection_hooks() {
  const auto& positions = listener_->chain.of(hooks::Hook::kConnection);
  while (hook_cursor_ < positions.size()) {
    const std::uint8_t position = positions[hook_cursor_];
    hooks::Instance& instance = *listener_->chain.instances[position];
    ended_hooks_ |= std::uint64_t{1} << position;
    ticket_ = 0;
    const hooks::ConnectionAnswer answer = hooks::call_on_connection(worker_, instance, handle(), position);
    if (answer == hooks::ConnectionAnswer::kSuspend && ticket_ != 0) {
      const std::uint64_t bound = ms(listener_->config->timeouts.suspend);
      if (bound != 0) deadline_.set(worker_.reactor.now_ms() + bound);
      return false;
    }
    if (answer == hooks::ConnectionAnswer::kClose || (answer == hooks::ConnectionAnswer::kSuspend && !instance.fail_open)) {
      close();
      return false;
    }
    ++hook_cursor_;
  }
  hooks_ran_ = true;
  return true;
}

bool Http1Server::suspend(std::uint32_t number) {
  if (state_ != State::kOpening || hooks_ran_) return false;
  ticket_ = number;
  return true;
}

void Http1Server::resume(std::uint32_t number, std::uint32_t verdict) {
  if (state_ != State::kOpening || ticket_ == 0 || ticket_ != number) return;
  ticket_ = 0;
  deadline_.clear();
  const auto& positions = listener_->chain.of(hooks::Hook::kConnection);
  const hooks::Instance& instance = *listener_->chain.instances[positions[hook_cursor_]];
  if (!hooks::connection_goes_on(verdict, instance.fail_open)) {
    close();
    return;
  }
  ++hook_cursor_;
  start();
}

// --- events ---

void Http1Server::on_deadline(void* self) {
  auto& server = *static_cast<Http1Server*>(self);
  switch (server.state_) {
    case State::kOpening:
      hooks::drop_connection_ticket(server.worker_, server.handle_);
      server.resume(server.ticket_, 3);  // FAIL
      break;
    case State::kHead:
      if (!server.in_.empty()) {
        metrics::add(server.listener_->bite("head_timeout"), 1);
        server.refuse({408, "request head not complete in time"});
      } else {
        if (!server.worker_.draining) metrics::add(server.listener_->bite(server.requests_ == 0 ? "head_timeout" : "idle_timeout"), 1);
        server.close();
      }
      break;
    case State::kDraining:
    case State::kLinger: server.close(); break;
    case State::kExchange:
      if (server.close_when_sent_) server.close();  // the last reply was not taken in time
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
  if ((events & EPOLLOUT) != 0 && blocked_) {
    blocked_ = false;
    flush();
    if (state_ == State::kClosed) return;
    if (!blocked_) after_flush();
    if (state_ == State::kClosed) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    readable_ = true;
    if ((events & EPOLLRDHUP) != 0) hangup_ = true;
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
  broken_ = true;
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

// --- generations ---

// The same listener in the worker's current generation, if the connection may go on there: every on_connection hook of its chain has seen
// the connection, and every plugin that has seen it is still there to see its end.
const Listener* Http1Server::listener_to_follow(std::uint64_t& ended_hooks) const {
  if (!acceptor_.listening()) return nullptr;
  const Listener& there = acceptor_.listener();
  const auto& instances = there.chain.instances;
  ended_hooks = 0;
  for (std::size_t i = 0; i < listener_->chain.instances.size(); ++i) {
    if ((ended_hooks_ >> i & 1) == 0) continue;
    const auto at = std::find(instances.begin(), instances.end(), listener_->chain.instances[i]);
    if (at == instances.end()) return nullptr;
    ended_hooks |= std::uint64_t{1} << (at - instances.begin());
  }
  for (const std::uint8_t position : there.chain.of(hooks::Hook::kConnection)) {
    if ((ended_hooks >> position & 1) == 0) return nullptr;
  }
  return &there;
}

void Http1Server::follow_generation() {
  if (home_ == worker_.current_generation.get()) return;
  std::uint64_t ended_hooks = 0;
  const Listener* const there = listener_to_follow(ended_hooks);
  if (there == nullptr) return;  // one more exchange where it is, and the end
  WorkerGeneration& old = *std::exchange(home_, worker_.current_generation.get());
  ++home_->users;
  listener_ = there;
  ended_hooks_ = ended_hooks;
  worker_.leave(old);
}

void Http1Server::generation_changed() {
  if (state_ == State::kHead && in_.empty()) follow_generation();
}

// --- heads ---

void Http1Server::wait_for_request() {
  follow_generation();
  scanned_ = 0;
  if (in_.empty()) worker_.give_buffer(std::move(in_));
  waits_since_ms_ = worker_.reactor.now_ms();
  const config::Timeouts& timeouts = listener_->config->timeouts;
  std::uint64_t bound = ms(requests_ == 0 ? timeouts.head : timeouts.idle);
  if (worker_.draining) bound = bound == 0 ? kLastRequestMs : std::min(bound, kLastRequestMs);
  if (bound != 0) {
    deadline_.set(waits_since_ms_ + bound);
  } else {
    deadline_.clear();
  }
}

void Http1Server::stash(std::string_view data) {
  if (data.empty()) return;
  if (in_.capacity() == 0) in_ = worker_.take_buffer();
  in_.append(data);
}

// What has come, up to the size of the scratch memory. Less than that: the socket is drained, and the next byte is an event of its
// own (edge-triggered), so there is no need to ask again; not so behind a half-close, whose event may have been this one.
Io Http1Server::read_scratch() {
  const Io io = read_some(socket_.fd(), worker_.scratch.get(), Worker::kScratchBytes);
  if (io.blocked || (io.size != 0 && io.size < Worker::kScratchBytes && !hangup_)) readable_ = false;
  return io;
}

void Http1Server::read_head() {
  while (state_ == State::kHead) {
    if (scanned_ < in_.size() && take_head(in_.view(), true)) return;
    if (eof_) {
      close();
      return;
    }
    if (!readable_) return;
    const Io io = read_scratch();
    if (io.blocked) return;
    if (io.closed || io.failed != 0) {
      close();
      return;
    }
    const std::string_view data(worker_.scratch.get(), io.size);
    if (in_.empty()) {
      head_start_us_ = worker_.reactor.now_us();
      head_start_unix_us_ = unix_us();
      if (take_head(data, false)) return;
    }
    const std::uint64_t bound = ms(listener_->config->timeouts.head);
    if (in_.empty() && requests_ != 0 && bound != 0) deadline_.set(worker_.reactor.now_ms() + bound);  // once, from the first byte on
    stash(data);
  }
}

bool Http1Server::take_head(std::string_view data, bool owned) {
  const http::HeadScan scan = http::scan_request_head(data, scanned_, listener_->limits);
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
                               : http::parse_request_head(head, listener_->limits, exchange_->arena, exchange_->request);
  const std::uint64_t bytes_max = listener_->config->limits.body_bytes;
  if (!error && bytes_max != 0 && exchange_->request.body == http::Body::kLength && exchange_->request.content_length > bytes_max) {
    error = {413, "request body over limits.body_bytes"};
  }
  begin_exchange(error, head);
  return true;
}

void Http1Server::refuse(http::ParseError error) {
  exchange_ = worker_.new_exchange();
  if (exchange_ == nullptr) {
    close();
    return;
  }
  begin_exchange(error, {});
}

void Http1Server::begin_exchange(http::ParseError error, std::string_view head) {
  Exchange& x = *exchange_;
  state_ = State::kExchange;
  deadline_.clear();
  ++requests_;
  x.start_us = head_start_us_ != 0 ? head_start_us_ : worker_.reactor.now_us();
  x.start_unix_us = head_start_unix_us_ != 0 ? head_start_unix_us_ : unix_us();
  head_start_us_ = head_start_unix_us_ = 0;
  body_seen_ = 0;
  if (error) {
    if (error.status == 413 || error.status == 414 || error.status == 431) metrics::add(listener_->bite(error.status == 413 ? "body_bytes" : "head_bytes"), 1);
    keep_ = false;
    body_done_ = false;
    body_ = http::Body::kUntilClose;
    x.begin_refused(*this, *listener_, error);
    return;
  }
  body_ = x.request.body;
  body_left_ = x.request.content_length;
  body_done_ = body_ == http::Body::kNone || (body_ == http::Body::kLength && body_left_ == 0);
  if (body_ == http::Body::kChunked) chunked_.reset();
  const std::uint64_t most = listener_->config->limits.requests_per_connection;
  keep_ = x.request.keep_alive && !(most != 0 && requests_ >= most);
  if (most != 0 && requests_ >= most) metrics::add(listener_->bite("requests_per_connection"), 1);
  x.begin(*this, *listener_, head);
}

bool Http1Server::may_keep_alive() const {
  if (!keep_ || eof_ || broken_ || worker_.draining) return false;
  std::uint64_t ended_hooks = 0;
  return home_ == worker_.current_generation.get() || listener_to_follow(ended_hooks) != nullptr;
}

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
    if (!readable_) break;
    const Io io = read_scratch();
    if (io.blocked) break;
    if (io.closed || io.failed != 0) {
      eof_ = true;
      if (state_ == State::kTunnel) {
        x.request_end();
      } else {
        keep_ = false;
        x.request_broken({});
      }
      break;
    }
    std::string_view data(worker_.scratch.get(), io.size);
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
  const std::uint64_t most = listener_->config->limits.body_bytes;
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
        metrics::add(listener_->bite("body_bytes"), 1);
        x.request_broken({413, "request body over limits.body_bytes"});
      } else {
        x.request_data(step.data);
      }
      break;
    case http::ChunkedDecoder::Event::kEnd: {
      const http::ParseError error = http::parse_trailers(chunked_.trailer_section(), listener_->limits, x.arena, x.request_trailers);
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
      if (!readable_) return;
      const Io io = read_scratch();
      if (io.blocked) return;
      if (io.closed || io.failed != 0) {
        close();
        return;
      }
      data = {worker_.scratch.get(), io.size};
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

Buffer& Http1Server::out() {
  if (out_.capacity() == 0) out_ = worker_.take_buffer();
  return out_;
}

void Http1Server::send(std::string_view data) {
  if (data.empty() || broken_) return;
  if (blocked_ || data.size() <= kCoalesceBytes / 4 || (!out_.empty() && data.size() <= kCoalesceBytes && out_.size() <= kCoalesceBytes)) {
    out().append(data);
    return;
  }
  iovec parts[2];
  int count = 0;
  if (!out_.empty()) parts[count++] = {const_cast<char*>(out_.view().data()), out_.size()};
  parts[count++] = {const_cast<char*>(data.data()), data.size()};
  const Io io = write_some(socket_.fd(), parts, count);
  if (io.failed != 0) {
    broken_ = true;
    out_.clear();
    return;
  }
  const std::size_t of_out = std::min(io.size, out_.size());
  const std::size_t of_data = io.size - of_out;
  out_.consume(of_out);
  if (of_data < data.size()) {
    out().append(data.substr(of_data));
    blocked_ = true;
  }
}

void Http1Server::flush() {
  if (blocked_) return;
  if (!out_.empty() && !broken_) {
    const iovec part{const_cast<char*>(out_.view().data()), out_.size()};
    const Io io = write_some(socket_.fd(), &part, 1);
    if (io.failed != 0) {
      broken_ = true;
    } else {
      out_.consume(io.size);
      blocked_ = !out_.empty();
    }
  }
  if (broken_) out_.clear();
  if (out_.empty()) {
    worker_.give_buffer(std::move(out_));
    if (shut_wanted_) {
      shut_wanted_ = false;
      ::shutdown(socket_.fd(), SHUT_WR);
    }
  }
}

void Http1Server::send_informational(const http::ResponseHead& head) {
  if (exchange_->request.minor == 0) return;
  http::write_response_head(out(), head, {});
  flush();
}

void Http1Server::send_head(const http::ResponseHead& head, const http::ResponseWrite& how) {
  framing_ = how.framing.body;
  http::write_response_head(out(), head, how);
}

void Http1Server::send_data(std::string_view data) {
  if (framing_ != http::Body::kChunked) return send(data);
  if (data.empty()) return;
  http::write_chunk_head(out(), data.size());
  send(data);
  out().append("\r\n");
}

void Http1Server::send_end(const http::Fields& trailers) {
  if (state_ == State::kTunnel) {
    shut_wanted_ = true;
    flush();
  } else if (framing_ == http::Body::kChunked) {
    out().append("0\r\n");
    http::write_fields(out(), trailers);
    out().append("\r\n");
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
  if (broken_) {
    close();
    return;
  }
  // Not may_keep_alive: a client that was told it may send another request has perhaps done so.
  if (!keep || !keep_ || eof_ || !drainable()) {
    close_when_sent_ = true;
    if (out_.empty()) linger();
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
  if (!in_.empty() || readable_) read_head();
}

// Closing while the peer still sends would answer its bytes with a reset, which may destroy the reply on its way: send the end, then
// read and drop for a short while (RFC 9112 9.6).
void Http1Server::linger() {
  if (state_ != State::kLinger) {
    if (body_done_ && in_.empty() && !readable_) {
      close();
      return;
    }
    state_ = State::kLinger;
    in_.release();
    ::shutdown(socket_.fd(), SHUT_WR);
    deadline_.set(worker_.reactor.now_ms() + kLingerMs);
    readable_ = true;
  }
  while (readable_) {
    const Io io = read_scratch();
    lingered_ += io.size;
    if (io.closed || io.failed != 0 || lingered_ > kLingerBytesMax) {
      close();
      return;
    }
  }
}

void Http1Server::drain() {
  if (state_ != State::kHead || !in_.empty()) return;
  const std::uint64_t until = waits_since_ms_ + kLastRequestMs;
  if (until <= worker_.reactor.now_ms()) {
    close();
  } else if (deadline_.at_ms() == 0 || deadline_.at_ms() > until) {
    deadline_.set(until);
  }
}

void Http1Server::cut(bool reset) {
  if (state_ == State::kClosed) return;
  if (reset) reset_on_close(socket_.fd());
  broken_ = true;
  if (exchange_ != nullptr) {
    exchange_->downstream_gone();
  } else {
    close();
  }
}

void Http1Server::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  deadline_.clear();
  socket_.close();
  in_.release();
  out_.release();
  if (handle_ != 0) {
    for (const std::uint8_t position : listener_->chain.of(hooks::Hook::kConnectionEnd)) {
      if ((ended_hooks_ >> position & 1) == 0 && !listener_->chain.of(hooks::Hook::kConnection).empty()) {
        if (listener_->chain.instances[position]->table.on_connection != nullptr) continue;
      }
      hooks::call_on_connection_end(worker_, *listener_->chain.instances[position], handle_, position);
    }
    hooks::drop_connection_ticket(worker_, handle_);
    hooks::cancel_connection_timers(worker_, *this);
    worker_.forget_connection(handle_);
    handle_ = 0;
  }
  metrics::add(listener_->metrics.active, -1);
  acceptor_.connection_closed();
  worker_.connection_closed(*this);
}

}  // namespace cleat
