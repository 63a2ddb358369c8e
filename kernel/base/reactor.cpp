#include "kernel/base/reactor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <span>
#include <utility>

#include "kernel/base/check.hpp"

namespace cleat {
namespace {

constexpr int kEventsMax = 256;  // taken from the system at once

std::uint64_t clock_us(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

constinit std::atomic<std::uint64_t> held_us{0};        // 0: the clocks run
constinit std::atomic<std::uint64_t> unix_ahead_us{0};  // of the monotonic clock, while they are held

}  // namespace

std::uint64_t monotonic_us() {
  const std::uint64_t held = held_us.load(std::memory_order_relaxed);
  return held == 0 ? clock_us(CLOCK_MONOTONIC) : held;
}

std::uint64_t unix_us() {
  const std::uint64_t held = held_us.load(std::memory_order_relaxed);
  return held == 0 ? clock_us(CLOCK_REALTIME) : held + unix_ahead_us.load(std::memory_order_relaxed);
}

void hold_clock(std::uint64_t monotonic) {
  if (held_us.load(std::memory_order_relaxed) == 0) {
    unix_ahead_us.store(clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC), std::memory_order_relaxed);
  }
  held_us.store(monotonic, std::memory_order_relaxed);
}

Reactor::Reactor() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CLEAT_CHECK(epoll_ >= 0 && wake_fd_ >= 0);
  wake_.reactor = this;
  CLEAT_CHECK(add(wake_fd_, wake_, Tell::kReadable));
  refresh_clock();
  wheel_.advance(now_ms());
}

Reactor::~Reactor() {
  close(wake_fd_);
  close(epoll_);
}

bool Reactor::control(int operation, int fd, IoHandler& handler, Tell tell) {
  epoll_event event{};
  event.events = static_cast<std::uint32_t>(tell);
  event.data.ptr = &handler;
  return epoll_ctl(epoll_, operation, fd, &event) == 0;
}

void Reactor::remove(int fd) { epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void Reactor::refresh_clock() { now_us_ = monotonic_us(); }

void Reactor::run_deferred() {
  // By index: a task may defer more, and may even come back here; each is run once.
  while (deferred_next_ < deferred_.size()) {
    const Deferred task = deferred_[deferred_next_++];
    task.fn(task.owner, task.argument);
  }
  deferred_.clear();
  deferred_next_ = 0;
}

void Reactor::run() {
  std::array<epoll_event, kEventsMax> events;
  stopped_ = false;
  while (!stopped_) {
    const int count = epoll_wait(epoll_, events.data(), kEventsMax, wheel_.wait_ms(now_ms()));
    refresh_clock();
    turn_events_ = static_cast<std::size_t>(std::max(count, 0));
    const std::span turn(events.data(), turn_events_);
    for (const epoll_event& event : turn) static_cast<IoHandler*>(event.data.ptr)->pending_events = event.events;
    for (const epoll_event& event : turn) {
      IoHandler& handler = *static_cast<IoHandler*>(event.data.ptr);
      handler.pending_events = 0;
      handler.on_io(event.events);
      if (!deferred_.empty()) run_deferred();
    }
    wheel_.advance(now_ms());
    if (!deferred_.empty()) run_deferred();
    if (!retired_.empty()) run_retired();
  }
}

void Reactor::run_retired() {
  for (std::size_t i = 0; i < retired_.size(); ++i) {
    const Task destroy = std::move(retired_[i]);
    destroy();
  }
  retired_.clear();
  if (!deferred_.empty()) run_deferred();
}

bool Reactor::post(Task task) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (posted_.size() >= kPostedMax) return false;
    posted_.push_back(std::move(task));
    ++posts_;
    wake = !woken_;
    woken_ = true;
  }
  if (wake) {
    const std::uint64_t one = 1;
    // Only fails when the counter is full, and then the worker is awake anyway.
    (void)!write(wake_fd_, &one, sizeof one);
  }
  return true;
}

Reactor::Posts Reactor::posts() {
  const std::lock_guard lock(mutex_);
  return {posts_, posted_.size()};
}

void Reactor::Wake::on_io(std::uint32_t) { reactor->run_posted(); }

void Reactor::run_posted() {
  std::uint64_t count;
  (void)!read(wake_fd_, &count, sizeof count);
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
    woken_ = false;
  }
  for (Task& task : tasks) {
    task();
    if (!deferred_.empty()) run_deferred();
  }
}

}  // namespace cleat
