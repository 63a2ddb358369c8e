// The hooks of a downstream connection, called for Connection so that accept/ knows nothing of the ABI. Worker threads.
#pragma once

#include <cstdint>

namespace cleat {
class Connection;
class Worker;
}  // namespace cleat

namespace cleat::hooks {

class Instance;
enum class Hook : std::uint8_t;

enum class ConnectionAnswer : std::uint8_t { kGoOn, kClose, kSuspend };
// hook: on_connection, on_client_hello or on_tls.
ConnectionAnswer call_of_connection(Worker& worker, Instance& instance, Hook hook, std::uint64_t handle, std::uint8_t position);
void call_on_connection_end(Worker& worker, Instance& instance, std::uint64_t handle, std::uint8_t position);
bool connection_goes_on(std::uint32_t verdict, bool fail_open);  // what a resumed one of them answered
void drop_connection_ticket(Worker& worker, std::uint64_t handle);  // a late resume is then stale
void cancel_connection_timers(Worker& worker, Connection& connection);

}  // namespace cleat::hooks
