// Host: a kernel without sockets: one worker on a thread of its own, one generation after another, a clock that stands. The thread that made it
// is the control thread. Between two of its functions the worker waits, so that all that is the worker's may be looked at. One at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/base/log.hpp"
#include "kernel/control.hpp"
#include "kernel/generation.hpp"
#include "kernel/sources/transactions.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/harness/src/checks.hpp"
#include "plugin_api/harness/src/wires.hpp"
#include "plugin_api/plugin.h"

namespace cleat::kit {

struct HostOptions {
  std::string plugin;                  // the file; empty: `entry`
  cleat_plugin_v1_fn entry = nullptr;
  std::string name = "plugin";
  std::string config, route_config;    // YAML; empty: none
  std::vector<std::string> clusters;   // besides "origin"
  std::string document;                // in place of what would be made of the above
  bool handler = false, fail_open = false, checked = true, quiet = false;
  std::string folder;                  // that relative paths in the configuration are relative to; empty: the current one
  bool measured = false;               // where it is not checked: times and allocations of its hooks are taken (measures.hpp)
  bool bare = false;                   // the plugin is loaded and in no chain
  std::size_t lines_max = 100'000;     // of the log that are kept; further ones are dropped
};

struct LogLine {
  std::uint32_t level;
  std::string source, text;
};

class Host final : public ServerControl {
 public:
  static constexpr int kTurnsMax = 10'000;            // of tasks that bring about tasks, in one function of the test's
  static constexpr std::uint64_t kStepMaxMs = 24 * 60 * 60 * 1000;
  static constexpr std::chrono::milliseconds kShutdownWait{5'000};

  explicit Host(HostOptions options);  // throws nothing: see error()
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host();

  static bool any_runs();              // one that is not finished: no other may begin
  bool serving() const { return thread_.joinable(); }
  std::string error;                   // of the latest function that failed; after the constructor: why there is no generation
  bool reload_with(const std::string& config);
  bool renew();                        // the same configuration again, but for what makes every instance another one
  void finish();

  // On the worker's thread, and all that follows from it.
  void on_worker(const std::function<void()>& task);
  void step(std::uint64_t ms);
  std::uint64_t now_ms() const { return (clock_us_ - began_us_) / 1000; }
  bool wait(std::chrono::milliseconds at_most);
  void event(std::uint32_t kind, std::string_view name, std::string_view data);
  enum class Asked : std::uint8_t { kDone, kOwed, kNobody };
  Asked ask(hooks::Hook hook, void (*cleat_plugin::*entry)(void* instance, std::uint64_t completion));

  std::uint64_t connect(const Address& peer, std::string_view listener = {});  // 0: there is no such listener; empty: the first
  ConnectionRecord* connection(std::uint64_t id);
  Connection* find(const ConnectionRecord& record);
  const LogLine* line(std::size_t index) const;
  std::size_t lines() const;

  // --- ServerControl ---
  void reload(ReloadDone done) override;
  void commit(std::shared_ptr<sources::Change> change) override;
  void drain() override {}
  std::shared_ptr<Generation> generation() const override { return generation_; }

  std::map<std::string, std::uint64_t> totals_before;  // of hooks, in this process, before this host: "c" calls, "f" failures, and the name
  std::unique_ptr<Worker> worker;
  std::unique_ptr<MemoryWires> wires;
  Checks checks;
  const HostOptions options;

 private:
  std::string document(const std::string& config) const;
  std::shared_ptr<Generation> build(const std::string& config, config::Resources resources, std::string& why);
  std::vector<std::vector<SharedSocket>> sockets(const Generation& generation) const;
  void adopt(std::shared_ptr<Generation> next);
  void settle();
  static void note_thrown(std::string_view source, std::string_view text);
  static void take_line(log::Level level, std::string_view source, std::string_view text);

  std::shared_ptr<Generation> generation_;
  std::uint64_t generations_ = 0, renewals_ = 0;
  std::string config_;                 // in force
  std::thread thread_;
  std::uint64_t began_us_ = 0, clock_us_ = 0;
  std::uint64_t own_posts_ = 0, others_seen_ = 0;  // to the worker: this class's, and those of others that `wait` has told of
  SharedSocket listening_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool control_waits_ = false;         // guarded by mutex_: tasks for the control thread
  bool finished_ = false;
  mutable std::mutex lines_mutex_;
  std::deque<LogLine> lines_;          // guarded by lines_mutex_
};

// The hook that a host of this process is in, on whichever thread; "" where none is. Signal handlers may ask.
const char* hook_that_runs();

}  // namespace cleat::kit
