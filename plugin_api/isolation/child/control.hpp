// The socket to the kernel's control thread: requests of both sides and their answers, and the log. Read by the main thread alone; written by any
// thread, one frame at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "plugin_api/isolation/protocol.hpp"

namespace cleat::isolation {

class Control {
 public:
  static constexpr int kAnswerWaitMs = 10'000;         // the kernel's side answers at once, or something is wrong
  static constexpr int kRoomWaitMs = 5'000;            // for room in the socket
  static constexpr std::size_t kKeptMax = 65'536;      // frames that came while an answer was waited for
  static constexpr std::size_t kLogBytesMax = 4'096;   // of a line; what is longer is cut
  static constexpr int kLogWaitMs = 10;                // for another thread's frame, before a line is dropped

  struct Frame {       // as the protocol's, but it owns its texts
    bool is_answer = false;
    std::uint32_t number = 0;
    Function function{};
    std::string rest;  // the arguments; of an answer what follows its error
    std::int32_t status = 0;
    std::string error;
  };

  explicit Control(int socket) : socket_(socket) {}
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // [main] The next request, if there is one; none: nothing came within the time, or `closed`. Answers that nobody waits for are dropped.
  std::optional<Frame> next(int wait_ms);
  bool closed() const { return closed_; }
  int descriptor() const { return socket_; }
  bool has_kept() const { return !kept_.empty(); }

  // [main] Waits for the answer; its status, with the text for error_text set where it failed. CLEAT_FAILED where none came.
  std::int32_t ask(Function function, std::string_view arguments, std::string& answer);
  // [main] Nothing where the request wants no answer.
  void answer(const Frame& request, std::int32_t status, std::string_view error, std::string_view rest);

  void tell(Function function, std::string_view arguments);  // [any] waits for room, and is never lost while the kernel reads
  void log(std::uint32_t level, std::string_view text);      // [any] dropped, and counted, where there is no room

 private:
  std::optional<Frame> cut();
  bool fill(int wait_ms);
  void send(std::string_view message);
  bool flush(bool wait);  // REQUIRES the mutex

  int socket_;
  bool closed_ = false;
  std::string in_;
  std::size_t in_at_ = 0;
  std::deque<Frame> kept_;
  std::uint32_t number_ = 0;

  std::mutex mutex_;           // the rest is under it
  std::string out_;            // of a frame that was begun
  std::size_t out_at_ = 0;
  std::atomic<std::uint64_t> lost_{0};  // log lines; not under it
};

// Says why on standard error and to the kernel's log, and ends the process at once.
[[noreturn]] void die(std::string_view words);

}  // namespace cleat::isolation
