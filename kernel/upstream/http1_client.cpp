#include "kernel/upstream/http1_client.hpp"

#include <algorithm>
#include <cerrno>

#include "kernel/http1_body.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::upstream {
namespace {

constexpr http::HeadLimits kResponseLimits{};  // of heads that endpoints send
constexpr std::uint64_t kPassBytesMin = 32 * 1024;  // of a body: less is cheaper read and written
constexpr std::size_t kHeadReadBytes = 4 * 1024;    // at most with the head, where the body after it is to go past

}  // namespace

Http1Client::Http1Client(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name)
    : Pooled(pool, std::move(endpoint), std::move(socket), server_name) {}

Http1Client::~Http1Client() = default;

void Http1Client::serve(Requester& requester) {
  requester_ = &requester;
  requester.client = this;
  ++served_;
  transport_.count_from_here();
  response_bytes_ = 0;
  scanned_ = 0;
  if (state_ != State::kConnecting) {
    state_ = State::kHead;
    deadline_.clear();
  } else {
    transport_.begin_with(pool_.introduction(requester.downstream_connection()));
  }
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, 1);
}

void Http1Client::on_deadline() {
  if (state_ == State::kConnecting) {
    pool_.connect_failed(*this, CLEAT_END_CONNECT_TIMEOUT);
  } else if (state_ == State::kIdle) {
    close();
  }
}

void Http1Client::on_io(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kConnecting) {
    if (!open(events)) return;
    connected();
    if (state_ == State::kClosed) return;
  } else if ((events & EPOLLOUT) != 0 && transport_.note_writable()) {
    if (requester_ != nullptr) requester_->upstream_writable();
    if (state_ == State::kClosed) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    if (state_ == State::kIdle) {
      if (ended_idle(events)) close();
      return;
    }
    transport_.note_readable(events);
    pull();
  }
}

bool Http1Client::open(std::uint32_t events) {
  switch (transport_.open(events)) {
    case Transport::Opened::kNotYet: return false;
    case Transport::Opened::kYes: return true;
    case Transport::Opened::kFailed: break;
  }
  const std::string why = transport_.why_not_open();
  if (requester_ != nullptr && !why.empty()) requester_->reply_reason = requester_->arena.copy(why);
  pool_.connect_failed(*this, CLEAT_END_CONNECT_FAILED);
  return false;
}

bool Http1Client::ended_idle(std::uint32_t events) {
  constexpr std::uint32_t kTold = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  return (events & kTold) != 0 && !transport_.told_nothing(events);
}

void Http1Client::connected() {
  deadline_.clear();
  transport_.note_writable();
  state_ = State::kHead;
  if (requester_ != nullptr) requester_->attempt_connected();
}

void Http1Client::send_head(const http::RequestHead& head, const http::RequestWrite& how) {
  framing_ = how.framing.body;
  http::write_request_head(transport_.out(), head, how);
}

// A write that failed is told by the reading side, in a turn of its own.
void Http1Client::send_data(std::string_view data) { send_http1_body(transport_, framing_, data); }

void Http1Client::send_end(const http::Fields& trailers) {
  if (state_ == State::kTunnel) {
    tunnel_ended_ = true;
    transport_.shut_when_sent();
  } else {
    end_http1_body(transport_, framing_, trailers);
  }
}

void Http1Client::enter_tunnel() {
  state_ = State::kTunnel;
  framing_ = http::Body::kUntilClose;
}

void Http1Client::release(bool reusable) { pool_.release(*this, reusable); }

bool Http1Client::clean() {
  const std::size_t unread = pulling_ ? rest_ : in_.size();  // bytes after the response: whoever sent them is not to be trusted again
  // What came right behind a read that was full, or the end: the loop will not tell of it.
  const bool more = transport_.readable() && (transport_.tls() != nullptr || !transport_.drained());
  return state_ == State::kDone && unread == 0 && !more && !eof_ && !transport_.hangup() && !transport_.broken() && transport_.all_sent() &&
         !transport_.blocked();
}

void Http1Client::idle(std::uint64_t until_ms) {
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, UINT32_MAX);  // one less
  requester_ = nullptr;
  state_ = State::kIdle;
  if (until_ms != 0) deadline_.set(until_ms);
}

void Http1Client::close() {
  if (state_ == State::kClosed) return;
  if (requester_ != nullptr) pool_.cluster().count_in_flight(*endpoint_, worker_.index, UINT32_MAX);
  if (state_ == State::kTunnel && !tunnel_ended_) transport_.break_off(true);  // the endpoint is told so (RFC 9113 8.5)
  state_ = State::kClosed;
  requester_ = nullptr;
  deadline_.clear();
  transport_.close();
  pool_.drop(*this);
}

void Http1Client::failed(std::uint32_t how) {
  Requester* requester = requester_;
  if (requester == nullptr) return close();
  if (state_ == State::kHead) {
    requester->attempt_failed(how);
  } else if (state_ == State::kTunnel && !transport_.broken()) {
    requester->response_end();
  } else {
    requester->response_broken();
  }
}

void Http1Client::pull() {
  if (pulling_ || requester_ == nullptr) return;
  pulling_ = true;
  Requester& x = *requester_;
  while (requester_ != nullptr && (state_ == State::kHead || state_ == State::kBody || state_ == State::kTunnel) && requester_->response_wanted()) {
    if (!in_.empty() && scanned_ < in_.size()) {
      const std::size_t used = take(in_.view());
      if (state_ == State::kClosed) break;
      in_.consume(used);
      if (used != 0) continue;
      if (requester_ == nullptr || !requester_->response_wanted()) break;
    }
    if (eof_) {
      ended();
      break;
    }
    if (!transport_.readable()) break;
    if (!pass_body()) read_more();
    if (state_ == State::kClosed) break;
  }
  pulling_ = false;
  x.settle();
  if (state_ != State::kClosed && in_.empty()) worker_.give_buffer(std::move(in_));
}

Transport* Http1Client::sink() const {
  const bool fit = state_ == State::kBody && body_left_ >= kPassBytesMin && requester_->response.body == http::Body::kLength;
  return fit && transport_.may_splice() ? requester_->response_sink() : nullptr;
}

bool Http1Client::pass_body() {
  Transport* const sink = in_.empty() ? this->sink() : nullptr;
  if (sink == nullptr) return false;
  Requester& x = *requester_;
  while (body_left_ != 0 && transport_.readable() && !sink->blocked() && sink->may_splice()) {
    const Io io = transport_.splice_to(*sink, body_left_);
    if (io.blocked) return !transport_.readable() || sink->blocked();
    if (io.size == 0) {
      eof_ = true;
      if (io.failed != 0) transport_.break_off();
      ended();
      return true;
    }
    body_left_ -= io.size;
    response_bytes_ += io.size;
    x.response_passed(io.size);
  }
  if (body_left_ != 0) return true;
  state_ = State::kDone;
  rest_ = 0;
  if (!transport_.drained()) eof_ = true;  // bytes that nobody asked for, or the end: it serves no other
  x.response_end();
  return true;
}

void Http1Client::read_more() {
  std::string_view data;
  const Io io = transport_.read(data, may_pass_ && state_ == State::kHead ? kHeadReadBytes : SIZE_MAX);
  if (io.blocked) return;
  if (io.closed || io.failed != 0) {
    eof_ = true;
    if (io.failed != 0) transport_.break_off();
    if (in_.empty()) ended();
    return;
  }
  response_bytes_ += io.size;
  if (in_.empty()) {
    while (!data.empty()) {
      const std::size_t used = take(data);
      if (state_ == State::kClosed) return;
      data.remove_prefix(used);
      if (used == 0 || requester_ == nullptr || state_ == State::kDone) break;
    }
  }
  if (!data.empty()) {
    if (in_.capacity() == 0) in_ = worker_.take_buffer();
    in_.append(data);
  }
}

std::size_t Http1Client::take(std::string_view data) {
  if (!requester_->response_wanted()) return 0;
  switch (state_) {
    case State::kHead: return take_head(data);
    case State::kBody: return take_body(data);
    case State::kTunnel: requester_->response_data(data); return data.size();
    default: return 0;
  }
}

std::size_t Http1Client::take_head(std::string_view data) {
  Requester& x = *requester_;
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
  may_pass_ = requester_ == &x && sink() != nullptr;
  return used;
}

std::size_t Http1Client::take_body(std::string_view data) {
  Requester& x = *requester_;
  switch (x.response.body) {
    case http::Body::kLength: {
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, data.size()));
      body_left_ -= size;
      rest_ = data.size() - size;
      if (body_left_ == 0) state_ = State::kDone;
      x.response_data(data.substr(0, size));
      if (state_ == State::kDone && requester_ == &x) x.response_end();
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

void Http1Client::ended() {
  if (requester_ == nullptr) return close();
  if (state_ == State::kBody && requester_->response.body == http::Body::kUntilClose && !transport_.broken()) {
    state_ = State::kDone;
    requester_->response_end();
    return;
  }
  failed(CLEAT_END_RESET);
}

}  // namespace cleat::upstream
