// Worker: one thread with everything it needs to move exchanges from start to end: its loop, acceptors, upstream pools, memory.
// Nothing here is shared but the immutable Generation. All members are for the worker's own thread, but for `post`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/base/buffer.hpp"
#include "kernel/base/pipe.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/generation.hpp"
#include "kernel/hooks/call_stamp.hpp"

namespace cleat {

class Acceptor;
class Exchange;
class Connection;
class PluginCalls;
class PluginTimers;
class Wires;
class Worker;
namespace upstream {
class Pool;
}

// One worker's half of a generation. Retired when it is no longer current and nothing uses it.
struct WorkerGeneration {
  WorkerGeneration(Worker& worker, std::shared_ptr<Generation> shared);
  ~WorkerGeneration();
  std::shared_ptr<Generation> generation;
  std::vector<std::shared_ptr<upstream::Pool>> pools;  // of its clusters
  std::uint64_t users = 0;                             // exchanges and connections
};

class Worker {
 public:
  static constexpr std::size_t kScratchBytes = 68 * 1024;  // 64 KiB, the size of many pieces, and a head
  static constexpr std::size_t kBuffersKept = 256;
  static constexpr std::uint32_t kIndexMax = 255;

  explicit Worker(std::uint32_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();  // the thread's body: worker_start of the instances, the loop, worker_stop of all that still run
  // The worker of this thread, or nullptr.
  static Worker* current();

  // [any] False when the queue is full.
  bool post(Reactor::Task task) { return reactor.post(std::move(task)); }

  // --- set before run() by the control thread, or on this thread by a posted task ---
  // Makes the generation the current one. What is under way goes on in its own; connections move to the new one between two exchanges,
  // where what their on_connection hooks did holds there too. sockets: by listener, all that this worker is to listen on: it goes on
  // with those it has, and lets go of those that are not among them.
  void adopt(std::shared_ptr<Generation> generation, std::vector<std::vector<SharedSocket>> sockets);
  void drain(std::function<void()> drained);  // stop accepting, close idle connections, no more keep-alive
  void cut();                                 // close what is left
  void stop();                                // end of run()

  Exchange* new_exchange();                   // nullptr past kExchangesMax
  void free_exchange(Exchange* exchange);
  Exchange* find_exchange(std::uint64_t handle);
  Connection* find_connection(std::uint64_t handle);
  std::uint64_t name_connection(Connection* connection);  // 0 past the bound
  void forget_connection(std::uint64_t handle);
  void connection_closed(Connection& connection);         // unlink, destroy, and tell a drain

  Buffer take_buffer();
  void give_buffer(Buffer buffer);

  const std::uint32_t index;
  Reactor reactor;
  BlockPool blocks;
  PipePool pipes;
  std::unique_ptr<char[]> scratch;
  hooks::CallStamp stamp;
  Wires* wires = nullptr;                     // nullptr: the network
  bool draining = false;
  std::unique_ptr<WorkerGeneration> current_generation;
  void leave(WorkerGeneration& generation);  // by each user, once: the last one's leaving retires one that is not current
  std::vector<std::unique_ptr<Acceptor>> acceptors;  // those that no longer listen too, while connections came from them
  void remove(Acceptor& acceptor);
  std::unique_ptr<PluginTimers> plugin_timers;
  std::unique_ptr<PluginCalls> plugin_calls;
  Connection* connections = nullptr;  // intrusive list
  std::uint64_t connection_count = 0;
  std::uint64_t random();              // not for secrets
  std::uint64_t next_ticket() { return ++ticket_; }

 private:
  void end_drain_if_idle();
  void start_instances(const Generation& generation);
  void stop_instances(const Generation& generation);
  void update_acceptors(std::vector<std::vector<SharedSocket>> sockets);
  void retire_unused();
  std::vector<std::unique_ptr<WorkerGeneration>> old_generations_;  // in use still
  // Of each instance that has been started here, the generations of this worker that have it.
  std::unordered_map<cleat_instance, std::uint32_t> running_;
  bool retiring_ = false;
  static constexpr std::uint32_t kExchangesMax = 1U << 20;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::uint32_t> free_exchanges_;
  struct ConnectionSlot {
    Connection* connection = nullptr;
    std::uint32_t generation = 0;
  };
  std::vector<ConnectionSlot> connection_slots_;
  std::vector<std::uint32_t> free_connection_slots_;
  std::vector<Buffer> buffers_;
  std::function<void()> drained_;
  std::uint64_t random_[2];
  std::uint64_t ticket_ = 0;
};

// Handles of the ABI: worker (8 bits) | kind (2) | slot (22) | generation (32). Tickets: worker (8) | kind (2) | slot (22) | number (32).
enum class HandleKind : std::uint64_t { kCall = 0, kExchange = 1, kConnection = 2, kTimer = 3 };
constexpr std::uint64_t make_handle(std::uint32_t worker, HandleKind kind, std::uint32_t slot, std::uint32_t generation) {
  return static_cast<std::uint64_t>(worker) << 56 | static_cast<std::uint64_t>(kind) << 54 | static_cast<std::uint64_t>(slot & 0x3fffff) << 32 |
         generation;
}
constexpr std::uint32_t handle_worker(std::uint64_t h) { return static_cast<std::uint32_t>(h >> 56); }
constexpr HandleKind handle_kind(std::uint64_t h) { return static_cast<HandleKind>(h >> 54 & 3); }
constexpr std::uint32_t handle_slot(std::uint64_t h) { return static_cast<std::uint32_t>(h >> 32 & 0x3fffff); }
constexpr std::uint32_t handle_generation(std::uint64_t h) { return static_cast<std::uint32_t>(h); }

// All workers of the process, by index; set once by the server before any thread starts. [any]
Worker* worker_at(std::uint32_t index);
void set_workers(std::vector<Worker*> workers);

}  // namespace cleat
