#include "plugin_api/isolation/child/control.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "kernel/base/reactor.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::isolation {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
int left_ms(std::uint64_t until_us) {
  const std::uint64_t now = monotonic_us();
  return now >= until_us ? 0 : static_cast<int>((until_us - now) / 1000 + 1);
}

}  // namespace

// --- reading ---

std::optional<Control::Frame> Control::cut() {
  const std::string_view all = std::string_view(in_).substr(in_at_);
  if (all.size() < 4) return std::nullopt;
  std::uint32_t size;
  std::memcpy(&size, all.data(), sizeof size);
  if (size < kFrameHead || size > kControlFrameMax) die("a control frame of " + std::to_string(size) + " bytes cannot be");
  if (all.size() - 4 < size) return std::nullopt;
  isolation::Frame found;
  if (!read_frame(all.substr(4, size), found)) die("a control frame is not whole");
  Frame made{found.is_answer, found.number, found.function, std::string(found.rest), found.status, std::string(found.error)};
  in_at_ += 4 + size;
  if (in_at_ == in_.size()) {
    in_.clear();
    in_at_ = 0;
  } else if (in_at_ > kReadBytes) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  return made;
}

// False: nothing came within the time, or nothing more will.
bool Control::fill(int wait_ms) {
  if (closed_) return false;
  pollfd ready{socket_, POLLIN, 0};
  const int count = ::poll(&ready, 1, wait_ms);
  if (count == 0 || (count < 0 && errno == EINTR)) return false;
  std::array<char, kReadBytes> bytes;
  const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) {
    in_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }
  closed_ = got == 0 || (errno != EAGAIN && errno != EINTR);
  return false;
}

std::optional<Control::Frame> Control::next(int wait_ms) {
  if (!kept_.empty()) {
    Frame first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }
  const std::uint64_t until = monotonic_us() + static_cast<std::uint64_t>(wait_ms) * 1000;
  for (;;) {
    while (std::optional<Frame> one = cut()) {
      if (!one->is_answer) return one;
    }
    if (!fill(left_ms(until)) && (closed_ || monotonic_us() >= until)) return std::nullopt;
  }
}

std::int32_t Control::ask(Function function, std::string_view arguments, std::string& answer) {
  if (++number_ == 0) number_ = 1;
  const std::uint32_t number = number_;
  const std::string bytes = request_frame(number, function, arguments);
  if (bytes.size() - 4 > kControlFrameMax) return hooks::fail_call(CLEAT_LIMIT, "the kernel takes no more than 16 MiB at once");
  send(bytes);
  const std::uint64_t until = monotonic_us() + std::uint64_t{kAnswerWaitMs} * 1000;
  for (;;) {
    while (std::optional<Frame> one = cut()) {
      if (!one->is_answer) {
        if (kept_.size() >= kKeptMax) die("too many control frames wait");
        kept_.push_back(std::move(*one));
      } else if (one->number == number) {
        answer = std::move(one->rest);
        return one->status == CLEAT_OK ? CLEAT_OK : hooks::fail_call(one->status, one->error);
      }
    }
    if (!fill(left_ms(until)) && (closed_ || monotonic_us() >= until)) return hooks::fail_call(CLEAT_FAILED, "the kernel does not answer");
  }
}

// --- writing ---

bool Control::flush(bool wait) {
  const std::uint64_t until = monotonic_us() + std::uint64_t{kRoomWaitMs} * 1000;
  while (out_at_ < out_.size()) {
    const ssize_t sent = ::send(socket_, out_.data() + out_at_, out_.size() - out_at_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      out_at_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait) return false;
      pollfd ready{socket_, POLLOUT, 0};
      const int left = left_ms(until);
      if (left == 0) {
        std::fprintf(stderr, "cleat plugin host: the kernel does not read the control socket\n");
        ::_exit(1);
      }
      ::poll(&ready, 1, left);
    } else if (errno != EINTR) {
      break;  // closed: the main thread will see it
    }
  }
  out_.clear();
  out_at_ = 0;
  return true;
}

void Control::send(std::string_view message) {
  const std::lock_guard lock(mutex_);
  flush(true);
  out_ = message;
  flush(true);
}

void Control::answer(const Frame& request, std::int32_t status, std::string_view error, std::string_view rest) {
  if (request.number == 0) return;
  const std::string bytes = answer_frame(request.number, request.function, status, error, rest);
  if (bytes.size() - 4 > kControlFrameMax) die("an answer is larger than a control frame");
  send(bytes);
}

void Control::tell(Function function, std::string_view arguments) { send(request_frame(0, function, arguments)); }

void Control::log(std::uint32_t level, std::string_view text) {
  // Not a timed mutex: TSan does not see that one being locked.
  std::unique_lock lock(mutex_, std::try_to_lock);
  for (int tries = 0; !lock.owns_lock() && tries < kLogWaitMs * 10; ++tries) {
    ::usleep(100);
    if (lock.try_lock()) break;
  }
  if (!lock.owns_lock() || !flush(false)) {
    ++lost_;
    return;
  }
  const auto line = [&](std::uint32_t as, std::string_view words) {
    Writer arguments;
    arguments.number(as);
    arguments.text(words.substr(0, kLogBytesMax));
    out_ += request_frame(0, Function::kLog, arguments.bytes);
  };
  if (const std::uint64_t lost = lost_.exchange(0); lost != 0) line(CLEAT_WARN, std::to_string(lost) + " lines dropped: the kernel did not take them");
  line(level, text);
  flush(false);  // what is left of it goes before the next frame
}

}  // namespace cleat::isolation
