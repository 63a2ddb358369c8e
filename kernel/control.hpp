// The control thread as the rest of the process sees it: a bounded queue of tasks for it, and the completions that plugins owe
// after on_drain and on_shutdown. One of each in a process; server.cpp opens them, turns them, and closes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace cleat {

inline constexpr std::size_t kControlTasksMax = 65'536;

// [any] False when the queue is full, or no server runs. Tasks run in order, never inside this call.
bool post_to_control(std::function<void()> task);

// [any] cleat_host.complete. False if there is no such completion, or it was completed before.
bool complete_from_plugin(std::uint64_t completion);

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
