#include "kernel/upstream/http2_session.hpp"

#include <algorithm>

#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/tls/session.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::upstream {
namespace {

ssize_t provide(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<Http2Stream*>(source->ptr);
  if (!stream.serving() || stream.id() != id) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // it was reset, and serves another
  return static_cast<ssize_t>(stream.provide(size, *flags));
}

}  // namespace

Http2Session::Http2Session(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name)
    : Pooled(pool, std::move(endpoint), std::move(socket), server_name), silence_(worker_.reactor.wheel(), &Http2Session::on_silence, this) {}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

// --- the connection's life ---

void Http2Session::on_deadline() {
  if (state_ < State::kReady) {
    fail_connect(hooks::kEndConnectTimeout, "");
  } else if (unused()) {
    close();
  }
}

void Http2Session::on_io(std::uint32_t events) {
  if (!alive()) return;
  if (state_ == State::kConnecting) {
    if (!open(events)) return;
    start();
  } else if ((events & EPOLLOUT) != 0 && transport_.note_writable()) {
    write();
  }
  if (!alive() || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
  transport_.note_readable(events);
  read();
}

bool Http2Session::open(std::uint32_t events) {
  tls::Session* const tls = transport_.tls();
  switch (transport_.open(events)) {
    case Transport::Opened::kNotYet: return false;
    case Transport::Opened::kYes:
      if (tls == nullptr || tls->peer().alpn == "h2") return true;
      fail_connect(hooks::kEndMalformed, "the upstream does not speak HTTP/2 over TLS");
      return false;
    case Transport::Opened::kFailed: break;
  }
  fail_connect(hooks::kEndConnectFailed, transport_.why_not_open());
  return false;
}

void Http2Session::start() {
  transport_.note_writable();
  session_ = make_session();
  if (session_ == nullptr) return fail_connect(hooks::kEndOverflow, "out of memory");
  state_ = State::kGreeting;
  write();
}

void Http2Session::settings_came() {
  greeted_ = true;
  endpoint_->on_worker[worker_.index].streams_max = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  pool_.note_room(*this);
}

// Requesters that waited begin, as many as the peer allows; the others wait for another connection.
void Http2Session::ready() {
  state_ = State::kReady;
  deadline_.clear();
  const std::uint32_t allowed = streams_allowed();
  if (allowed == 0) return fail_connect(hooks::kEndOverflow, "the upstream allows no streams");
  std::vector<Touched> begin;
  for (const auto& stream : streams_) {
    if (!stream->serving()) continue;
    if (begin.size() < allowed) {
      begin.push_back({stream.get(), stream->life(), stream->requester()});
    } else {
      pool_.wait_again(*detach(*stream), endpoint_);
    }
  }
  pool_.note_room(*this);
  for (const Touched& one : begin) {
    if (alive() && one.stream->life() == one.life) one.requester->attempt_connected();
  }
  if (alive() && unused()) pool_.session_unused(*this);
}

void Http2Session::goaway_came() {
  leaving_ = true;
  pool_.note_room(*this);
}

void Http2Session::fail_connect(std::uint32_t how, const std::string& reason) {
  metrics::add(pool_.cluster().metrics.connect_failures, 1);
  state_ = State::kLost;
  pool_.note_room(*this);
  transport_.close();
  for (const auto& stream : streams_) {
    if (!stream->serving()) continue;
    Requester& requester = *detach(*stream);
    if (!reason.empty()) requester.reply_reason = requester.arena.copy(reason);
    requester.attempt_failed(how);
  }
  close();
}

// Its streams are told when the current event is over, and keep it until they have been let go of.
void Http2Session::lose(std::uint32_t how, const char* reason) {
  if (!alive()) return;
  if (state_ < State::kReady) return fail_connect(how, how == hooks::kEndMalformed ? "the upstream does not speak HTTP/2" : reason);
  if (unused()) return close();
  state_ = State::kLost;
  pool_.note_room(*this);
  transport_.close();
  deadline_.clear();
  for (const auto& stream : streams_) {
    if (stream->serving()) stream->connection_lost(how, reason);
  }
}

void Http2Session::close() {
  if (state_ == State::kClosed) return;
  if (alive()) say_goodbye();
  state_ = State::kClosed;
  pool_.note_room(*this);
  deadline_.clear();
  transport_.close();
  for (const auto& stream : streams_) {
    if (stream->serving()) detach(*stream);
  }
  pool_.drop(*this);
}

void Http2Session::end() {
  leaving_ = true;
  pool_.note_room(*this);
  if (!receiving_) close();
}

// As far as the socket takes it now.
void Http2Session::say_goodbye() {
  if (session_ == nullptr || receiving_ || transport_.broken() || nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR) != 0) return;
  const std::uint8_t* data = nullptr;
  while (!transport_.blocked()) {
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) break;
    transport_.send({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
  }
  transport_.flush();
}

void Http2Session::over() {
  if (unused()) {
    close();
  } else {
    lose(hooks::kEndMalformed, wrong_);
  }
}

// --- its bytes ---

void Http2Session::read() {
  const std::uint64_t heard_before = heard_;
  bool ended = false;
  bool broken = false;
  while (alive() && !broken && transport_.readable()) {
    std::string_view data;
    const Io io = transport_.read(data);
    if (io.blocked) break;
    ended = io.closed || io.failed != 0;
    if (ended) break;
    ++heard_;
    block_bytes_ += io.size;
    receiving_ = true;
    const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
    receiving_ = false;
    if (used < 0) wrong_ = nghttp2_strerror(static_cast<int>(used));
    if (block_bytes_ > kBlockBytesMax) wrong_ = "the upstream's fields are too long";
    if (allowance_ < 0) wrong_ = "the upstream sends too many frames that bring nothing";
    broken = used < 0 || block_bytes_ > kBlockBytesMax || allowance_ < 0;
  }
  if (doubted_ && heard_ != heard_before) {
    doubted_ = false;
    silence_.clear();
    pool_.note_room(*this);
  }
  if (state_ == State::kGreeting && greeted_ && !broken) ready();
  deliver_touched();
  if (!alive()) return;
  if (broken) {
    if (nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM) == 0) write();
    return lose(hooks::kEndMalformed, wrong_);
  }
  if (ended) {
    const std::uint32_t before = heard_ != 0 && !greeted_ ? hooks::kEndMalformed : hooks::kEndConnectFailed;
    return lose(state_ < State::kReady ? before : hooks::kEndReset, "the upstream closed the connection");
  }
  write();
  if (alive() && leaving_ && unused()) close();
}

void Http2Session::write() {
  if (!alive() || session_ == nullptr) return;
  const std::uint8_t* data = nullptr;
  std::size_t unsent = 0;
  while (!transport_.blocked() && !transport_.broken()) {
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return lose(hooks::kEndMalformed, nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    transport_.send({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
    unsent += static_cast<std::size_t>(size);
    if (unsent > kUnsentBytesMax) {
      transport_.flush();
      unsent = 0;
    }
  }
  transport_.flush();
  if (!listed) pool_.note_room(*this);
  tell_writable();
  // A write that failed is told by the reading side, in a turn of its own.
  if (alive() && !transport_.broken() && nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) over();
}

void Http2Session::tell_writable() {
  for (std::size_t i = 0; i < writable_.size(); ++i) {
    const Touched one = writable_[i];
    if (one.stream->life() == one.life) one.requester->upstream_writable();
  }
  writable_.clear();
}

void Http2Session::deliver_touched() {
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    const Touched one = touched_[i];
    if (one.stream->life() == one.life) {
      one.stream->touched = false;
      one.stream->deliver();
    }
    one.requester->settle();
  }
  touched_.clear();
}

void Http2Session::deliver_soon(Http2Stream& stream) {
  if (stream.touched) return;
  stream.touched = true;
  touched_.push_back({&stream, stream.life(), stream.requester()});
  if (receiving_ || deliver_soon_) return;
  deliver_soon_ = true;
  worker_.reactor.defer<&Http2Session::deliver_late>(this);
}

void Http2Session::deliver_late() {
  deliver_soon_ = false;
  deliver_touched();
}

void Http2Session::writable_soon(Http2Stream& stream) { writable_.push_back({&stream, stream.life(), stream.requester()}); }

void Http2Session::send_soon() {
  if (write_soon_ || !alive()) return;
  write_soon_ = true;
  worker_.reactor.defer<&Http2Session::write_late>(this);
}

void Http2Session::write_late() {
  write_soon_ = false;
  write();
}

// --- what a peer may send for nothing ---

void Http2Session::spend(std::int64_t frames) {
  const std::uint64_t now = worker_.reactor.now_ms();
  if (now >= allowance_at_ms_ + 1'000) {
    allowance_at_ms_ = now;
    earn(kUselessFramesPerSecond);
  }
  allowance_ -= frames;
}

void Http2Session::earn(std::int64_t frames) { allowance_ = std::min(allowance_ + frames, kUselessFramesMax); }

// --- whether the peer is there ---

// It may have gone without a word, and a connection that many use would fail all of them until the system notices.
void Http2Session::doubt(std::uint64_t heard) {
  const auto timeout = static_cast<std::uint64_t>(pool_.cluster().config.connect_timeout.count());
  if (state_ != State::kReady || doubted_ || heard != heard_ || timeout == 0) return;
  doubted_ = true;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  silence_.set(worker_.reactor.now_ms() + timeout);
  pool_.note_room(*this);
  send_soon();
}

void Http2Session::on_silence(void* self) {
  auto& session = *static_cast<Http2Session*>(self);
  if (session.doubted_) session.lose(hooks::kEndReset, "the upstream does not answer");
}

// --- streams ---

std::uint32_t Http2Session::streams_allowed() const {
  return std::min(pool_.cluster().config.streams_max, endpoint_->on_worker[worker_.index].streams_max);
}

bool Http2Session::worn() const {
  const std::uint64_t most = pool_.cluster().config.requests_per_connection;
  return !alive() || leaving_ || (most != 0 && served_ >= most) || (session_ != nullptr && nghttp2_session_check_request_allowed(session_) == 0);
}

bool Http2Session::has_room() const {
  if (active_ >= streams_allowed() || doubted_ || worn()) return false;
  return session_ == nullptr || nghttp2_session_get_outbound_queue_size(session_) < kQueuedMax + streams_allowed();
}

bool Http2Session::proven() const { return state_ < State::kReady || (!refused_ && !unused()); }

bool Http2Session::serve(Requester& requester) {
  if (free_.empty()) {
    streams_.push_back(std::make_unique<Http2Stream>(*this));
    free_.push_back(streams_.back().get());
  }
  Http2Stream& stream = *free_.back();
  free_.pop_back();
  ++active_;
  ++served_;
  const bool now = state_ == State::kReady;
  if (now) deadline_.clear();
  stream.serve(requester, now && served_ > 1);
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, 1);
  pool_.note_room(*this);
  return now;
}

void Http2Session::free_stream(Http2Stream& stream) {
  --active_;
  free_.push_back(&stream);
  pool_.cluster().count_in_flight(*endpoint_, worker_.index, UINT32_MAX);  // one less
}

Requester* Http2Session::detach(Http2Stream& stream) {
  Requester* const requester = stream.leave();
  requester->client = nullptr;
  free_stream(stream);
  return requester;
}

void Http2Session::stream_left(Http2Stream& stream) {
  free_stream(stream);
  if (!unused()) {
    pool_.note_room(*this);
  } else if (state_ == State::kReady) {
    pool_.session_unused(*this);
  } else {
    close();
  }
}

std::int32_t Http2Session::submit(Http2Stream& stream, const http::RequestHead& head, const http::RequestWrite& how, bool body) {
  if (!alive() || session_ == nullptr) return NGHTTP2_ERR_SESSION_CLOSING;
  char length[20];
  list_request_fields(head, how, length, fields_);
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = provide;
  return nghttp2_submit_request(session_, nullptr, fields_.data(), fields_.size(), body ? &provider : nullptr, &stream);
}

bool Http2Session::submit_trailers(std::int32_t id, const http::Fields& trailers) {
  if (trailers.empty()) return false;
  list_trailers(trailers, fields_);
  return !fields_.empty() && nghttp2_submit_trailer(session_, id, fields_.data(), fields_.size()) == 0;
}

void Http2Session::resume(std::int32_t id) {
  if (alive()) nghttp2_session_resume_data(session_, id);
}

void Http2Session::reset_stream(std::int32_t id, std::uint32_t error_code) {
  if (!alive()) return;
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error_code);
  send_soon();
}

void Http2Session::forget_stream(std::int32_t id) {
  if (session_ != nullptr) nghttp2_session_set_stream_user_data(session_, id, nullptr);
}

void Http2Session::consume(std::int32_t id, std::size_t size) {
  if (!alive()) return;
  nghttp2_session_consume_stream(session_, id, size);
  send_soon();
}

}  // namespace cleat::upstream
