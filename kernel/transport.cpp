#include "kernel/transport.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/worker.hpp"

namespace cleat {

void Transport::close() {
  socket_.close();
  out_.release();
}

void Transport::note_readable(std::uint32_t events) {
  readable_ = true;
  // May have come with the last bytes: no event of its own follows.
  if ((events & ~static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT)) != 0) hangup_ = true;
}

bool Transport::note_writable() {
  if (!blocked_) return false;
  blocked_ = false;
  flush();
  return !blocked_;
}

// Less than the scratch memory holds: the socket is drained, and the next byte is an event of its own, so there is no need to ask again;
// not so behind a half-close, whose event may have been this one.
Io Transport::read(std::string_view& data) {
  char* const scratch = worker_.scratch.get() + (side_ == Side::kUpstream ? Worker::kScratchBytes : 0);
  const Io io = read_some(socket_.fd(), scratch, Worker::kScratchBytes);
  if (io.blocked || (io.size != 0 && io.size < Worker::kScratchBytes && !hangup_)) readable_ = false;
  data = {scratch, io.size};
  return io;
}

Io Transport::write(const iovec* parts, int count) {
  const Io io = write_some(socket_.fd(), parts, count);
  sent_bytes_ += io.size;
  if (io.failed != 0) {
    broken_ = true;
    out_.clear();
  }
  return io;
}

Buffer& Transport::out() {
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
    blocked_ = true;
  }
}

void Transport::flush() {
  if (blocked_) return;
  if (!out_.empty() && !broken_) {
    const iovec part{const_cast<char*>(out_.view().data()), out_.size()};
    const Io io = write(&part, 1);
    out_.consume(std::min(io.size, out_.size()));
    blocked_ = !out_.empty();
  }
  if (broken_) out_.clear();
  if (!out_.empty()) return;
  if (out_.capacity() != 0) worker_.give_buffer(std::move(out_));
  if (shut_wanted_) {
    shut_wanted_ = false;
    ::shutdown(socket_.fd(), SHUT_WR);
  }
}

void Transport::shut_when_sent() {
  shut_wanted_ = true;
  flush();
}

}  // namespace cleat
