// Hosted: the instance. Its own thread starts the plugin's process, waits for what it says and for its end, and starts the next one; the control thread's
// calls go to the process through that thread and are waited for, while what the process asks of the control thread is done meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "channel.hpp"
#include "lane.hpp"
#include "process.hpp"
#include "settings.hpp"

namespace isolation_process {

using Clock = std::chrono::steady_clock;

struct Answer {
  cleat_status status = CLEAT_FAILED;
  std::string error, rest;
};

struct Wait {
  Answer answer;
  bool done = false;
};

class Hosted {
 public:
  Hosted(const cleat_create& info, Hosting hosting, bool validate_only);
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;
  ~Hosted();                                        // [control] the process has ended

  // [control] The process is there, and the plugin's create has returned. Else the words were said, or errors recorded.
  cleat_status create(cleat_config config);
  cleat_status route_create(cleat_config config, void** route);
  void route_destroy(void* route);
  void event(const cleat_event& event);
  cleat_status give(std::uint64_t handover, std::uint32_t& format);
  cleat_status take(std::uint32_t format, std::string_view bytes);
  void finish(cleat::isolation::Function function, std::uint64_t completion);  // kDrain, kShutdown

  // --- for lanes ---
  const cleat_instance self;
  const std::string name;
  Lane& lane(std::uint32_t worker) { return *lanes_[worker]; }
  bool has(cleat::isolation::HookNumber hook) const { return (hooks_.load(std::memory_order_relaxed) >> static_cast<unsigned>(hook) & 1) != 0; }
  std::uint64_t life() const { return life_.load(std::memory_order_acquire); }  // of the process that may be used now; 0: none
  std::uint64_t ended() const { return ended_.load(std::memory_order_acquire); }  // the last process whose end was dealt with
  std::shared_ptr<Process> process();
  void violated(const Process& process, const char* what);                      // it sent what it must not: it is killed
  void count_failed(std::uint64_t calls) const;
  void post(Lane& lane, std::uint32_t worker);
  void wake() const;                                                            // its thread: a lane wants something

 private:
  enum class State : std::uint8_t { kStarting, kUp, kDown, kEnded };
  void put_an_end(const Process& process, const std::string& why);  // [any] it is not used any more, and killed

  // --- its thread (hosted.cpp) ---
  void run();
  bool bring_up();
  Answer load();
  void take_down(const std::string& why);
  void turn(Clock::time_point until);
  void look_at_rings();
  void show_metrics();
  void receive();
  Answer ask(cleat::isolation::Function function, const std::string& arguments);  // on its thread
  void watch(const Process& process);
  void say(std::uint32_t level, const std::string& text) const;
  void set_state(State state);

  // --- what the process asks (requests.cpp) ---
  void serve(const cleat::isolation::Frame& frame);
  void serve_on_control(std::uint32_t number, cleat::isolation::Function function, std::string arguments);
  void do_jobs(std::unique_lock<std::mutex>& lock);         // [control] those there are now, with the mutex released
  void post_jobs_left(std::unique_lock<std::mutex>& lock);  // [any] to the control thread, where nobody there waits; unlocks
  static void on_job(void* instance, cleat_status status, std::uint64_t owner, void* user);

  // --- the control thread's calls ---
  Answer call(cleat::isolation::Function function, const std::string& arguments);  // within start_timeout
  Answer call(cleat::isolation::Function function, const std::string& arguments, Clock::time_point until);
  bool wait_until(Clock::time_point until, const std::function<bool()>& done);  // serves jobs meanwhile
  cleat_status report(const Answer& answer, cleat_config config);

  const Hosting hosting_;
  const std::uint32_t workers_;
  const bool validate_only_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<std::uint64_t> life_{0}, ended_{0};
  std::atomic<std::uint64_t> hooks_{0};
  cleat_series restarts_ = 0, failed_ = 0, up_ = 0;

  std::mutex mutex_;                                // of what follows
  std::condition_variable changed_;
  State state_ = State::kStarting;
  bool ending_ = false;
  std::shared_ptr<Process> process_;                // the current one, or the last
  std::shared_ptr<Channel> channel_;
  Answer created_;                                  // what the first start came to
  std::map<std::uint32_t, Wait*> waited_for_;     // answers to come
  std::map<std::uint32_t, std::string> routes_;     // their configuration
  std::deque<std::function<void()>> jobs_;          // for the control thread
  int waiters_ = 0;                                 // the control thread serves jobs already
  std::vector<std::uint64_t> completions_;
  std::uint8_t has_event_ = 0, has_drain_ = 0, has_shutdown_ = 0;
  std::uint32_t last_number_ = 0, last_route_ = 0;
  std::string violation_;

  // --- its thread's own ---
  struct Progress {
    std::uint64_t read = 0;
    Clock::time_point since{};
    bool pinged = false;
  };
  int epoll_ = -1, wake_ = -1;
  std::vector<Progress> progress_;
  Clock::time_point look_at_{}, started_{}, leaves_at_{};
  std::chrono::milliseconds wait_{0};
  std::uint64_t lives_ = 0;
  bool has_ended_ = false;
  bool reads_on_ = false;                           // its socket may have more, of which the system need not tell
  bool writing_ = false;                            // the socket is watched for room
  std::string how_;                                 // it ended
  std::thread thread_;
};

}  // namespace isolation_process
