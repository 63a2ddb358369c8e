#include "kernel/base/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cleat {
namespace {

Io splice_some(int from, int to, std::size_t size) {
  for (;;) {
    const ssize_t n = splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) return {static_cast<std::size_t>(n), false, false, 0};
    if (n == 0) return {0, false, true, 0};
    if (errno == EAGAIN) return {0, true, false, 0};
    if (errno != EINTR) return {0, false, false, errno};
  }
}

}  // namespace

std::unique_ptr<Pipe> Pipe::make() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
  // Its places hold a page each, of which the first and the last are part full. Where the system grants no more than it had, it holds less.
  fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(kBytes));
  return std::unique_ptr<Pipe>(new Pipe(Socket(ends[0]), Socket(ends[1])));
}

Io Pipe::fill(int socket, std::size_t most) {
  const Io io = splice_some(socket, in_.fd(), std::min(most, kBytes));
  held_ = io.size;
  return io;
}

Io Pipe::drain(int socket) {
  Io io = splice_some(out_.fd(), socket, held_);
  held_ -= io.size;
  return io;
}

std::unique_ptr<Pipe> PipePool::take() {
  if (out_ == kMax) return nullptr;
  std::unique_ptr<Pipe> pipe;
  if (free_.empty()) {
    pipe = Pipe::make();
  } else {
    pipe = std::move(free_.back());
    free_.pop_back();
  }
  if (pipe != nullptr) ++out_;
  return pipe;
}

void PipePool::give(std::unique_ptr<Pipe> pipe) {
  --out_;
  if (pipe->held() == 0) free_.push_back(std::move(pipe));
}

}  // namespace cleat
