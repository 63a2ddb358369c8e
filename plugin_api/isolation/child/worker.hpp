// One thread of this process for each worker of the kernel. It reads that worker's ring, calls the plugin's hooks, timers, posted callbacks and events of
// calls, and writes what came of them to the other ring. Everything of an exchange happens on its worker's thread; nothing of it is shared.
//
//   1. The plugin is never entered from within itself: while a host function waits for the kernel's answer, messages are only put aside.
//   2. For each hook that returns a verdict one kDone goes out: when it has returned, or when it is resumed.
//   3. What a plugin does to an exchange in a hook, or while one is suspended, goes with that hook's kDone; at any other time at once, as kOperations.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/isolation/child/series.hpp"
#include "plugin_api/isolation/child/subject.hpp"
#include "plugin_api/isolation/child/timers.hpp"
#include "plugin_api/isolation/ring.hpp"

namespace cleat::isolation {

class Process;

std::string caught();  // in a handler: what has been thrown, as words

class ChildWorker {
 public:
  static constexpr std::size_t kPostedMax = 65'536;
  static constexpr std::size_t kKeptMax = 65'536;                   // messages put aside while an answer is waited for,
  static constexpr std::size_t kKeptBytesMax = 256 * 1024 * 1024;   // and what they hold
  static constexpr std::uint64_t kAnswerWaitMs = 5'000;
  static constexpr std::uint64_t kRoomWaitMs = 5'000;               // for room in the ring to the kernel
  static constexpr std::uint64_t kMetricsWaitMs = 100;
  static constexpr std::uint32_t kMessagesATurn = 64;

  struct Place {  // of the rings and what wakes their readers
    void* to_process;
    void* from_process;
    std::uint64_t capacity;
    int wake;         // this thread
    int wake_kernel;
  };
  ChildWorker(Process& process, std::uint32_t index, const Place& place);
  ChildWorker(const ChildWorker&) = delete;
  ChildWorker& operator=(const ChildWorker&) = delete;

  static ChildWorker* current();     // of this thread, or nullptr

  void begin();                      // [main]
  // [main] Waits until it has read, and done, all that was written to its ring before. False: not by then; a hook hangs.
  bool settle(std::uint64_t until_us);
  bool end(std::uint64_t until_us);  // [main] ends the thread, after worker_stop if that is still to come. False: it hangs

  // A task for this thread; running: the plugin has been started on this worker, and not stopped. Before, tasks wait. False when too many do.
  using Task = std::function<void(bool running)>;
  bool post(Task task);              // [any]
  void wake();                       // [any]

  // --- the rest: this thread ---
  const std::uint32_t index;
  Process& process;
  Timers timers;
  Gathered gathered;

  bool running() const { return started_ && !stopped_; }
  bool stopping() const { return stopping_ || stopped_; }
  Subject* find(std::uint64_t handle) const;
  // The call whose hook is running for this subject, or nullptr.
  Call* running_call(const Subject& x) { return running_ == &x ? running_call_ : nullptr; }
  HookNumber running_hook(const Subject& x) { return running_ == &x ? running_call_->hook : HookNumber::kCount; }
  // Where an operation on it is to be written; nullptr: it has done too much already.
  Writer* operation(Subject& x, Operation what);
  bool full(Subject& x);
  void send_outside(Subject& x);     // what is waiting for it, now
  void resume(std::uint64_t handle, HookLane lane, std::uint32_t number, std::uint32_t verdict);
  std::uint32_t next_ticket();

  // Asks the kernel's worker and waits: its status, with the text for error_text where it failed; CLEAT_FAILED where no answer came.
  cleat_status ask(Function function, std::string_view arguments, std::string& answer);

  struct CallOwner {
    std::uint64_t owner;  // an exchange, or the instance
    cleat_call_fn fn;
    void* user;
  };
  std::unordered_map<cleat_call, CallOwner> started_calls;

  // Calls the plugin outside of hooks; what it throws is told in the log.
  void callback(hooks::Hook hook, const std::function<void()>& call);

 private:
  void run();
  bool turn();                       // false: there was nothing to do
  bool next_message();
  void handle();
  void start();
  void stop();
  void wait();
  void run_tasks();

  // --- worker_hooks.cpp ---
  void hook();
  void run_hook(Subject& x, Call& call);
  std::uint32_t call_hook(Subject& x, Call& call, std::string& words);
  void done(Subject& x, Call& call, std::uint32_t verdict, std::string_view words);
  void forget(Subject& x);
  void drop_ticket(Subject& x, std::size_t lane);
  void give_up(Subject& x, std::size_t lane);

  void writable(Subject& x);
  void call_event();
  void cancel_calls();
  void send_dirty();
  void send_metrics();
  bool send(std::string_view message);  // false: it will never fit
  void wake_kernel();
  int wait_ms();

  RingReader reader_;
  RingWriter writer_;
  const int wake_, wake_kernel_;
  bool unwoken_ = false;
  std::thread thread_;
  std::atomic<bool> quit_{false}, ended_{false};
  std::atomic<std::uint64_t> settle_wanted_{0}, settle_done_{0};
  bool started_ = false, stopping_ = false, stopped_ = false;
  bool unheard_ = false;             // while it stops the kernel's side may listen no more: one wait for an answer is enough to know

  std::string message_;              // the one at hand
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint32_t question_ = 0, ticket_ = 0;

  BlockPool blocks_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Subject>> subjects_;
  std::vector<std::uint64_t> dirty_;  // subjects with operations outside of hooks
  Subject* running_ = nullptr;
  Call* running_call_ = nullptr;
  Writer out_;
  std::uint64_t metrics_ms_ = 0;      // since when some wait; 0: none do
  std::vector<bool> announced_;       // by series

  std::mutex mutex_;
  std::vector<Task> posted_;          // under it, as is
  bool takes_tasks_ = true;
};

}  // namespace cleat::isolation
