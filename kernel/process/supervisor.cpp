#include "kernel/process/supervisor.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <csignal>
#include <set>
#include <utility>

#include "kernel/base/log.hpp"

namespace cleat {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kWaitMin{100};       // from a crash to the next start; doubled each time
constexpr milliseconds kWaitMax{30'000};
constexpr std::chrono::seconds kGoodRun{10};  // after which it is kWaitMin again
constexpr std::size_t kLeavingMax = 8;      // processes that drain at the same time, after hot restarts

void say(log::Level level, const std::string& text) { log::write(level, "supervisor", text); }
std::string name(const Child& child) { return "process " + std::to_string(child.pid()); }

class Supervisor final : private ChildOwner {
 public:
  explicit Supervisor(ProcessOptions options) : options_(std::move(options)) {}
  ~Supervisor();
  int run();

 private:
  void start();
  void start_later(const std::string& why);
  void hot_restart();
  void wait_for_signals();
  void on_signal(int number);
  void stop();
  void end_if_alone();
  void child_ready(Child& child) override;
  void child_ended(Child& child, int wait_status) override;
  void current_ended(Child& child, int wait_status);
  Result<std::shared_ptr<Child>> start_with(ListeningSockets listening);

  const ProcessOptions options_;
  asio::io_context io_;
  asio::signal_set signals_{io_};
  asio::steady_timer again_{io_};
  std::shared_ptr<Child> current_;                 // serves, or starts; none while a start is waited for
  std::shared_ptr<Child> next_;                    // is to take its place
  std::vector<std::shared_ptr<Child>> leaving_;    // drain
  ListeningSockets kept_;                          // of the one that crashed, for the one after it
  std::set<int> held_;                             // signals for processes that are not ready
  milliseconds wait_ = kWaitMin;
  std::uint32_t restarts_ = 0;
  bool served_ = false, stopping_ = false;
  int code_ = 0;
};

Supervisor::~Supervisor() {
  if (served_ && !options_.pid_file.empty()) remove_pid_file(options_.pid_file);
}

int Supervisor::run() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) signals_.add(number);
  wait_for_signals();
  start();
  io_.run();
  return code_;
}

// --- starting ---

Result<std::shared_ptr<Child>> Supervisor::start_with(ListeningSockets listening) {
  return Child::start(io_, *this, options_.command, Handover{.link = {}, .supervised = true, .restarts = restarts_, .listening = std::move(listening)});
}

void Supervisor::start() {
  Result<std::shared_ptr<Child>> started = start_with(kept_);
  if (started.ok()) {
    current_ = std::move(*started);
    kept_.clear();
  } else if (served_) {
    start_later(started.error());
  } else {
    say(log::Level::kError, started.error());
    code_ = 1;
    signals_.cancel();
  }
}

void Supervisor::start_later(const std::string& why) {
  say(log::Level::kError, why + "; starting again in " + std::to_string(wait_.count()) + " ms");
  again_.expires_after(wait_);
  again_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    ++restarts_;
    start();
  });
  wait_ = std::min(2 * wait_, kWaitMax);
}

void Supervisor::hot_restart() {
  if (current_ == nullptr || !current_->ready()) return say(log::Level::kWarn, "SIGUSR2 is ignored: no process serves");
  if (next_ != nullptr) return say(log::Level::kWarn, "SIGUSR2 is ignored: " + name(*next_) + " is starting still");
  if (leaving_.size() >= kLeavingMax) return say(log::Level::kWarn, "SIGUSR2 is ignored: " + std::to_string(leaving_.size()) + " processes are draining still");
  Result<std::shared_ptr<Child>> started = start_with(current_->listening());
  if (!started.ok()) return say(log::Level::kError, "hot restart: " + started.error() + "; " + name(*current_) + " goes on");
  next_ = std::move(*started);
  say(log::Level::kInfo, "hot restart: " + name(*next_) + " starts, from " + options_.command.program);
}

// --- what becomes of them ---

void Supervisor::child_ready(Child& child) {
  if (stopping_) return;  // it has been told
  say(log::Level::kInfo, name(child) + " serves");
  if (&child == next_.get()) {
    if (current_ != nullptr) {
      current_->drain();
      current_->keep_nothing();
      leaving_.push_back(std::move(current_));
    }
    current_ = std::exchange(next_, nullptr);
    kept_.clear();
  }
  for (const int number : std::exchange(held_, {})) child.signal(number);
  if (std::exchange(served_, true) || options_.pid_file.empty()) return;
  if (const std::string why = write_pid_file(options_.pid_file); !why.empty()) say(log::Level::kError, why);
}

void Supervisor::child_ended(Child& child, int wait_status) {
  const std::string what = name(child) + ' ' + words_of_end(wait_status);
  if (&child == current_.get()) {
    current_ended(child, wait_status);
  } else if (&child == next_.get()) {
    next_ = nullptr;
    held_.clear();
    if (!stopping_) say(log::Level::kError, "hot restart: " + what + " and was never ready; " + (current_ != nullptr ? name(*current_) + " goes on" : "there is no other"));
    if (!stopping_ && current_ == nullptr) start_later("no process serves");
  } else {
    std::erase_if(leaving_, [&](const auto& one) { return one.get() == &child; });
    say(wait_status == 0 ? log::Level::kInfo : log::Level::kWarn, what + " after draining");
  }
  end_if_alone();
}

void Supervisor::current_ended(Child& child, int wait_status) {
  kept_ = child.listening();
  const std::shared_ptr<Child> ended = std::exchange(current_, nullptr);
  const auto ran = std::chrono::duration_cast<milliseconds>(child.ready_for());
  const int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1;
  const std::string what = name(child) + ' ' + words_of_end(wait_status) +
                           (child.ready() ? " after serving for " + std::to_string(ran.count()) + " ms" : " and was never ready");
  if (stopping_) {
    if (code == 0 || (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGTERM)) return;  // the latter: it was starting
    say(log::Level::kWarn, what);
    code_ = 1;
  } else if (!served_) {
    if (WIFSIGNALED(wait_status)) say(log::Level::kError, what);
    code_ = code;
    stop();
  } else if (child.ready() && code == 0 && next_ == nullptr) {
    say(log::Level::kInfo, what + ": it was told to");
    stop();
  } else if (next_ != nullptr) {
    say(log::Level::kError, what + "; " + name(*next_) + " is starting already");
  } else {
    if (ran >= kGoodRun) wait_ = kWaitMin;
    start_later(what);
  }
}

// --- signals, and the end ---

void Supervisor::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    wait_for_signals();
    on_signal(number);
  });
}

void Supervisor::on_signal(int number) {
  if (number == SIGTERM || number == SIGINT) {
    if (!stopping_) {
      stop();
    } else {
      for (const auto& child : {current_, next_}) {
        if (child != nullptr) child->hurry();
      }
      for (const auto& child : leaving_) child->hurry();
    }
    end_if_alone();
  } else if (number == SIGUSR2) {
    hot_restart();
  } else {
    // One that is starting has no ear for it yet: it is told when it is ready.
    if (current_ != nullptr && current_->ready()) current_->signal(number);
    if (next_ != nullptr || current_ == nullptr || !current_->ready()) held_.insert(number);
    if (number == SIGUSR1) {
      for (const auto& child : leaving_) child->signal(number);
    }
  }
}

void Supervisor::stop() {
  stopping_ = true;
  again_.cancel();
  kept_.clear();
  for (const auto& child : {current_, next_}) {
    if (child == nullptr) continue;
    child->keep_nothing();  // else connections would go on to wait in their queues for nobody
    child->drain();
  }
}

void Supervisor::end_if_alone() {
  if (stopping_ && current_ == nullptr && next_ == nullptr && leaving_.empty()) signals_.cancel();
}

}  // namespace

int supervise(ProcessOptions options) {
  raise_descriptor_limit();
  try {
    return Supervisor(std::move(options)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cleat: %s\n", error.what());
    return 1;
  }
}

}  // namespace cleat
