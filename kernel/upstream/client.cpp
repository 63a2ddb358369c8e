#include "kernel/upstream/client.hpp"

#include <algorithm>
#include <cerrno>

#include "kernel/exchange.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::upstream {
namespace {

constexpr http::HeadLimits kResponseLimits{};  // of heads that endpoints send

}  // namespace

Client::Client(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, bool connecting)
    : pool_(pool), worker_(pool.worker()), endpoint_(std::move(endpoint)), socket_(std::move(socket)),
      state_(connecting ? State::kConnecting : State::kIdle), deadline_(worker_.reactor.wheel(), &Client::on_deadline, this) {
  const auto timeout = static_cast<std::uint64_t>(pool.cluster().config.connect_timeout.count());
  if (timeout != 0) deadline_.set(worker_.reactor.now_ms() + timeout);
  blocked_ = connecting;
  if (!worker_.reactor.add(socket_.fd(), *this)) failed_ = true;
}

Client::~Client() = default;

void Client::serve(Exchange& exchange) {
  exchange_ = &exchange;
  exchange.client = this;
  ++served_;
  sent_bytes_ = response_bytes_ = 0;
  scanned_ = 0;
  if (state_ != State::kConnecting) {
    state_ = State::kHead;
    deadline_.clear();
  }
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, 1);
}

void Client::on_deadline(void* self) {
  auto* client = static_cast<Client*>(self);
  if (client->state_ == State::kConnecting) {
    client->pool_.connect_failed(*client, CLEAT_END_CONNECT_TIMEOUT);
  } else if (client->state_ == State::kIdle) {
    client->close();
  }
}

void Client::on_io(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kConnecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    const int error = socket_error(socket_.fd());
    if (error != 0) {
      pool_.connect_failed(*this, CLEAT_END_CONNECT_FAILED);
      return;
    }
    if ((events & EPOLLOUT) == 0) return;
    connected();
    if (state_ == State::kClosed) return;
  } else if ((events & EPOLLOUT) != 0 && blocked_) {
    blocked_ = false;
    flush();
    if (state_ == State::kClosed) return;
    if (!blocked_ && exchange_ != nullptr) exchange_->upstream_writable();
    if (state_ == State::kClosed) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    readable_ = true;
    if ((events & ~static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT)) != 0) hangup_ = true;  // may have come with the last bytes: no event of its own follows
    if (state_ == State::kIdle) {  // nothing is expected: the end, or bytes nobody asked for. Either way it is of no more use.
      close();
      return;
    }
    pull();
  }
}

void Client::connected() {
  deadline_.clear();
  blocked_ = false;
  state_ = State::kHead;
  if (exchange_ != nullptr) exchange_->attempt_connected(*this);
}

void Client::send(std::string_view data) {
  if (data.empty()) return;
  if (blocked_ || (!out_.empty() && data.size() <= kCoalesceBytes && out_.size() <= kCoalesceBytes)) {
    out_.append(data);
    return;
  }
  if (data.size() <= kCoalesceBytes / 4) {  // small: wait for flush, more may come
    out_.append(data);
    return;
  }
  iovec parts[2];
  int count = 0;
  if (!out_.empty()) parts[count++] = {const_cast<char*>(out_.view().data()), out_.size()};
  parts[count++] = {const_cast<char*>(data.data()), data.size()};
  const Io io = write_some(socket_.fd(), parts, count);
  if (io.failed != 0) {  // the reading side tells the exchange, in a turn of its own
    failed_ = true;
    out_.clear();
    return;
  }
  sent_bytes_ += io.size;
  const std::size_t of_out = std::min(io.size, out_.size());
  const std::size_t of_data = io.size - of_out;
  out_.consume(of_out);
  if (of_data < data.size()) {
    out_.append(data.substr(of_data));
    blocked_ = true;
  }
}

void Client::flush() {
  if (blocked_ || failed_) return;
  if (!out_.empty()) {
    const iovec part{const_cast<char*>(out_.view().data()), out_.size()};
    const Io io = write_some(socket_.fd(), &part, 1);
    if (io.failed != 0) {
      failed_ = true;
      out_.clear();
      return;
    }
    sent_bytes_ += io.size;
    out_.consume(io.size);
    blocked_ = !out_.empty();
  }
  if (out_.empty()) {
    worker_.give_buffer(std::move(out_));
    if (shut_wanted_ && !shut_) {
      shut_ = true;
      ::shutdown(socket_.fd(), SHUT_WR);
    }
  }
}

void Client::shutdown_write() {
  shut_wanted_ = true;
  flush();
}

void Client::enter_tunnel() { state_ = State::kTunnel; }

bool Client::clean() const {
  const std::size_t unread = pulling_ ? rest_ : in_.size();  // bytes after the response: whoever sent them is not to be trusted again
  return state_ == State::kDone && unread == 0 && !eof_ && !hangup_ && !failed_ && out_.empty() && !blocked_ && !shut_wanted_;
}

void Client::idle(std::uint64_t until_ms) {
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, UINT32_MAX);  // one less
  exchange_ = nullptr;
  state_ = State::kIdle;
  if (until_ms != 0) deadline_.set(until_ms);
}

void Client::close() {
  if (state_ == State::kClosed) return;
  if (exchange_ != nullptr) pool_.cluster().count_in_flight(*endpoint_, worker_.index, UINT32_MAX);
  state_ = State::kClosed;
  exchange_ = nullptr;
  deadline_.clear();
  socket_.close();
  pool_.drop(*this);
}

void Client::failed(std::uint32_t how) {
  Exchange* exchange = exchange_;
  if (exchange == nullptr) {
    close();
    return;
  }
  if (state_ == State::kHead) {
    exchange->attempt_failed(how);
  } else if (state_ == State::kTunnel) {
    exchange->response_end();
  } else {
    exchange->response_broken();
  }
}

void Client::pull() {
  if (pulling_ || exchange_ == nullptr) return;
  pulling_ = true;
  Exchange& x = *exchange_;
  while (exchange_ != nullptr && (state_ == State::kHead || state_ == State::kBody || state_ == State::kTunnel) && exchange_->response_wanted()) {
    if (!in_.empty() && scanned_ < in_.size()) {
      const std::size_t used = take(in_.view());
      if (state_ == State::kClosed) break;
      in_.consume(used);
      if (used != 0) continue;
      if (exchange_ == nullptr || !exchange_->response_wanted()) break;
    }
    if (eof_) {
      ended();
      break;
    }
    if (!readable_) break;
    read_more();
    if (state_ == State::kClosed) break;
  }
  pulling_ = false;
  x.settle();
  if (state_ != State::kClosed && in_.empty()) worker_.give_buffer(std::move(in_));
}

void Client::read_more() {
  char* const scratch = worker_.scratch.get() + Worker::kScratchBytes;  // the half for upstreams
  const Io io = read_some(socket_.fd(), scratch, Worker::kScratchBytes);
  if (io.blocked) {
    readable_ = false;
    return;
  }
  if (io.closed || io.failed != 0) {
    eof_ = true;
    if (io.failed != 0) failed_ = true;
    if (in_.empty()) ended();
    return;
  }
  if (io.size < Worker::kScratchBytes && !hangup_) readable_ = false;  // drained: the next byte is an event (edge-triggered)
  response_bytes_ += io.size;
  std::string_view data(scratch, io.size);
  if (in_.empty()) {
    while (!data.empty()) {
      const std::size_t used = take(data);
      if (state_ == State::kClosed) return;
      data.remove_prefix(used);
      if (used == 0 || exchange_ == nullptr || state_ == State::kDone) break;
    }
  }
  if (!data.empty()) {
    if (in_.capacity() == 0) in_ = worker_.take_buffer();
    in_.append(data);
  }
}

std::size_t Client::take(std::string_view data) {
  if (!exchange_->response_wanted()) return 0;
  switch (state_) {
    case State::kHead: return take_head(data);
    case State::kBody: return take_body(data);
    case State::kTunnel: exchange_->response_data(data); return data.size();
    default: return 0;
  }
}

std::size_t Client::take_head(std::string_view data) {
  Exchange& x = *exchange_;
  const http::HeadScan scan = http::scan_response_head(data, scanned_, kResponseLimits);
  if (scan.error) {
    x.reply_reason = scan.error.reason;
    failed(CLEAT_END_MALFORMED);
    return data.size();
  }
  if (scan.size == 0) {
    scanned_ = data.size();
    return 0;
  }
  scanned_ = 0;
  const std::string_view head = x.arena.copy(data.substr(scan.skip, scan.size));
  const http::ParseError error = head.data() == nullptr
                                     ? http::ParseError{502, "head exceeds its memory"}
                                     : http::parse_response_head(head, x.request.method, kResponseLimits, x.arena, x.response);
  if (error) {
    x.reply_reason = error.reason;
    failed(CLEAT_END_MALFORMED);
    return data.size();
  }
  const std::size_t used = scan.skip + scan.size;
  rest_ = data.size() - used;
  if (x.response.status < 200 && x.response.status != 101) {
    x.response_informational();
    return used;
  }
  switch (x.response.body) {
    case http::Body::kNone: state_ = State::kDone; break;
    case http::Body::kLength:
      body_left_ = x.response.content_length;
      state_ = body_left_ == 0 ? State::kDone : State::kBody;
      break;
    case http::Body::kChunked:
      chunked_.reset();
      state_ = State::kBody;
      break;
    case http::Body::kUntilClose: state_ = State::kBody; break;
  }
  x.response_head_complete();
  return used;
}

std::size_t Client::take_body(std::string_view data) {
  Exchange& x = *exchange_;
  switch (x.response.body) {
    case http::Body::kLength: {
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, data.size()));
      body_left_ -= size;
      rest_ = data.size() - size;
      if (body_left_ == 0) state_ = State::kDone;
      x.response_data(data.substr(0, size));
      if (state_ == State::kDone && exchange_ == &x) x.response_end();
      return size;
    }
    case http::Body::kUntilClose: x.response_data(data); return data.size();
    case http::Body::kChunked: {
      const http::ChunkedDecoder::Step step = chunked_.decode(data);
      rest_ = data.size() - step.consumed;
      switch (step.event) {
        case http::ChunkedDecoder::Event::kNeedMore: break;
        case http::ChunkedDecoder::Event::kData: x.response_data(step.data); break;
        case http::ChunkedDecoder::Event::kEnd: {
          state_ = State::kDone;
          const http::ParseError error = http::parse_trailers(chunked_.trailer_section(), kResponseLimits, x.arena, x.response_trailers);
          if (error) {
            x.response_broken();
          } else {
            x.response_end();
          }
          break;
        }
        case http::ChunkedDecoder::Event::kError: x.response_broken(); break;
      }
      return step.consumed;
    }
    case http::Body::kNone: break;
  }
  return 0;
}

void Client::ended() {
  if (exchange_ == nullptr) {
    close();
    return;
  }
  if (state_ == State::kBody && exchange_->response.body == http::Body::kUntilClose && !failed_) {
    state_ = State::kDone;
    exchange_->response_end();
    return;
  }
  failed(CLEAT_END_RESET);
}

}  // namespace cleat::upstream
