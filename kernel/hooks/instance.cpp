#include "kernel/hooks/instance.hpp"

#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/kv.hpp"

namespace cleat::hooks {
namespace {

constexpr std::array<std::string_view, kHooks> kHookNames = {
    "none", "create", "worker_start", "worker_stop", "on_connection", "on_client_hello", "on_tls", "on_connection_end", "on_request", "on_route",
    "on_request_body", "on_request_trailers", "on_attempt", "on_attempt_end", "on_response", "on_response_body",
    "on_response_trailers", "on_reply", "on_end", "on_event", "on_drain", "on_shutdown", "on_handle", "on_handle_body",
    "on_writable", "on_handle_end", "timer", "post", "pick", "validate", "destroy", "route_create", "route_destroy",
    "watch", "unwatch", "committed", "give", "take", "load", "call",
};
static_assert(!kHookNames.back().empty());

}  // namespace

std::string_view hook_name(Hook hook) {
  const auto number = static_cast<std::size_t>(hook);
  return number < kHooks ? kHookNames[number] : kHookNames[0];
}

Instances& all_instances() {
  static auto* const all = new Instances;
  return *all;
}

// In the body: other threads may find it from here on, so all of it must be there.
Instance::Instance() { handle = all_instances().enter(this); }

Instance::~Instance() {
  if (created_ && table.destroy != nullptr) tell_plugin(*this, Hook::kDestroy, "destroy", [this] { table.destroy(self); });
  if (handle != 0) kv::release(handle);
  if (created_) keep_totals(*this);
  if (handle != 0) all_instances().leave(handle);
}

}  // namespace cleat::hooks
