// cleat.post/1: a callback travels through the queue of its worker, or of the control thread, with the instance's handle. It runs
// between worker_start and worker_stop: one that comes early waits, one that comes late is not made.
#include "kernel/base/log.hpp"
#include "kernel/control.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/plugin_timers.hpp"

namespace cleat::hooks {
namespace {

struct Post {
  cleat_instance instance;
  std::uint64_t owner;
  cleat_post_fn fn;
  void* user;
};

enum class Life : std::uint8_t { kEarly, kRunning, kGone };

Life life_on(const Worker& worker, cleat_instance handle) {
  const InstancePin instance(handle);
  if (!instance || !worker.plugin_timers || worker.plugin_timers->stopped(handle)) return Life::kGone;
  // Of a generation that this worker has not taken over: create may still be running.
  if (worker.current_generation == nullptr || instance->generation > worker.current_generation->generation->id) return Life::kEarly;
  return Life::kRunning;
}

void run_on_worker(const Post& post) {
  Worker* const worker = Worker::current();
  if (worker == nullptr) return;
  switch (life_on(*worker, post.instance)) {
    case Life::kGone: return;
    case Life::kEarly:
      if (!worker->plugin_timers->later([post] { run_on_worker(post); })) {
        log::write(log::Level::kError, "kernel", "a plugin's post was dropped: too many wait for their instance to start");
      }
      return;
    case Life::kRunning: break;
  }
  Instance* const instance = find_instance(post.instance);
  Exchange* x = nullptr;
  cleat_status status = CLEAT_OK;
  if (post.owner != post.instance) {
    if (handle_kind(post.owner) == HandleKind::kExchange) {
      x = worker->find_exchange(post.owner);
      if (x == nullptr) status = CLEAT_STALE;
    } else if (worker->find_connection(post.owner) == nullptr) {
      status = CLEAT_STALE;
    }
  }
  call_callback(*worker, *instance, Hook::kPost, x, [&] { post.fn(instance->self, status, post.owner, post.user); });
}

void run_on_control(const Post& post) {
  Instance* const instance = find_created(post.instance);
  if (instance == nullptr) return;
  const CallOutcome outcome = call_plugin(instance, Hook::kPost, [&] {
    post.fn(instance->self, CLEAT_OK, post.owner, post.user);
    return CLEAT_OK;
  });
  if (!outcome.ok()) log::write(log::Level::kWarn, "plugin/" + instance->name, "post: " + outcome.words);
}

cleat_status check(cleat_instance self, cleat_post_fn fn) {
  if (fn == nullptr) return fail_call(CLEAT_INVALID, "post: the callback is NULL");
  if (find_instance(self) == nullptr) return fail_call(CLEAT_STALE, "post: no such instance");
  return CLEAT_OK;
}

cleat_status post_to(std::uint32_t index, const Post& post) {
  return guarded([&]() -> cleat_status {
    Worker* const worker = index <= Worker::kIndexMax ? worker_at(index) : nullptr;
    if (worker == nullptr) return fail_call(CLEAT_INVALID, "post: there is no such worker");
    return worker->post([post] { run_on_worker(post); }) ? CLEAT_OK : fail_call(CLEAT_LIMIT, "post: the worker's queue is full");
  });
}

cleat_status post_to_owner(cleat_instance self, std::uint64_t owner, cleat_post_fn fn, void* user) {
  if (const cleat_status wrong = check(self, fn)) return wrong;
  const HandleKind kind = handle_kind(owner);
  if (kind != HandleKind::kExchange && kind != HandleKind::kConnection) {
    return fail_call(CLEAT_INVALID, "post: the owner is an exchange or a connection");
  }
  return post_to(handle_worker(owner), {self, owner, fn, user});
}

cleat_status post_to_worker(cleat_instance self, std::uint32_t worker, cleat_post_fn fn, void* user) {
  if (const cleat_status wrong = check(self, fn)) return wrong;
  const Post post{self, self, fn, user};
  if (worker != CLEAT_POST_CONTROL) return post_to(worker, post);
  return guarded([&]() -> cleat_status {
    if (post_to_control([post] { run_on_control(post); })) return CLEAT_OK;
    return fail_call(CLEAT_LIMIT, "post: the control thread's queue is full");
  });
}

}  // namespace

const cleat_host_post kHostPost = {
    .size = sizeof(cleat_host_post),
    .reserved = 0,
    .post = post_to_owner,
    .post_worker = post_to_worker,
};

}  // namespace cleat::hooks
