// Where lines go: one ring for each worker, one thread that writes them out. Made and destroyed on the control thread;
// destruction writes what is buffered and joins the thread. Workers only add: they take no lock and make no system call but a
// wake-up, at most one each 50 ms or 64 KiB.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ring.hpp"

namespace access_log {

inline constexpr std::chrono::milliseconds kFlushInterval{50};  // a line waits at most this long for company
inline constexpr std::size_t kUrgentBytes = 64 * 1024;          // of one worker: written before the interval is over
inline constexpr std::size_t kPipeBytesMax = 4096;              // of one write to a pipe: PIPE_BUF, so that it does not block
inline constexpr std::chrono::milliseconds kStopMax{1000};      // a reader that has stopped reading holds destruction up this long
inline constexpr std::chrono::seconds kReportInterval{5};       // between two complaints about losses

class Sink {
 public:
  // Called on the writer thread.
  struct Reports {
    std::function<void(std::uint64_t lines, std::uint64_t dropped, std::uint64_t errors)> count;  // more of each
    std::function<void(const std::string& text)> complain;
  };

  // Opens the path ("/dev/stdout" and "/dev/stderr" are the process's own) and starts the thread. Throws std::runtime_error.
  Sink(std::string path, std::uint32_t workers, std::size_t ring_bytes, Reports reports);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // [worker] Takes the line, which ends in a newline, or counts it as dropped.
  void add(std::uint32_t worker, std::string_view line) {
    Shard& shard = *shards_[worker];
    if (!shard.ring.add(line)) [[unlikely]] {
      shard.dropped.store(shard.dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    if (asleep_.load(std::memory_order_seq_cst)) {
      if (asleep_.exchange(false)) wake();
    } else if (shard.ring.waiting() >= kUrgentBytes) {
      shard.ring.look();
      if (shard.ring.waiting() >= kUrgentBytes && !urgent_.load(std::memory_order_relaxed) && !urgent_.exchange(true)) wake();
    }
  }

  // [any] Opens the path anew once what was added before has been written.
  void reopen();
  // [any] Calls done, on the writer thread, once what was added before has been written.
  void flush(std::function<void()> done);

 private:
  struct alignas(64) Shard {
    explicit Shard(std::size_t bytes) : ring(bytes) {}
    Ring ring;
    std::atomic<std::uint64_t> dropped{0};  // the worker's
    std::uint64_t dropped_seen = 0;         // the writer's
  };
  using Clock = std::chrono::steady_clock;

  void run();
  void write_out(Ring& ring);
  bool wait_writable();          // false: stopping, and the deadline has passed
  void lose(Ring& ring);         // what waits cannot be written
  void publish();                // counts and complaints
  void open_anew();
  bool nothing_waits() const;
  void wake();
  void sleep(int timeout_ms);

  const std::string path_;
  const Reports reports_;
  std::vector<std::unique_ptr<Shard>> shards_;
  int wake_fd_ = -1;
  std::atomic<bool> asleep_{false};  // the next line must wake the writer
  std::atomic<bool> urgent_{false};  // a worker has asked for an early write
  std::atomic<bool> ordered_{false};  // stop, reopen or flush: go on at once
  std::atomic<bool> stop_{false};

  std::mutex orders_mutex_;          // control thread and writer only
  bool reopen_ = false;
  std::vector<std::function<void()>> flushed_;

  // the writer's own
  int fd_ = -1;
  bool owned_ = false;               // close fd_, and open it anew
  bool waits_ = false;               // a pipe, socket or terminal: writing may wait for a reader
  bool inside_line_ = false;         // what was written last does not end in a newline
  bool torn_ = false;                // and the rest of that line is lost
  Clock::time_point stop_at_{};
  Clock::time_point complained_{};
  std::uint64_t lines_ = 0, dropped_ = 0, errors_ = 0;  // since the last count
  std::uint64_t lost_ = 0;                              // since the last complaint
  std::string why_;                                     // of the last failed write or open

  std::thread thread_;
};

}  // namespace access_log
