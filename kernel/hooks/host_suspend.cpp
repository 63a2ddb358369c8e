// Suspending a hook and resuming it, from any thread, exactly once: tickets.hpp decides who was first.
#include "kernel/accept/connection.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/tickets.hpp"

namespace cleat::hooks {
namespace {

std::uint32_t next_number(Worker& worker) {
  std::uint32_t number;
  do {
    number = static_cast<std::uint32_t>(worker.next_ticket());
  } while (number == 0);
  return number;
}

// worker (8) | lane (2) | slot (22) | number (32), as make_handle has it with the lane for the kind.
cleat_ticket make_ticket(std::uint32_t worker, std::uint32_t lane, std::uint32_t slot, std::uint32_t number) {
  return make_handle(worker, static_cast<HandleKind>(lane), slot, number);
}

cleat_status no_memory() { return fail_call(CLEAT_LIMIT, "suspend: the host is out of memory"); }

cleat_status suspend_exchange(Exchange& x, cleat_ticket& ticket) {
  Worker& worker = x.worker;
  if (worker.stamp.exchange != &x || !returns_verdict(worker.stamp.hook)) {
    return fail_call(CLEAT_WRONG_PHASE, "suspend: in a hook of the exchange that returns a verdict");
  }
  const auto lane = static_cast<std::uint32_t>(x.lane_of_call);
  const std::uint32_t number = next_number(worker);
  if (!tickets::issue(worker.index, x.slot, lane, number, handle_generation(x.handle()))) return no_memory();
  x.suspended[lane] = number;
  x.asked.suspend = true;
  ticket = make_ticket(worker.index, lane, x.slot, number);
  return CLEAT_OK;
}

cleat_status suspend_connection(Worker& worker, Connection& connection, cleat_conn handle, cleat_ticket& ticket) {
  const std::uint32_t number = next_number(worker);
  const std::uint32_t slot = handle_slot(handle);
  const Hook hook = worker.stamp.hook;
  const bool fits = hook == Hook::kConnection || hook == Hook::kClientHello || hook == Hook::kTls;
  if (!fits || !connection.suspend(number)) {
    return fail_call(CLEAT_WRONG_PHASE, "suspend: in on_connection, on_client_hello or on_tls of that connection");
  }
  if (!tickets::issue(worker.index, slot, tickets::kConnectionLane, number, handle_generation(handle))) return no_memory();
  ticket = make_ticket(worker.index, tickets::kConnectionLane, slot, number);
  return CLEAT_OK;
}

// A claimed ticket on its way. Small enough that std::function keeps it without allocating.
struct Delivery {
  std::uint64_t handle;
  std::uint32_t number;
  std::uint32_t lane_and_verdict;

  std::uint32_t lane() const { return lane_and_verdict & 3; }
  std::uint32_t verdict() const { return lane_and_verdict >> 2; }
  void operator()() const {
    Worker* const worker = Worker::current();
    if (worker == nullptr) return;
    if (lane() == tickets::kConnectionLane) {
      if (Connection* const connection = worker->find_connection(handle)) connection->resume(number, verdict());
    } else if (Exchange* const x = worker->find_exchange(handle)) {
      x->resume(static_cast<Lane>(lane()), number, verdict());
    }
  }
};
static_assert(sizeof(Delivery) <= 16);

// On the exchange's own worker: after the current event, without a queue. Both owners outlive it, and know a number of an earlier life.
void defer(Worker& worker, Exchange& x, const Delivery& delivery) {
  worker.reactor.defer(
      [](void* owner, std::uint64_t argument) {
        const auto how = static_cast<std::uint32_t>(argument >> 32);
        static_cast<Exchange*>(owner)->resume(static_cast<Lane>(how & 3), static_cast<std::uint32_t>(argument), how >> 2);
      },
      &x, std::uint64_t{delivery.lane_and_verdict} << 32 | delivery.number);
}

void defer(Worker& worker, Connection& connection, const Delivery& delivery) {
  worker.reactor.defer(
      [](void* owner, std::uint64_t argument) {
        static_cast<Connection*>(owner)->resume(static_cast<std::uint32_t>(argument), static_cast<std::uint32_t>(argument >> 34));
      },
      &connection, std::uint64_t{delivery.lane_and_verdict} << 32 | delivery.number);
}

// False if what it was for is gone.
bool deliver_here(Worker& worker, const Delivery& delivery) {
  if (delivery.lane() == tickets::kConnectionLane) {
    Connection* const connection = worker.find_connection(delivery.handle);
    if (connection != nullptr) defer(worker, *connection, delivery);
    return connection != nullptr;
  }
  Exchange* const x = worker.find_exchange(delivery.handle);
  if (x != nullptr) defer(worker, *x, delivery);
  return x != nullptr;
}

cleat_status stale_ticket() { return fail_call(CLEAT_STALE, "resume: the ticket was used, has timed out, or its exchange is over"); }

}  // namespace

cleat_status suspend(std::uint64_t subject, cleat_ticket* ticket) {
  if (ticket == nullptr) return fail_call(CLEAT_INVALID, "suspend: the output is NULL");
  cleat_status status;
  if (handle_kind(subject) == HandleKind::kConnection) {
    Connection* const connection = connection_of(subject, status);
    return connection == nullptr ? status : suspend_connection(*Worker::current(), *connection, subject, *ticket);
  }
  Exchange* const x = exchange_of(subject, status);
  return x == nullptr ? status : suspend_exchange(*x, *ticket);
}

cleat_status resume(cleat_ticket ticket, cleat_verdict verdict) {
  if (verdict > CLEAT_UNSUBSCRIBE || verdict == CLEAT_SUSPEND) return fail_call(CLEAT_INVALID, "resume: not a verdict to resume with");
  const std::uint32_t index = handle_worker(ticket);
  const std::uint32_t slot = handle_slot(ticket);
  const auto lane = static_cast<std::uint32_t>(handle_kind(ticket));
  const std::uint32_t number = handle_generation(ticket);
  std::uint32_t generation = 0;
  if (!tickets::claim(index, slot, lane, number, generation)) return stale_ticket();
  const HandleKind kind = lane == tickets::kConnectionLane ? HandleKind::kConnection : HandleKind::kExchange;
  const Delivery delivery{make_handle(index, kind, slot, generation), number, verdict << 2 | lane};
  return guarded([&]() -> cleat_status {
    Worker* const here = Worker::current();
    if (here != nullptr && here->index == index) return deliver_here(*here, delivery) ? CLEAT_OK : stale_ticket();
    Worker* const worker = worker_at(index);
    if (worker != nullptr && worker->post(delivery)) return CLEAT_OK;
    tickets::restore(index, slot, lane, number, generation);
    return fail_call(CLEAT_LIMIT, "resume: the worker's queue is full");
  });
}

}  // namespace cleat::hooks
