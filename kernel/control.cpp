#include "kernel/control.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/base/log.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat {
namespace {

struct Control {
  std::mutex mutex;
  bool open = false;
  std::vector<std::function<void()>> tasks;
  std::function<void()> wake;
  std::uint64_t completions = 0;  // made so far
  std::unordered_map<std::uint64_t, std::function<void(std::uint64_t)>> expected;
};

Control& control() {
  static Control* const all = new Control;  // never destroyed: plugins' threads may post until the very end
  return *all;
}

// REQUIRES: the lock is held.
void push(Control& all, std::function<void()> task) {
  all.tasks.push_back(std::move(task));
  if (all.tasks.size() == 1 && all.wake) all.wake();
}

ServerControl* the_server = nullptr;  // the control thread's
std::atomic<ServerState> the_state{ServerState::kStarting};

}  // namespace

bool request_reload(ReloadDone done) {
  return post_to_control([done = std::move(done)] {
    if (the_server == nullptr) return done(false, "no server runs");
    the_server->reload(done);
  });
}

bool request_drain() {
  return post_to_control([] {
    if (the_server != nullptr) the_server->drain();
  });
}

ServerState server_state() { return the_state.load(std::memory_order_relaxed); }
std::shared_ptr<Generation> current_generation() { return the_server == nullptr ? nullptr : the_server->generation(); }
void set_server(ServerControl* server) { the_server = server; }
ServerControl* running_server() { return the_server; }
void set_server_state(ServerState state) { the_state.store(state, std::memory_order_relaxed); }

bool post_to_control(std::function<void()> task) {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  if (!all.open || all.tasks.size() >= kControlTasksMax) return false;
  push(all, std::move(task));
  return true;
}

void run_on_control(std::function<void()> task) {
  if (hooks::on_control_thread() || !post_to_control(task)) task();
}

bool complete_from_plugin(std::uint64_t completion) {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  const auto found = all.expected.find(completion);
  if (found == all.expected.end()) return false;
  // Beyond the bound too: a plugin that floods the queue must not hold up the end, and completions are few.
  push(all, [done = std::move(found->second), completion] { done(completion); });
  all.expected.erase(found);
  return true;
}

void open_control() {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  all.open = true;
}

void wake_control_by(std::function<void()> wake) {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  all.wake = std::move(wake);
  if (all.wake && !all.tasks.empty()) all.wake();
}

void run_control_tasks() {
  Control& all = control();
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(all.mutex);
    tasks.swap(all.tasks);
  }
  for (const std::function<void()>& task : tasks) {
    try {
      task();
    } catch (const std::exception& exception) {
      log::write(log::Level::kError, "kernel", std::string("a task of the control thread threw: ") + exception.what());
    } catch (...) {
      log::write(log::Level::kError, "kernel", "a task of the control thread threw");
    }
  }
}

void close_control() {
  Control& all = control();
  {
    const std::lock_guard lock(all.mutex);
    all.open = false;
    all.wake = nullptr;
    all.expected.clear();
  }
  run_control_tasks();
}

std::uint64_t expect_completion(std::function<void(std::uint64_t completion)> done) {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  const std::uint64_t completion = ++all.completions;
  all.expected.emplace(completion, std::move(done));
  return completion;
}

void forget_completion(std::uint64_t completion) {
  Control& all = control();
  const std::lock_guard lock(all.mutex);
  all.expected.erase(completion);
}

}  // namespace cleat
