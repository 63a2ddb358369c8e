#include "kernel/accept/http2_server.hpp"

#include <algorithm>
#include <utility>

#include "kernel/exchange.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

constexpr ssize_t kTooManyContinuations = -905;  // has no name in every nghttp2 that knows it

}  // namespace

void Http2Server::start() {
  idle_since_ms_ = worker_.reactor.now_ms();
  submit_settings();
  if (!received_.empty()) receive(std::exchange(received_, {}));
  if (state_ == State::kOpen) read();
  settle();
}

// --- events ---

void Http2Server::on_io(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return cut(false);
  if ((events & EPOLLOUT) != 0) transport_.note_writable();
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    transport_.note_readable(events);
    if (state_ == State::kOpen) {
      read();
    } else if (state_ == State::kLinger) {
      linger();
    }
  }
  settle();
}

void Http2Server::read() {
  for (std::uint32_t reads = 0; state_ == State::kOpen && transport_.readable(); ++reads) {
    if (reads == kReadsInTurn && worker_.post([&worker = worker_, handle = connection_.handle()] {
          if (Connection* const connection = worker.find_connection(handle)) connection->on_io(EPOLLIN);
        })) {
      return;
    }
    std::string_view data;
    const Io io = transport_.read(data);
    if (io.blocked) return;
    if (io.closed || io.failed != 0) return cut(false);
    receive(data);
  }
}

void Http2Server::receive(std::string_view data) {
  in_session_ = true;
  const ssize_t used = nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  in_session_ = false;
  if (transport_.blocked() && nghttp2_session_get_outbound_queue_size(session_.get()) > kQueuedMax) flood("http2_frames");
  if (used == NGHTTP2_ERR_FLOODED || used == kTooManyContinuations) flood("http2_frames");
  if (flooded_ != nullptr) {
    calm_down();
  } else if (used < 0) {
    terminate(used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_INTERNAL_ERROR);
  } else {
    run_due();
  }
}

// Streams may become due while others run; a stream that only waits for its peer does not.
void Http2Server::run_due() {
  if (running_) return;
  running_ = true;
  while (!due_.empty()) {
    Http2Stream& stream = due_.front();
    due_.pop_front();
    stream.run();
  }
  running_ = false;
}

void Http2Server::due(Http2Stream& stream) {
  if (stream.in_due.is_linked()) return;
  due_.push_back(stream);
  if (in_session_ || running_ || due_later_) return;
  due_later_ = true;
  worker_.reactor.defer(
      [](void* self, std::uint64_t) {
        auto* server = static_cast<Http2Server*>(self);
        server->due_later_ = false;
        if (server->state_ == State::kClosed) return;
        server->run_due();
        server->settle();
      },
      this);
}

void Http2Server::write() {
  if (writing_ || in_session_ || state_ == State::kClosed) return;
  writing_ = true;
  while (!transport_.blocked() && !transport_.broken()) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) transport_.break_off();
    if (size <= 0) break;
    wrote_ms_ = worker_.reactor.now_ms();
    Buffer& out = transport_.out();
    out.append({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
    if (out.size() >= kWriteBytes) transport_.flush();
  }
  transport_.flush();
  writing_ = false;
}

void Http2Server::settle() {
  if (state_ == State::kClosed || state_ == State::kLinger) return;
  run_due();
  write();
  run_due();  // of what has been sent to its end now
  if (flooded_ != nullptr) calm_down();
  if (state_ == State::kOpen) {
    if (transport_.broken() || (nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0)) end();
  }
  if (state_ == State::kEnding && exchanges_ == 0) linger();
  if (state_ == State::kOpen) arm_deadline();
}

// --- streams ---

void Http2Server::reset(Http2Stream& stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id(), code);
  write_soon();
}

void Http2Server::consumed(std::int32_t id, std::size_t size) {
  if (size == 0) return;
  if (id == 0) {
    nghttp2_session_consume_connection(session_.get(), size);
  } else {
    nghttp2_session_consume(session_.get(), id, size);
  }
}

void Http2Server::release(Http2Stream& stream) {
  stream.recycle();
  free_.push_back(&stream);
}

void Http2Server::exchange_begins() {
  ++exchanges_;
  connection_.follow_generation();
  const std::uint64_t requests = connection_.count_request();
  const std::uint64_t most = listener().config->limits.requests_per_connection;
  if (most == 0 || requests < most) return;
  if (requests == most) metrics::add(listener().bite("requests_per_connection"), 1);
  wind_down();
}

void Http2Server::exchange_ended() {
  if (--exchanges_ == 0) idle_since_ms_ = worker_.reactor.now_ms();
  settle();
}

// Another generation that this connection cannot go on in, a plugin that must have seen it begin and has not, or too little memory.
void Http2Server::wind_down_if_due(const Exchange& exchange) {
  if (!connection_.may_go_on() || connection_.missed_hooks() != 0 || exchange.reply_flag == "overload") wind_down();
}

// --- the end ---

void Http2Server::arm_deadline() {
  std::uint64_t at = UINT64_MAX;
  const auto earlier = [&](std::uint64_t since, std::uint64_t bound) {
    if (since != 0 && bound != 0) at = std::min(at, since + bound);
  };
  const config::Timeouts& timeouts = listener().config->timeouts;
  if (!going_away_) earlier(notice_ms_, kNoticeMs);
  earlier(block_since_ms_, ms(timeouts.head));
  if (idle()) earlier(idle_since_ms_, ms(settings_seen_ ? timeouts.idle : timeouts.head));
  if (idle()) earlier(wrote_ms_, kGiveBackMs);
  connection_.deadline.set_or_clear(at == UINT64_MAX ? 0 : at);
}

void Http2Server::on_deadline() {
  if (state_ == State::kLinger) return close();
  if (state_ != State::kOpen) return;
  const std::uint64_t now = worker_.reactor.now_ms();
  const config::Timeouts& timeouts = listener().config->timeouts;
  const auto over = [now](std::uint64_t since, std::uint64_t bound) { return since != 0 && bound != 0 && now >= since + bound; };
  if (idle() && over(wrote_ms_, kGiveBackMs)) give_back();
  if (over(block_since_ms_, ms(timeouts.head))) {
    metrics::add(listener().bite("head_timeout"), 1);
    terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  } else if (idle() && over(idle_since_ms_, ms(settings_seen_ ? timeouts.idle : timeouts.head))) {
    if (!worker_.draining) metrics::add(listener().bite(settings_seen_ ? "idle_timeout" : "head_timeout"), 1);
    terminate(NGHTTP2_NO_ERROR);
  } else if (!going_away_ && over(notice_ms_, kNoticeMs)) {
    going_away_ = true;
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr, 0);
  }
  settle();
}

// What the session builds frames in, and the streams that were open together once.
void Http2Server::give_back() {
  if (!transport_.all_sent() || nghttp2_session_want_write(session_.get()) != 0) {
    wrote_ms_ = worker_.reactor.now_ms();  // later
    return;
  }
  wrote_ms_ = 0;
  memory_.give_back();
  if (free_.size() != streams_.size() || !due_.empty()) return;
  free_.clear();
  streams_.clear();
  free_.shrink_to_fit();
  streams_.shrink_to_fit();
}

void Http2Server::wind_down() {
  if (state_ != State::kOpen || notice_ms_ != 0) return;
  notice_ms_ = worker_.reactor.now_ms();
  nghttp2_submit_shutdown_notice(session_.get());
  write();
  arm_deadline();
}

void Http2Server::calm_down() {
  if (state_ != State::kOpen) return;
  metrics::add(listener().bite(flooded_), 1);
  terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Server::terminate(std::uint32_t code) {
  if (state_ != State::kOpen) return;
  nghttp2_session_terminate_session(session_.get(), code);
  write();
  end();
}

void Http2Server::end() {
  if (state_ != State::kOpen) return;
  state_ = State::kEnding;
  for (const auto& stream : streams_) {
    if (stream->id() != 0) stream->abandon();
  }
  if (!running_) run_due();
}

void Http2Server::linger() {
  if (transport_.broken()) return close();
  if (state_ != State::kLinger) {
    state_ = State::kLinger;
    connection_.deadline.set(worker_.reactor.now_ms() + kLingerMs);
    transport_.shut_when_sent();
    transport_.assume_readable();
  }
  while (transport_.readable()) {
    std::string_view data;
    const Io io = transport_.read(data);
    lingered_ += io.size;
    if (io.closed || io.failed != 0 || lingered_ > kLingerBytesMax) return close();
  }
}

void Http2Server::cut(bool reset) {
  if (state_ == State::kClosed) return;
  transport_.break_off(reset);
  end();
  if (exchanges_ == 0) close();
}

void Http2Server::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  connection_.close();
}

}  // namespace cleat
