// Reactor: the event loop of one worker: an epoll set of registrations made once per socket, a timer wheel, tasks put off to the
// end of the current event, and a bounded queue of tasks from other threads.
//
// It is the worker's whole loop: no library's loop stands around it, because a nested set costs two system calls for each
// wake-up. Everything that is not a socket of the data path runs on the control thread's io_context.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "kernel/base/timer_wheel.hpp"

namespace cleat {

// A socket's owner. It may close its socket and ask to be destroyed in any callback: see Reactor::retire.
class IoHandler {
 public:
  virtual void on_io(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR
  std::uint32_t pending_events = 0;              // known to the loop, and not yet told: others' callbacks of this turn come first

 protected:
  ~IoHandler() = default;
};

class Reactor {
 public:
  static constexpr std::size_t kPostedMax = 65'536;
  using Task = std::function<void()>;

  Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  // What a descriptor's handler is told of. Of streams each change is told once (edge-triggered), and so is what is there already.
  enum class Tell : std::uint32_t {
    kWaiting = EPOLLIN,                                     // that a connection waits, again each turn until none does
    kReadable = EPOLLIN | EPOLLRDHUP | EPOLLET,
    kBoth = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
  };
  // False when the system refuses. Closing the descriptor ends it.
  bool add(int fd, IoHandler& handler, Tell tell) { return control(EPOLL_CTL_ADD, fd, handler, tell); }
  bool change(int fd, IoHandler& handler, Tell tell) { return control(EPOLL_CTL_MOD, fd, handler, tell); }
  std::size_t turn_events() const { return turn_events_; }  // that this turn tells of
  // For a descriptor that others have open too, also other processes: closing it here does not end the registration.
  void remove(int fd);
  void run();                            // until stop()
  void stop() { stopped_ = true; }       // [this thread]

  // A call after the current event's callback has returned, in order. `owner` must live until then (retire() does not
  // run before). The cheap form of a task: no allocation.
  using DeferFn = void (*)(void* owner, std::uint64_t argument);
  void defer(DeferFn fn, void* owner, std::uint64_t argument = 0) { deferred_.push_back({fn, owner, argument}); }
  // The same of a member function: defer<&Call::pump>(this).
  template <auto kMethod, class T>
  void defer(T* owner) {
    defer([](void* self, std::uint64_t) { (static_cast<T*>(self)->*kMethod)(); }, owner);
  }
  void run_deferred();
  // Runs `destroy` when no callback of this turn can still see the object.
  void retire(Task destroy) { retired_.push_back(std::move(destroy)); }
  void run_retired();

  // [any thread] False when the queue is full.
  bool post(Task task);
  struct Posts {
    std::uint64_t all;                   // so far
    std::size_t waiting;                 // of them, not begun yet
  };
  Posts posts();                         // [any thread]

  TimerWheel& wheel() { return wheel_; }
  std::uint64_t now_us() const { return now_us_; }   // monotonic, read once a turn
  std::uint64_t now_ms() const { return now_us_ / 1000; }
  void refresh_clock();

 private:
  struct Deferred {
    DeferFn fn;
    void* owner;
    std::uint64_t argument;
  };
  struct Wake final : IoHandler {
    Reactor* reactor;
    void on_io(std::uint32_t events) override;
  };
  void run_posted();
  bool control(int operation, int fd, IoHandler& handler, Tell tell);

  int epoll_ = -1;
  int wake_fd_ = -1;
  Wake wake_;
  bool stopped_ = false;
  std::size_t turn_events_ = 0;
  TimerWheel wheel_;
  std::uint64_t now_us_ = 0;
  std::vector<Deferred> deferred_;
  std::size_t deferred_next_ = 0;
  std::vector<Task> retired_;
  std::mutex mutex_;
  std::vector<Task> posted_;  // guarded by mutex_
  std::uint64_t posts_ = 0;   // guarded by mutex_
  bool woken_ = false;        // guarded by mutex_
};

std::uint64_t monotonic_us();
inline std::uint64_t monotonic_ms() { return monotonic_us() / 1000; }
std::uint64_t unix_us();
// [any] For who hosts workers in a time of its own: both clocks stand at this (of the monotonic one, > 0) until they are set again. 0: the system's.
void hold_clock(std::uint64_t monotonic);

}  // namespace cleat
