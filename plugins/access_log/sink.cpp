// See sink.hpp. The writer's life: write every ring out, do what was ordered, sleep until a line comes, let it wait for company.
#include "sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "plugin_api/cpp/thread.hpp"

namespace access_log {
namespace {

struct Opened {
  int fd = -1;
  bool owned = false;
  bool waits = false;
};

Opened open_path(const std::string& path) {
  Opened opened;
  if (path == "/dev/stdout") opened.fd = STDOUT_FILENO;
  else if (path == "/dev/stderr") opened.fd = STDERR_FILENO;
  else {
    // O_NONBLOCK: a FIFO without a reader must not hold the control thread up.
    opened.fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    opened.owned = true;
  }
  struct stat status {};
  if (opened.fd >= 0 && ::fstat(opened.fd, &status) == 0) {
    opened.waits = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || (S_ISCHR(status.st_mode) && ::isatty(opened.fd) == 1);
  }
  return opened;
}

std::string error_of(int number) { return std::string(::strerror(number)); }

// The first `limit` bytes of the two pieces, cut back to the end of a line where there is one.
void cut(std::array<std::string_view, 2>& pieces, std::size_t limit) {
  if (pieces[0].size() + pieces[1].size() <= limit) return;
  pieces[0] = pieces[0].substr(0, limit);
  pieces[1] = pieces[1].substr(0, limit - pieces[0].size());
  if (const std::size_t end = pieces[1].rfind('\n'); end != std::string_view::npos) {
    pieces[1] = pieces[1].substr(0, end + 1);
  } else if (const std::size_t first_end = pieces[0].rfind('\n'); first_end != std::string_view::npos) {
    pieces = {pieces[0].substr(0, first_end + 1), std::string_view()};
  }
}

std::uint64_t newlines(std::string_view text) { return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

Sink::Sink(std::string path, std::uint32_t workers, std::size_t ring_bytes, Reports reports)
    : path_(std::move(path)), reports_(std::move(reports)) {
  for (std::uint32_t i = 0; i < workers; ++i) shards_.push_back(std::make_unique<Shard>(ring_bytes));
  const Opened opened = open_path(path_);
  if (opened.fd < 0) throw std::runtime_error("cannot open " + path_ + ": " + error_of(errno));
  fd_ = opened.fd;
  owned_ = opened.owned;
  waits_ = opened.waits;
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) {
    const int number = errno;
    if (owned_) ::close(fd_);
    throw std::runtime_error("eventfd: " + error_of(number));
  }
  try {
    thread_ = cleat::start_thread("access_log", [this] { run(); });
  } catch (...) {
    ::close(wake_fd_);
    if (owned_) ::close(fd_);
    throw;
  }
}

Sink::~Sink() {
  stop_.store(true);
  ordered_.store(true);
  wake();
  thread_.join();
  ::close(wake_fd_);
  if (owned_) ::close(fd_);
}

void Sink::reopen() {
  {
    const std::lock_guard lock(orders_mutex_);
    reopen_ = true;
  }
  ordered_.store(true);
  wake();
}

void Sink::flush(std::function<void()> done) {
  {
    const std::lock_guard lock(orders_mutex_);
    flushed_.push_back(std::move(done));
  }
  ordered_.store(true);
  wake();
}

void Sink::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t done = ::write(wake_fd_, &one, sizeof one);  // full means: it will wake
}

// Until woken, or the timeout (-1: none).
void Sink::sleep(int timeout_ms) {
  pollfd waits{wake_fd_, POLLIN, 0};
  std::uint64_t count;
  if (::poll(&waits, 1, timeout_ms) > 0) [[maybe_unused]] const ssize_t done = ::read(wake_fd_, &count, sizeof count);
}

bool Sink::nothing_waits() const {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->ring.empty(); });
}

void Sink::run() {
  for (;;) {
    ordered_.store(false);
    const bool stopping = stop_.load();
    bool reopen = false;
    std::vector<std::function<void()>> flushed;
    {
      const std::lock_guard lock(orders_mutex_);
      std::swap(reopen, reopen_);
      std::swap(flushed, flushed_);
    }
    if (stopping && stop_at_ == Clock::time_point{}) stop_at_ = Clock::now() + kStopMax;
    urgent_.store(false);
    for (const auto& shard : shards_) write_out(shard->ring);
    if (reopen) open_anew();
    publish();
    for (const auto& done : flushed) done();
    if (stopping) return;

    // Sleep until a line or an order comes; then, but for an order, let other lines join it.
    asleep_.store(true, std::memory_order_seq_cst);
    if (nothing_waits() && !ordered_.load()) sleep(-1);  // an order's wake-up may have been read while a pipe was full
    asleep_.store(false);
    if (!ordered_.load()) sleep(static_cast<int>(kFlushInterval.count()));
  }
}

void Sink::write_out(Ring& ring) {
  while (!ring.empty()) {
    std::array<std::string_view, 2> pieces = ring.peek();
    if (waits_) {
      cut(pieces, kPipeBytesMax - 1);  // 1: the newline that ends a torn line
      if (!wait_writable()) return lose(ring);
    }
    char newline = '\n';
    iovec parts[3];
    int count = 0;
    if (torn_) parts[count++] = {&newline, 1};
    for (const std::string_view piece : pieces) {
      if (!piece.empty()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    const ssize_t written = ::writev(fd_, parts, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        if (wait_writable()) continue;
        return lose(ring);
      }
      ++errors_;
      why_ = error_of(errno);
      return lose(ring);
    }
    auto taken = static_cast<std::size_t>(written);
    if (torn_ && taken > 0) {
      torn_ = false;
      --taken;
    }
    if (taken == 0) continue;
    const std::string_view first = pieces[0].substr(0, taken), second = pieces[1].substr(0, taken - first.size());
    lines_ += newlines(first) + newlines(second);
    inside_line_ = (second.empty() ? first : second).back() != '\n';
    ring.take(taken);
  }
}

bool Sink::wait_writable() {
  for (;;) {
    int timeout = 1000;
    if (stop_.load()) {
      if (stop_at_ == Clock::time_point{}) stop_at_ = Clock::now() + kStopMax;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(stop_at_ - Clock::now()).count();
      if (left <= 0) return false;
      timeout = static_cast<int>(left);
    }
    pollfd waits[2] = {{fd_, POLLOUT, 0}, {wake_fd_, POLLIN, 0}};
    // Once stopping, the deadline wakes; a wake-up left unread would spin.
    const int ready = ::poll(waits, stop_.load() ? 1 : 2, timeout);
    if (ready > 0 && waits[0].revents != 0) return true;
    if (ready > 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t done = ::read(wake_fd_, &count, sizeof count);
    }
    publish();
  }
}

void Sink::lose(Ring& ring) {
  const auto pieces = ring.peek();
  const std::uint64_t lines = newlines(pieces[0]) + newlines(pieces[1]);
  dropped_ += lines;
  lost_ += lines;
  ring.take(pieces[0].size() + pieces[1].size());
  torn_ = torn_ || inside_line_;
  inside_line_ = false;
}

void Sink::publish() {
  for (const auto& shard : shards_) {
    const std::uint64_t dropped = shard->dropped.load(std::memory_order_relaxed);
    dropped_ += dropped - shard->dropped_seen;
    lost_ += dropped - shard->dropped_seen;
    shard->dropped_seen = dropped;
  }
  if (lines_ + dropped_ + errors_ != 0) reports_.count(std::exchange(lines_, 0), std::exchange(dropped_, 0), std::exchange(errors_, 0));
  const bool quiet = complained_ != Clock::time_point{} && Clock::now() - complained_ < kReportInterval && !stop_.load();
  if ((lost_ == 0 && why_.empty()) || quiet) return;
  std::string text = path_ + ": ";
  if (lost_ != 0) text += std::to_string(lost_) + (lost_ == 1 ? " line lost" : " lines lost");
  if (lost_ != 0 && why_.empty()) text += ": writing does not keep up";
  if (!why_.empty()) text += (lost_ != 0 ? ": " : "") + why_;
  reports_.complain(text);
  complained_ = Clock::now();
  lost_ = 0;
  why_.clear();
}

void Sink::open_anew() {
  if (!owned_) return;
  const Opened opened = open_path(path_);
  if (opened.fd < 0) {
    ++errors_;
    why_ = "cannot be opened anew, the old file stays in use: " + error_of(errno);
    return;
  }
  ::close(fd_);
  fd_ = opened.fd;
  waits_ = opened.waits;
  torn_ = inside_line_ = false;
}

}  // namespace access_log
