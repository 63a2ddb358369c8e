// Everything stands on the control thread's io_context: signals, the queue of control.hpp, the workers' answers. A stop goes through
// the phases in their order, and each has a deadline; `advance` is where they are left.
//
//   kStarting → kServing → kDraining → kStopping → kShutdown
//
// Plugins go before workers do: a plugin's own threads call workers (resume, post) until its destroy has returned.
#include "kernel/server.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "kernel/accept/listening.hpp"
#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/events.hpp"
#include "kernel/generation.hpp"
#include "kernel/reload.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/watch/crash_report.hpp"
#include "kernel/watch/own_thread.hpp"
#include "kernel/watch/watchdog.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kRefused = 2;

constexpr milliseconds kShutdownWait{5'000};      // for the completions of on_shutdown, of all instances together
constexpr milliseconds kWorkerStopWait{10'000};   // from the cut to the end of the workers' threads
constexpr milliseconds kPostAgain{1};             // when a worker's queue is full
constexpr milliseconds kLogCountInterval{1'000};

void say(log::Level level, std::string_view text) { log::write(level, "kernel", text); }

// --- the process ---

void ignore(int signal_number) { std::signal(signal_number, SIG_IGN); }

std::uint32_t worker_count(const config::Model& model) {
  const std::uint32_t wanted = model.workers != 0 ? model.workers : std::max(1U, std::thread::hardware_concurrency());
  if (wanted <= Worker::kIndexMax) return wanted;
  if (model.workers != 0) say(log::Level::kWarn, "workers: " + std::to_string(wanted) + " is over the bound, " + std::to_string(Worker::kIndexMax) + " it is");
  return Worker::kIndexMax;
}

// 0 = none. Without listeners there is nothing that could say.
milliseconds drain_time(const config::Model& model) {
  if (model.listeners.empty()) return config::Timeouts{}.drain;
  milliseconds longest{0};
  for (const config::Listener& listener : model.listeners) {
    if (listener.timeouts.drain.count() == 0) return milliseconds{0};
    longest = std::max(longest, listener.timeouts.drain);
  }
  return longest;
}

class Server final : public ServerControl {
 public:
  Server(std::uint32_t workers, const RunOptions& options, Handover given);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();
  int run(std::shared_ptr<Generation> generation, ListeningSockets sockets, std::string mark);
  const ListeningSockets& inherited() const { return hot_restart_.inherited(); }

  void reload(ReloadDone done) override { reloader_.reload(std::move(done)); }
  void commit(std::shared_ptr<sources::Change> change) override { reloader_.commit(std::move(change)); }
  void drain() override;
  std::shared_ptr<Generation> generation() const override { return reloader_.current(); }

 private:
  enum class Phase { kStarting, kServing, kDraining, kStopping, kShutdown };
  using Completing = void (*cleat_plugin::*)(void* instance, std::uint64_t completion);

  void start_threads();
  void thread_body(Worker& worker);
  void count(std::size_t& workers);  // [a worker] one more that is so far
  void loop();
  void wait_for_signals();
  void on_signal(int number);
  void stop_signal();
  void hurry();
  void reopen();
  void restart();
  void cut();
  void enter(Phase phase, ServerState state);
  void shut_down();
  void advance();
  void serve();
  void ask(hooks::Hook hook, Completing entry);
  void give_up_on(std::string_view hook);
  void arm(milliseconds after, void (Server::*late)());
  void drain_is_late();
  void stop_is_late();
  void shutdown_is_late();
  void count_log_drops();
  void post_surely(Worker& worker, const std::function<void()>& task);

  asio::io_context io_;
  asio::signal_set signals_{io_};
  asio::steady_timer deadline_{io_};
  asio::steady_timer log_count_{io_};
  std::vector<std::unique_ptr<Worker>> workers_;
  const metrics::SeriesId log_drops_;
  HotRestart hot_restart_;
  Reloader reloader_;
  std::vector<std::thread> threads_;
  Phase phase_ = Phase::kStarting;
  bool warming_ = false;  // all workers have started; the first endpoints are awaited
  bool told_ = false;                                  // to stop, by a signal
  std::size_t started_ = 0, drained_ = 0, ended_ = 0;  // workers
  std::map<std::uint64_t, std::string> completions_;   // that plugins owe; to the instance's name
  std::uint64_t log_drops_counted_ = 0;
  int code_ = kDone;
};

Server::Server(std::uint32_t workers, const RunOptions& options, Handover given)
    : log_drops_(metrics::own_series(metrics::define_own(metrics::Kind::kCounter, "cleat_log_dropped_total",
                                                         "Log lines dropped: more than the log takes at once, or nobody read standard error."))),
      hot_restart_(io_, options.process, std::move(given), [this] { drain(); }, [this] { hurry(); }),
      reloader_(io_, workers_, options.config_file, [this](const ListeningSockets& now) { hot_restart_.listening(now); }) {
  std::vector<Worker*> all;
  for (std::uint32_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i));
    all.push_back(workers_.back().get());
  }
  set_workers(std::move(all));
}

Server::~Server() {
  for (const auto& worker : workers_) worker->current_generation.reset();  // of one that never ran
  reloader_.forget();   // plugins' threads have ended once this is over
  set_server(nullptr);
  close_control();      // what they posted last finds its instance gone
  set_workers({});
}

int Server::run(std::shared_ptr<Generation> generation, ListeningSockets sockets, std::string mark) {
  reloader_.begin(std::move(generation), std::move(sockets), std::move(mark));
  for (const auto& listener : reloader_.current()->listeners) {
    say(log::Level::kInfo, "listening on " + listener->address.text() + " (listener " + listener->config->name + ")");
  }
  set_server(this);
  wake_control_by([this] { asio::post(io_, run_control_tasks); });
  // Not before: a plugin whose create hangs can be ended by the interrupt key.
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP}) signals_.add(number);
  wait_for_signals();
  count_log_drops();
  try {
    start_threads();
  } catch (const std::exception& error) {
    say(log::Level::kError, std::string("cannot start the workers: ") + error.what());
    code_ = kFailed;
    cut();
  }
  loop();
  // From here on nobody hears signals, and a repeated SIGTERM must not end the process in another way than it is ending.
  const sigset_t all = watch::signals_to_block();
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  return code_;
}

void Server::loop() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& error) {
      say(log::Level::kError, std::string("the control thread's loop: ") + error.what());
    }
  }
}

// --- workers ---

void Server::start_threads() {
  sigset_t before;
  const sigset_t all = watch::signals_to_block();
  pthread_sigmask(SIG_SETMASK, &all, &before);  // threads inherit it: signals are the control thread's
  try {
    for (const auto& worker : workers_) {
      threads_.emplace_back([this, of = worker.get()] { thread_body(*of); });
      pthread_setname_np(threads_.back().native_handle(), ("cleat-w" + std::to_string(worker->index)).c_str());
    }
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Server::thread_body(Worker& worker) {
  const watch::OwnThread own("cleat-w" + std::to_string(worker.index), &worker.stamp);
  metrics::set_thread_shard(worker.index);
  const auto started = [this] { count(started_); };
  // Runs once the loop turns, which is after every instance's worker_start.
  if (!worker.post(started)) started();
  worker.run();
  count(ended_);
}

void Server::count(std::size_t& workers) {
  asio::post(io_, [this, &workers] {
    ++workers;
    advance();
  });
}

void Server::post_surely(Worker& worker, const std::function<void()>& task) {
  while (!worker.post(task)) std::this_thread::sleep_for(kPostAgain);
}

// --- signals ---

void Server::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    wait_for_signals();
    on_signal(number);
  });
}

void Server::on_signal(int number) {
  if (number == SIGHUP) {
    reload([](bool, const std::string&) {});  // what comes of it is in the log
  } else if (number == SIGUSR1) {
    reopen();
  } else if (number == SIGUSR2) {
    restart();
  } else {
    stop_signal();
  }
}

// Only a signal after a signal is impatience: a drain may have had another cause before.
void Server::stop_signal() {
  if (std::exchange(told_, true)) {
    hurry();
  } else {
    drain();
  }
}

void Server::hurry() {
  if (phase_ == Phase::kDraining) {
    say(log::Level::kInfo, "told to stop again: cutting what is left");
    cut();
  } else if (phase_ == Phase::kShutdown) {
    shutdown_is_late();
  }  // kStopping is bounded by kWorkerStopWait
}

void Server::restart() {
  if (phase_ == Phase::kServing) return hot_restart_.begin(reloader_.listening());
  say(log::Level::kWarn, std::string("SIGUSR2 is ignored: the process is ") + (phase_ == Phase::kStarting ? "starting" : "ending"));
}

void Server::reopen() {
  if (phase_ == Phase::kShutdown) return;
  const cleat_event event = {.size = sizeof(cleat_event), .kind = CLEAT_EVENT_REOPEN, .name = hooks::to_str("cleat.reopen"), .data = {}};
  for (const auto& instance : reloader_.current()->instances) {
    if (instance->table.on_event == nullptr) continue;
    hooks::tell_plugin(*instance, hooks::Hook::kEvent, "on_event", [&] { instance->table.on_event(instance->self, &event); });
  }
}

// --- the end, phase by phase ---

void Server::advance() {
  const bool owed = !completions_.empty();
  switch (phase_) {
    case Phase::kStarting:
      if (started_ == threads_.size() && !std::exchange(warming_, true)) reloader_.when_warm([this] { serve(); });
      return;
    case Phase::kServing:
      return;
    case Phase::kDraining:
      if (drained_ == workers_.size() && !owed) cut();
      return;
    case Phase::kStopping:
      if (ended_ == threads_.size()) shut_down();
      return;
    case Phase::kShutdown:
      if (!owed) io_.stop();
      return;
  }
}

void Server::serve() {
  enter(Phase::kServing, ServerState::kServing);
  hot_restart_.ready();
  say(log::Level::kInfo, "ready");
  reloader_.serve();
}

void Server::enter(Phase phase, ServerState state) {
  phase_ = phase;
  set_server_state(state);
}

void Server::drain() {
  if (phase_ != Phase::kStarting && phase_ != Phase::kServing) return;
  enter(Phase::kDraining, ServerState::kDraining);
  reloader_.stop();
  hot_restart_.stop();
  publish_event("cleat.drain", {});
  const milliseconds time = drain_time(reloader_.current()->model);
  say(log::Level::kInfo, time.count() == 0 ? "draining" : "draining, for at most " + std::to_string(time.count()) + " ms");
  if (time.count() != 0) arm(time, &Server::drain_is_late);
  ask(hooks::Hook::kDrain, &cleat_plugin::on_drain);
  for (const auto& worker : workers_) {
    post_surely(*worker, [this, of = worker.get()] { of->drain([this] { count(drained_); }); });
  }
}

void Server::drain_is_late() {
  if (drained_ < workers_.size()) say(log::Level::kWarn, "the drain time is over: cutting what is left");
  cut();
}

void Server::cut() {
  give_up_on("on_drain");
  enter(Phase::kStopping, ServerState::kStopping);
  reloader_.stop();
  arm(kWorkerStopWait, &Server::stop_is_late);
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    post_surely(*workers_[i], [of = workers_[i].get()] {
      of->cut();
      of->stop();
    });
  }
  if (threads_.empty()) asio::post(io_, [this] { advance(); });
}

void Server::stop_is_late() {
  say(log::Level::kError, std::to_string(threads_.size() - ended_) + " workers do not end: a plugin's hook holds them; ending without them");
  std::_Exit(kFailed);  // a thread that cannot be joined may still use all there is
}

void Server::shut_down() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  phase_ = Phase::kShutdown;
  arm(kShutdownWait, &Server::shutdown_is_late);
  ask(hooks::Hook::kShutdown, &cleat_plugin::on_shutdown);
  advance();
}

void Server::shutdown_is_late() {
  give_up_on("on_shutdown");
  io_.stop();
}

void Server::ask(hooks::Hook hook, Completing entry) {
  for (const auto& instance : reloader_.current()->instances) {
    const auto call = instance->table.*entry;
    if (call == nullptr) continue;
    const std::uint64_t completion = expect_completion([this](std::uint64_t done) {
      completions_.erase(done);
      advance();
    });
    completions_.emplace(completion, instance->name);
    const bool told = hooks::tell_plugin(*instance, hook, hooks::hook_name(hook), [&] { call(instance->self, completion); });
    if (!told) complete_from_plugin(completion);
  }
}

void Server::give_up_on(std::string_view hook) {
  for (const auto& [completion, instance] : completions_) {
    forget_completion(completion);
    log::write(log::Level::kWarn, "plugin/" + instance, std::string(hook) + " was not completed in time");
  }
  completions_.clear();
}

void Server::arm(milliseconds after, void (Server::*late)()) {
  deadline_.expires_after(after);  // cancels what was armed before
  deadline_.async_wait([this, late, phase = phase_](const boost::system::error_code& error) {
    if (!error && phase == phase_) (this->*late)();  // one that had fired already does not see the cancel
  });
}

void Server::count_log_drops() {
  const std::uint64_t drops = log::dropped();
  if (drops != log_drops_counted_) metrics::add(log_drops_, static_cast<std::int64_t>(drops - std::exchange(log_drops_counted_, drops)));
  log_count_.expires_after(kLogCountInterval);
  log_count_.async_wait([this](const boost::system::error_code& error) {
    if (!error) count_log_drops();
  });
}

// --- the start ---

int refuse(std::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  return kRefused;
}

int start(const RunOptions& options, Handover given) {
  std::string mark = config::mark_of(options.config_file);
  Result<std::string> text = config::read_file(options.config_file);
  if (!text.ok()) return refuse(options.config_file + ": " + text.error());
  config::Diagnostics diagnostics(options.config_file);
  const auto refused = [&] {
    std::fprintf(stderr, "%s", diagnostics.text().c_str());  // ends with a newline of its own
    return kRefused;
  };
  std::shared_ptr<const config::Part> file = config::read_configuration(*text, diagnostics);
  std::optional<config::Composition> composition;
  if (file != nullptr) composition = config::compose(std::move(file), {}, diagnostics);
  if (!composition.has_value()) return refused();

  log::set_level(static_cast<log::Level>(options.log_level.value_or(composition->model.log_level)));
  watch::configure(composition->model);
  const watch::Watchdog watchdog;  // until the last plugin is gone
  const std::uint32_t workers = worker_count(composition->model);
  Server server(workers, options, std::move(given));  // before plugins are created: their threads may call workers from then on
  std::unique_ptr<Generation> generation = build_generation(1, std::move(*composition), workers, nullptr, diagnostics);
  if (generation == nullptr) return refused();
  Result<ListeningSockets> sockets = open_listening(*generation, server.inherited(), workers);
  if (!sockets.ok()) return refuse(sockets.error());
  return server.run(share(std::move(generation)), std::move(*sockets), std::move(mark));
}

}  // namespace

int run_server(const RunOptions& options, Handover given) {
  static_assert(static_cast<int>(log::Level::kError) == static_cast<int>(config::Model::LogLevel::kError));
  ignore(SIGPIPE);
  ignore(SIGHUP);   // until there is a server to hear them, they must not end the process
  ignore(SIGUSR1);
  ignore(SIGUSR2);
  raise_descriptor_limit();
  hooks::set_control_thread();
  const watch::OwnThread own("cleat", &hooks::control_stamp());
  watch::install_crash_report();
  open_control();
  int code = kFailed;
  try {
    code = start(options, std::move(given));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cleat: %s\n", error.what());
  }
  close_control();
  return code;
}

}  // namespace cleat
