#include "kernel/hooks/connection_hooks.hpp"

#include "kernel/hooks/dispatch.hpp"
#include "kernel/hooks/plugin_timers.hpp"
#include "kernel/hooks/tickets.hpp"

namespace cleat::hooks {

ConnectionAnswer call_of_connection(Worker& worker, Instance& instance, Hook hook, std::uint64_t handle, std::uint8_t position) {
  const std::uint32_t verdict = call_hook(worker, instance, hook, nullptr, position, [&] {
    switch (hook) {
      case Hook::kClientHello: return instance.tls->on_client_hello(instance.self, handle);
      case Hook::kTls: return instance.table.on_tls(instance.self, handle);
      default: return instance.table.on_connection(instance.self, handle);
    }
  });
  if (verdict == CLEAT_SUSPEND) return ConnectionAnswer::kSuspend;
  return connection_goes_on(verdict, instance.fail_open) ? ConnectionAnswer::kGoOn : ConnectionAnswer::kClose;
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
