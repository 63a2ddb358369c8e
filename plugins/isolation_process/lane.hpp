// Lane: what one worker has to do with the plugin's process: the calls that are out, and the rings they go through. That worker's thread alone, but for
// what says otherwise. When the process is another one than before, all that was out has failed and it begins anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "message.hpp"
#include "process.hpp"

namespace isolation_process {

class Hosted;

class Lane {
 public:
  Lane(Hosted& hosted, std::uint32_t worker) : hosted_(hosted), worker_(worker) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start();                    // worker_start
  void stop();                     // worker_stop: nothing is called after it
  cleat_verdict call(cleat::isolation::HookNumber hook, std::uint64_t subject, std::uint32_t extra = 0, const cleat_attempt_end* end = nullptr);
  void tell(cleat::isolation::HookNumber hook, std::uint64_t subject);  // a hook that returns nothing; has the plugin none, the end of the subject
  // --- the plugin as a handler (handler.cpp) ---
  cleat_verdict on_handle(cleat_exchange x);
  cleat_verdict on_handle_body(cleat_exchange x, std::uint32_t flags);
  void on_writable(cleat_exchange x);
  void on_handle_end(cleat_exchange x);
  void stands_in_chain(cleat_exchange x);  // on_request was called: on_end will be too, and the plugin is not to forget the exchange before
  // Posted: reads what the process wrote; follows it to its end, or to the next one.
  void drain();
  void take_last_samples();        // [control] after the process's end: what of its metrics is in the ring still

  // --- for the instance's thread ---
  std::atomic<bool> posted{false};          // a drain is on its way
  std::atomic<bool> running{false};         // between start and stop
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint32_t> awaited{0};    // answers of the handler that are being made, while no call of theirs is in flight
  std::uint32_t in_flight_or_awaited() const { return in_flight.load(std::memory_order_relaxed) + awaited.load(std::memory_order_relaxed); }
  std::atomic<std::uint32_t> lost{0};       // that were in flight when the lane left a process that its own thread has not seen end yet
  std::atomic<bool> behind{false};          // messages wait for room in the ring: drain again soon
  std::atomic<bool> wants_metrics{false};   // all that there are, by show()
  void show(std::string metrics);           // then a drain is posted
  std::atomic<bool> ping{false};            // the next drain says something to the process that it has to read

 private:
  struct Pending {
    cleat_ticket ticket = 0;
    std::uint64_t subject = 0;
    std::uint32_t generation = 0;
    bool used = false;
    cleat::isolation::HookNumber hook{};
    std::uint32_t next_free = 0;
  };
  static constexpr std::uint64_t kLost = UINT64_MAX;  // State::life of an exchange that began while there was no process
  struct State {  // of an exchange, in its memory
    std::uint64_t life;            // of the process in which it began; 0: not yet
    bool failed;                   // an operation that the plugin relied on, outside its hook
    bool in_chain;                 // on_end will come
    bool handled;                  // on_handle has answered CONTINUE, and is asked again to say so
    bool answered;                 // the handler's answer was ended, or cut off
  };

  bool current();                  // there is a process, and this lane is with it
  void leave();                    // all that is out has failed
  cleat_verdict fail(std::uint64_t subject, const char* words);
  State* state_of(cleat_exchange x, bool make) const;
  std::uint64_t enter(std::uint64_t subject, cleat::isolation::HookNumber hook);
  Pending* find(std::uint64_t call);
  void forget(Pending& pending);
  bool write(std::string_view message, bool wake);
  void write_or_keep(std::string message);
  bool write_kept();
  void violated(const char* what);
  void handle(const Message& message);
  void finish(const Message& message);
  void operate(const Message& message);
  void answer(const Question& question);
  cleat_status ask(const Question& question, cleat::isolation::Writer& out);
  void take_shown();
  void give_metrics(std::uint32_t number, std::uint64_t at);
  cleat_status make_answer(const Question& question, cleat::isolation::Writer& out);
  void await(cleat_exchange x, bool on);
  static void cut_off(cleat_exchange x);
  cleat_status start_call(const Question& question, cleat::isolation::Writer& out);
  bool take_series(const Message& message);
  bool take_samples(const Message& message);
  static void on_call_event(void* instance, cleat_call call, std::uint64_t owner, const cleat_call_event* event, void* lane);
  void tell_event(cleat_call call, std::uint64_t owner, const cleat_call_event& event);

  Hosted& hosted_;
  const std::uint32_t worker_;
  std::shared_ptr<Process> process_;        // nullptr: none, or none yet
  std::uint64_t life_ = 0;
  bool broken_ = false;                     // nothing more of it is read
  cleat::isolation::RingWriter writer_;
  cleat::isolation::RingReader reader_;
  cleat::isolation::Writer out_;
  std::string in_;
  Message message_;
  std::vector<Pending> pending_;
  std::uint32_t free_ = 0;                  // its index + 1; 0: none
  std::uint32_t generation_ = 0;
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  std::unordered_map<std::uint64_t, cleat_series> series_;
  std::unordered_map<cleat_call, std::uint64_t> calls_;       // of the process's: the owner it named
  std::unordered_set<cleat_conn> connections_;                // that have begun in this life
  std::unordered_set<cleat_exchange> awaited_;
  std::uint32_t visiting_ = 0;                                // the question that waits for all metrics; 0: none
  std::string visited_;                                       // as they were told from the beginning
  std::mutex shown_mutex_;
  std::optional<std::string> shown_;                          // under it
};

// What cleat.kv/1 and cleat.events/1 answer, from any thread.
cleat_status ask_shared(cleat_instance self, const Process& process, const Question& question, cleat::isolation::Writer& out);

}  // namespace isolation_process
