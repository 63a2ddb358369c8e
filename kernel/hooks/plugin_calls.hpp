// PluginCalls: the calls that plugins make on one worker (cleat.http_call/1): their handles, whose they are, and the way of what becomes of
// them into the plugin. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "plugin_api/ext/http_call.h"

namespace cleat {

class Exchange;
class Worker;
class PluginCall;

class PluginCalls {
 public:
  static constexpr std::uint32_t kInstanceCallsMax = 1'024;

  explicit PluginCalls(Worker& worker);
  PluginCalls(const PluginCalls&) = delete;
  PluginCalls& operator=(const PluginCalls&) = delete;
  ~PluginCalls();

  std::uint32_t of(cleat_instance instance) const;
  // A handle for the call, which is kept until it has ended.
  cleat_call enter(std::unique_ptr<PluginCall> call);
  PluginCall* find(cleat_call handle) const;     // nullptr: it has ended, or was cancelled
  void leave(PluginCall& call);                  // from then on its handle is stale; it is destroyed when the turn is over

  void cancel(PluginCall& call, const char* why);  // it is told once the current event is over
  void cancel_all(Exchange& x);                  // after its on_end
  void cancel_all(cleat_instance instance);      // before its worker_stop; they are told at once

 private:
  struct Slot {
    std::unique_ptr<PluginCall> call;
    std::uint32_t generation = 0;
  };
  Worker& worker_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<cleat_instance, std::uint32_t> counts_;
};

}  // namespace cleat
