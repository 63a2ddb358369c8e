#include "channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace isolation_process {

using namespace cleat::isolation;

bool Channel::request(std::uint32_t number, Function function, std::string_view arguments) { return send(request_frame(number, function, arguments)); }

bool Channel::answer(std::uint32_t number, Function function, std::int32_t status, std::string_view error, std::string_view rest) {
  return send(answer_frame(number, function, status, error, rest));
}

bool Channel::send(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes.size() > kControlFrameMax || out_.size() + bytes.size() > kOutMax) return false;
  out_.append(bytes);
  return flush_locked();
}

bool Channel::flush() {
  const std::lock_guard lock(mutex_);
  return flush_locked();
}

bool Channel::flush_locked() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t count = ::send(socket_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      break;
    }
  }
  const bool waits = sent == out_.size() || errno == EAGAIN;
  out_.erase(0, sent);
  return waits;
}

bool Channel::wants_to_write() {
  const std::lock_guard lock(mutex_);
  return !out_.empty();
}

Channel::Got Channel::receive(std::string& frame) {
  for (;;) {
    const std::size_t have = in_.size() - in_used_;
    if (have >= 4) {
      const auto size = Reader(std::string_view(in_).substr(in_used_)).number<std::uint32_t>();
      if (size > kControlFrameMax) return Got::kBroken;
      if (have - 4 >= size) {
        frame.assign(in_, in_used_ + 4, size);
        in_used_ += 4 + std::size_t{size};
        if (in_used_ == in_.size()) {
          in_.clear();
          in_used_ = 0;
        }
        return Got::kFrame;
      }
    }
    in_.erase(0, in_used_);
    in_used_ = 0;
    char bytes[16 * 1024];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
      in_.append(bytes, static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Got::kEnd;
    } else if (errno == EAGAIN) {
      return Got::kNothing;
    }
  }
}

}  // namespace isolation_process
