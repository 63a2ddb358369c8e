#include "kernel/hooks/connection_hooks.hpp"

#include "kernel/hooks/dispatch.hpp"
#include "kernel/hooks/plugin_timers.hpp"
#include "kernel/hooks/tickets.hpp"

namespace cleat::hooks {

namespace {

ConnectionAnswer answer_of(const Instance& instance, std::uint32_t verdict) {
  if (verdict == CLEAT_SUSPEND) return ConnectionAnswer::kSuspend;
  return connection_goes_on(verdict, instance.fail_open) ? ConnectionAnswer::kGoOn : ConnectionAnswer::kClose;
}

}  // namespace

ConnectionAnswer call_on_connection(Worker& worker, Instance& instance, std::uint64_t handle, std::uint8_t position) {
  return answer_of(instance, call_hook(worker, instance, Hook::kConnection, nullptr, position, [&] { return instance.table.on_connection(instance.self, handle); }));
}

ConnectionAnswer call_on_tls(Worker& worker, Instance& instance, std::uint64_t handle, std::uint8_t position) {
  return answer_of(instance, call_hook(worker, instance, Hook::kTls, nullptr, position, [&] { return instance.table.on_tls(instance.self, handle); }));
}

void call_on_connection_end(Worker& worker, Instance& instance, std::uint64_t handle, std::uint8_t position) {
  call_callback(worker, instance, Hook::kConnectionEnd, nullptr, position, [&] { instance.table.on_connection_end(instance.self, handle); });
}

bool connection_goes_on(std::uint32_t verdict, bool fail_open) {
  return verdict == CLEAT_CONTINUE || verdict == CLEAT_UNSUBSCRIBE || (verdict == CLEAT_FAIL && fail_open);
}

void drop_connection_ticket(Worker& worker, std::uint64_t handle) {
  tickets::drop(worker.index, handle_slot(handle), tickets::kConnectionLane);
}

void cancel_connection_timers(Worker& worker, Connection& connection) {
  if (worker.plugin_timers) worker.plugin_timers->cancel_all(connection);
}

}  // namespace cleat::hooks
