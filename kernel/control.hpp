// The control thread as the rest of the process sees it: a bounded queue of tasks for it, the completions that plugins owe after
// on_drain and on_shutdown, and what the server can be asked for. One of each in a process; server.cpp opens, turns and closes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace cleat {

inline constexpr std::size_t kControlTasksMax = 65'536;

// [any] False when the queue is full, or no server runs. Tasks run in order, never inside this call.
bool post_to_control(std::function<void()> task);

// [any] Runs it now where this is the control thread, or the process has none any more; else there, soon.
void run_on_control(std::function<void()> task);

// [any] cleat_host.complete. False if there is no such completion, or it was completed before.
bool complete_from_plugin(std::uint64_t completion);

// --- what the running server does when asked ---

// [any] Reads the configuration again. `done` runs on the control thread: applied, or refused with the reasons (then nothing has
// changed). False when the control thread's queue is full: `done` is not called.
using ReloadDone = std::function<void(bool ok, const std::string& text)>;
bool request_reload(ReloadDone done);
bool request_drain();  // [any] as SIGTERM does

enum class ServerState : std::uint32_t { kStarting, kServing, kDraining, kStopping };
ServerState server_state();  // [any]

namespace sources {
class Change;
}
struct Generation;
std::shared_ptr<Generation> current_generation();  // [control] nullptr before the first and after the last

// [control] What the functions above reach; nullptr when there is none.
class ServerControl {
 public:
  virtual void reload(ReloadDone done) = 0;
  virtual void commit(std::shared_ptr<sources::Change> change) = 0;
  virtual void drain() = 0;
  virtual std::shared_ptr<Generation> generation() const = 0;

 protected:
  ~ServerControl() = default;
};
void set_server(ServerControl* server);
ServerControl* running_server();
void set_server_state(ServerState state);

// --- [control] for the server ---

// `wake` is called on any thread, under the queue's lock, when tasks are there to be run; it must only make the control thread
// call run_control_tasks soon. Without one (nullptr) tasks wait.
void open_control();
void wake_control_by(std::function<void()> wake);
void run_control_tasks();
void close_control();  // runs what is queued still; later posts are refused

// A number for a plugin to complete; `done` then runs as a task.
std::uint64_t expect_completion(std::function<void(std::uint64_t completion)> done);
void forget_completion(std::uint64_t completion);

}  // namespace cleat
