#include "kernel/worker.hpp"

#include <sys/random.h>

#include <algorithm>

#include "kernel/accept/acceptor.hpp"
#include "kernel/accept/connection.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/hooks/plugin_call.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/wires.hpp"

namespace cleat {
namespace {

thread_local Worker* this_worker = nullptr;
std::vector<Worker*> all_workers;

}  // namespace

Worker* Worker::current() { return this_worker; }
Worker* worker_at(std::uint32_t index) { return index < all_workers.size() ? all_workers[index] : nullptr; }
void set_workers(std::vector<Worker*> workers) { all_workers = std::move(workers); }

WorkerGeneration::WorkerGeneration(Worker& worker, std::shared_ptr<Generation> shared) : generation(std::move(shared)) {
  for (const auto& cluster : generation->clusters) pools.push_back(upstream::Pool::of(worker, cluster));
}
WorkerGeneration::~WorkerGeneration() = default;

Worker::Worker(std::uint32_t index_) : index(index_), scratch(new char[2 * kScratchBytes]), plugin_timers(std::make_unique<PluginTimers>(*this)),
      plugin_calls(std::make_unique<PluginCalls>(*this)) {
  if (getrandom(random_, sizeof random_, 0) != sizeof random_) random_[0] = unix_us() | 1;
  random_[0] |= 1;  // never all zero
}

Worker::~Worker() = default;

std::uint64_t Worker::random() {  // xoroshiro128+ (Blackman, Vigna)
  const std::uint64_t a = random_[0];
  std::uint64_t b = random_[1];
  const std::uint64_t result = a + b;
  b ^= a;
  random_[0] = (a << 24 | a >> 40) ^ b ^ (b << 16);
  random_[1] = b << 37 | b >> 27;
  return result;
}

void Worker::adopt(std::shared_ptr<Generation> generation, std::vector<std::vector<SharedSocket>> sockets) {
  if (this_worker == this) start_instances(*generation);  // else `run` does
  if (current_generation != nullptr) old_generations_.push_back(std::move(current_generation));
  current_generation = std::make_unique<WorkerGeneration>(*this, std::move(generation));
  update_acceptors(std::move(sockets));
  for (Connection* connection = connections; connection != nullptr; connection = connection->next) connection->generation_changed();
  retire_unused();
}

void Worker::update_acceptors(std::vector<std::vector<SharedSocket>> sockets) {
  const Generation& now = *current_generation->generation;
  for (const auto& acceptor : acceptors) {
    if (!acceptor->listening()) continue;
    const Listener* const next = now.listening_as(acceptor->listener());
    if (next != nullptr && std::erase(sockets[next->index], acceptor->socket()) != 0) {
      acceptor->follow(*next);
    } else {
      acceptor->stop();
    }
  }
  for (std::size_t i = acceptors.size(); i-- > 0;) {
    if (!acceptors[i]->listening() && acceptors[i]->idle()) remove(*acceptors[i]);
  }
  if (draining) return;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    for (SharedSocket& fresh : sockets[i]) acceptors.push_back(std::make_unique<Acceptor>(*this, *now.listeners[i], std::move(fresh)));
  }
}

void Worker::remove(Acceptor& acceptor) {
  const auto at = std::find_if(acceptors.begin(), acceptors.end(), [&](const auto& one) { return one.get() == &acceptor; });
  reactor.retire([gone = std::shared_ptr<Acceptor>(std::move(*at))] {});
  acceptors.erase(at);
}

void Worker::start_instances(const Generation& generation) {
  for (const auto& instance : generation.instances) {
    if (++running_[instance->handle] != 1 || instance->table.worker_start == nullptr) continue;
    hooks::call_hook(*this, *instance, hooks::Hook::kWorkerStart, nullptr, 255, [&]() -> std::uint32_t {
      return instance->table.worker_start(instance->self, index) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
    });
  }
}

void Worker::stop_instances(const Generation& generation) {
  for (const auto& instance : generation.instances) {
    const auto running = running_.find(instance->handle);
    if (--running->second != 0) continue;
    running_.erase(running);
    plugin_timers->cancel_all(instance->handle);
    plugin_calls->cancel_all(instance->handle);
    if (instance->table.worker_stop == nullptr) continue;
    hooks::call_callback(*this, *instance, hooks::Hook::kWorkerStop, nullptr, 255, [&] { instance->table.worker_stop(instance->self, index); });
  }
}

void Worker::leave(WorkerGeneration& generation) {
  if (--generation.users != 0 || &generation == current_generation.get() || retiring_) return;
  retiring_ = true;  // later: the caller may be in the middle of something that still looks at it
  reactor.defer<&Worker::retire_unused>(this);
}

void Worker::retire_unused() {
  retiring_ = false;
  std::vector<std::unique_ptr<WorkerGeneration>> unused;
  std::erase_if(old_generations_, [&](auto& one) {
    if (one->users != 0) return false;
    unused.push_back(std::move(one));
    return true;
  });
  for (const auto& one : unused) stop_instances(*one->generation);
}

void Worker::run() {
  this_worker = this;
  metrics::set_thread_shard(index);
  start_instances(*current_generation->generation);
  reactor.run();
  reactor.run_deferred();
  old_generations_.push_back(std::move(current_generation));
  for (const auto& one : old_generations_) stop_instances(*one->generation);
  acceptors.clear();
  for (const auto& one : old_generations_) one->pools.clear();
  reactor.run_deferred();
  reactor.run_retired();
  old_generations_.clear();
  this_worker = nullptr;
}

// --- the end ---

void Worker::drain(std::function<void()> drained) {
  draining = true;
  drained_ = std::move(drained);
  for (const auto& acceptor : acceptors) acceptor->stop();
  for (const auto& pool : current_generation->pools) pool->close_idle();
  for (const auto& old : old_generations_) {
    for (const auto& pool : old->pools) pool->close_idle();
  }
  for (Connection* connection = connections; connection != nullptr;) {
    Connection* const next = connection->next;
    connection->drain();
    connection = next;
  }
  end_drain_if_idle();
}

void Worker::cut() {
  while (connections != nullptr) {
    Connection* const connection = connections;
    connection->cut(true);
    reactor.run_deferred();
    if (connections == connection) connection->cut(true);
  }
}

void Worker::stop() { reactor.stop(); }

void Worker::end_drain_if_idle() {
  if (!draining || connection_count != 0 || !drained_) return;
  const std::function<void()> tell = std::move(drained_);
  drained_ = nullptr;
  tell();
}

void Worker::connection_closed(Connection& connection) {
  if (connection.before != nullptr) {
    connection.before->next = connection.next;
  } else {
    connections = connection.next;
  }
  if (connection.next != nullptr) connection.next->before = connection.before;
  --connection_count;
  reactor.retire([gone = &connection] { delete gone; });
  end_drain_if_idle();
}

// --- objects that handles name ---

Exchange* Worker::new_exchange() {
  if (!free_exchanges_.empty()) {
    Exchange* const exchange = exchanges_[free_exchanges_.back()].get();
    free_exchanges_.pop_back();
    return exchange;
  }
  if (exchanges_.size() >= kExchangesMax) return nullptr;
  exchanges_.push_back(std::make_unique<Exchange>(*this, static_cast<std::uint32_t>(exchanges_.size())));
  return exchanges_.back().get();
}

void Worker::free_exchange(Exchange* exchange) {
  if (wires != nullptr) wires->exchange_over(*exchange);
  exchange->reset_life();
  free_exchanges_.push_back(exchange->slot);
}

Exchange* Worker::find_exchange(std::uint64_t handle) {
  const std::uint32_t slot = handle_slot(handle);
  if (slot >= exchanges_.size()) return nullptr;
  Exchange* const exchange = exchanges_[slot].get();
  return exchange->handle() == handle && exchange->stage != Stage::kIdle ? exchange : nullptr;
}

std::uint64_t Worker::name_connection(Connection* connection) {
  std::uint32_t slot;
  if (!free_connection_slots_.empty()) {
    slot = free_connection_slots_.back();
    free_connection_slots_.pop_back();
  } else {
    if (connection_slots_.size() >= 1U << 22) return 0;
    slot = static_cast<std::uint32_t>(connection_slots_.size());
    connection_slots_.emplace_back();
  }
  connection_slots_[slot].connection = connection;
  return make_handle(index, HandleKind::kConnection, slot, ++connection_slots_[slot].generation);
}

void Worker::forget_connection(std::uint64_t handle) {
  const std::uint32_t slot = handle_slot(handle);
  connection_slots_[slot].connection = nullptr;
  free_connection_slots_.push_back(slot);
}

Connection* Worker::find_connection(std::uint64_t handle) {
  const std::uint32_t slot = handle_slot(handle);
  if (slot >= connection_slots_.size() || connection_slots_[slot].generation != handle_generation(handle)) return nullptr;
  return connection_slots_[slot].connection;
}

// --- memory ---

Buffer Worker::take_buffer() {
  if (buffers_.empty()) {
    Buffer fresh;
    fresh.reserve(2048);
    return fresh;
  }
  Buffer buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Worker::give_buffer(Buffer buffer) {
  if (buffer.capacity() == 0 || buffer.capacity() > kScratchBytes || buffers_.size() >= kBuffersKept) return;
  buffer.clear();
  buffers_.push_back(std::move(buffer));
}

}  // namespace cleat
