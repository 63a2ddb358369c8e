// `cleat plugin host`: a plugin in a process of its own. The main thread is the plugin's control thread: it reads the control socket, loads the file with
// the kernel's own loader and a host table whose functions answer from what was told (host.hpp), and ends when the kernel says so, or is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/hooks/instance.hpp"
#include "plugin_api/isolation/child/control.hpp"
#include "plugin_api/isolation/child/handover.hpp"
#include "plugin_api/isolation/child/series.hpp"
#include "plugin_api/isolation/child/worker.hpp"

namespace cleat::isolation {

// The program's word: runs until the plugin has been destroyed. The exit code: 0, or 1 where this process was not started as it must be.
int host_plugin();

class Process {
 public:
  static constexpr std::size_t kPostedMax = 65'536;
  static constexpr std::size_t kGatheredMax = 65'536;
  static constexpr std::uint64_t kEndWaitMs = 5'000;  // for hooks that still run when the kernel is gone
  static constexpr std::uint32_t kWorkersMax = 256;

  explicit Process(int socket);  // once, and for ever
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  static Process* current();  // [any] the one there is
  int run();

  Control control;
  Series series;
  Handover handover;

  hooks::Instance* instance() const { return instance_.get(); }
  cleat_instance self() const { return instance_ == nullptr ? 0 : instance_->handle; }
  ChildWorker* worker(std::uint32_t index) const { return index < workers_.size() ? workers_[index].get() : nullptr; }  // [any] once created
  void* route(std::uint32_t number) const;            // [any] what route_create made, or nullptr
  bool post(std::function<void()> task);              // [any] to the main thread; false when too many wait
  bool complete(std::uint64_t completion);            // [any] false: nothing waits for it
  bool quitting() const { return quitting_.load(std::memory_order_relaxed); }

  // Metrics of threads that are no workers: worker 0 takes them along.
  void gather(const std::function<void(Gathered&)>& change);  // [any]
  void take_gathered(Gathered& into);                         // [worker 0]

  // From any thread but a worker: the main thread asks on its socket, others through worker 0, and wait.
  cleat_status ask(Function function, std::string_view arguments, std::string& answer);
  // Has worker 0 do it, and waits; it answers as its host functions do. Not for a worker's thread.
  using Question = std::function<cleat_status(ChildWorker& worker, std::string& answer)>;
  cleat_status ask_by_worker(Question question, std::string& answer);

 private:
  bool handle(const Control::Frame& request);         // false: the plugin was destroyed
  void load(const Control::Frame& request);
  void create(const Control::Frame& request);
  void route_create(const Control::Frame& request);
  void route_destroy(const Control::Frame& request);
  void event(const Control::Frame& request);
  void finish(const Control::Frame& request, bool drain);
  void hand_over(const Control::Frame& request);
  void map_memory(std::uint32_t workers, std::uint64_t capacity);
  void run_posted();
  bool settle();
  void end();

  std::string file_, name_, config_file_;
  std::uint32_t worker_count_ = 0;
  bool validate_only_ = false, loaded_ = false;
  std::uint64_t capacity_ = 0;
  void* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  std::shared_ptr<hooks::Instance> instance_;
  std::vector<std::unique_ptr<ChildWorker>> workers_;
  std::atomic<bool> quitting_{false};

  mutable std::shared_mutex routes_mutex_;
  std::unordered_map<std::uint32_t, void*> routes_;

  int posted_event_ = -1;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;

  std::mutex completions_mutex_;
  std::set<std::uint64_t> completions_;

  std::mutex gathered_mutex_;
  Gathered gathered_;
  std::atomic<bool> has_gathered_{false};
};

}  // namespace cleat::isolation
