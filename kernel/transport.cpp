#include "kernel/transport.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/base/check.hpp"
#include "kernel/tls/session.hpp"
#include "kernel/worker.hpp"

namespace cleat {

Transport::Transport(Worker& worker, Socket socket, Side side) : worker_(worker), socket_(std::move(socket)), side_(side) {}
Transport::~Transport() { drop_pipe(); }

void Transport::close() {
  if (tls_ != nullptr && out_.empty() && socket_.open()) tls_->close_notify();
  socket_.close();
  drop_pipe();
  out_.release();
}

// --- opening ---

// A fresh connection has room: to be told so would be a turn of the loop for nothing.
bool Transport::watch(IoHandler& owner) {
  const bool waits = blocked_ || tls_ != nullptr;  // TLS may wait for room by itself
  owner_ = waits ? nullptr : &owner;
  return worker_.reactor.add(fd(), owner, waits ? Reactor::Tell::kBoth : Reactor::Tell::kReadable);
}

void Transport::block() {
  blocked_ = true;
  IoHandler* const owner = std::exchange(owner_, nullptr);
  if (owner != nullptr && !worker_.reactor.change(fd(), *owner, Reactor::Tell::kBoth)) broken_ = true;
}

void Transport::use_tls(std::unique_ptr<tls::Session> session) { tls_ = std::move(session); }

Transport::Opened Transport::open(std::uint32_t events) {
  if (connecting_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return Opened::kNotYet;
    if (socket_error(socket_.fd()) != 0) return Opened::kFailed;
    if ((events & EPOLLOUT) == 0) return Opened::kNotYet;
    connecting_ = false;
    if (!send_first()) return Opened::kFailed;
  }
  if (tls_ == nullptr) return Opened::kYes;
  note_readable(events);
  switch (tls_->handshake()) {
    case tls::Session::Step::kDone: return Opened::kYes;
    case tls::Session::Step::kWaits: return Opened::kNotYet;
    case tls::Session::Step::kFailed: break;
  }
  return Opened::kFailed;
}

// A new socket's buffer has room for it.
bool Transport::send_first() {
  if (first_.empty()) return true;
  const iovec part{first_.data(), first_.size()};
  const bool whole = write_some(socket_.fd(), &part, 1).size == first_.size();
  std::string().swap(first_);
  return whole;
}

std::string Transport::why_not_open() const { return tls_ == nullptr || tls_->failure().empty() ? std::string() : "TLS: " + tls_->failure(); }

// --- reading ---

void Transport::note_readable(std::uint32_t events) {
  readable_ = true;
  // May have come with the last bytes: no event of its own follows.
  if ((events & ~static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT)) != 0) hangup_ = true;
  if (tls_ != nullptr) tls_->note_readable(hangup_);
}

bool Transport::note_writable() {
  if (!blocked_) return false;
  blocked_ = false;
  flush();
  return !blocked_;
}

// Less than the scratch memory holds: the socket is drained, and the next byte is an event of its own, so there is no need to ask again;
// not so behind a half-close, whose event may have been this one.
Io Transport::read(std::string_view& data, std::size_t most) {
  char* const scratch = worker_.scratch.get() + (side_ == Side::kUpstream ? Worker::kScratchBytes : 0);
  most = std::min(most, Worker::kScratchBytes);
  Io io;
  if (tls_ != nullptr) {
    io = tls_->read(scratch, most);
    if (tls_->drained()) readable_ = false;
  } else {
    io = read_some(socket_.fd(), scratch, most);
    if (io.blocked || (io.size != 0 && io.size < most && !hangup_)) readable_ = false;
  }
  data = {scratch, io.size};
  return io;
}

bool Transport::told_nothing(std::uint32_t events) {
  if (tls_ == nullptr) return false;
  note_readable(events);
  char byte;
  if (!tls_->read(&byte, 1).blocked) return false;
  readable_ = false;
  return true;
}

// --- splicing ---

Io Transport::splice_to(Transport& to, std::size_t most) {
  std::unique_ptr<Pipe> pipe = worker_.pipes.take();
  if (pipe == nullptr) return {0, true, false, 0};
  const Io io = pipe->fill(socket_.fd(), most);
  if (io.blocked) readable_ = false;
  if (pipe->held() == 0) {
    worker_.pipes.give(std::move(pipe));
  } else {
    to.pipe_ = std::move(pipe);
    to.flush();
  }
  return io;
}

bool Transport::drained() {
  char byte;
  const bool nothing = peek_some(socket_.fd(), &byte, 1).blocked;
  if (nothing) readable_ = false;
  return nothing;
}

void Transport::drain_pipe() {
  while (pipe_->held() != 0 && !broken_) {
    const Io io = pipe_->drain(socket_.fd());
    sent_bytes_ += io.size;
    if (io.blocked) return block();
    if (io.size == 0) broken_ = true;
  }
  drop_pipe();
}

void Transport::drop_pipe() {
  if (pipe_ != nullptr) worker_.pipes.give(std::move(pipe_));
}

// --- writing ---

Io Transport::write(const iovec* parts, int count, bool more) {
  const Io io = tls_ != nullptr ? tls_->write(parts, count) : write_some(socket_.fd(), parts, count, more);
  sent_bytes_ += io.size;
  if (io.failed != 0) {
    broken_ = true;
    out_.clear();
  }
  return io;
}

Buffer& Transport::out() {
  CLEAT_CHECK(pipe_ == nullptr);  // what is in it comes behind out_: who splices keeps to `blocked`
  if (out_.capacity() == 0) out_ = worker_.take_buffer();
  return out_;
}

void Transport::send(std::string_view data) {
  if (data.empty() || broken_) return;
  const bool small = data.size() <= kCoalesceBytes / 4 || (!out_.empty() && data.size() <= kCoalesceBytes && out_.size() <= kCoalesceBytes);
  if (blocked_ || small) {
    out().append(data);
    return;
  }
  iovec parts[2];
  int count = 0;
  if (!out_.empty()) parts[count++] = {const_cast<char*>(out_.view().data()), out_.size()};
  parts[count++] = {const_cast<char*>(data.data()), data.size()};
  const Io io = write(parts, count);
  if (broken_) return;
  const std::size_t of_out = std::min(io.size, out_.size());
  const std::size_t of_data = io.size - of_out;
  out_.consume(of_out);
  if (of_data < data.size()) {
    out().append(data.substr(of_data));
    block();
  }
}

void Transport::flush() {
  if (blocked_) return;
  if (!out_.empty() && !broken_) {
    const iovec part{const_cast<char*>(out_.view().data()), out_.size()};
    const Io io = write(&part, 1, pipe_ != nullptr);
    out_.consume(std::min(io.size, out_.size()));
    if (!out_.empty()) block();
  }
  if (broken_) out_.clear();
  if (!out_.empty()) return;
  if (pipe_ != nullptr) {
    drain_pipe();
    if (blocked_) return;
  }
  if (out_.capacity() != 0) worker_.give_buffer(std::move(out_));
  if (shut_wanted_) {
    shut_wanted_ = false;
    if (tls_ != nullptr) tls_->close_notify();
    ::shutdown(socket_.fd(), SHUT_WR);
  }
}

void Transport::shut_when_sent() {
  shut_wanted_ = true;
  flush();
}

}  // namespace cleat
