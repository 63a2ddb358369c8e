// An instance: one configured use of a plugin in one generation, and the counters of every call made into it. Made and
// destroyed on the control thread; between, workers read it and write only their own shard of the counters.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/config/model.hpp"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/plugin.h"

namespace cleat::hooks {

class Library;  // library.hpp: a loaded plugin file

enum class Hook : std::uint8_t {
  kNone, kCreate, kWorkerStart, kWorkerStop, kConnection, kTls, kConnectionEnd, kRequest, kRoute, kRequestBody, kRequestTrailers, kAttempt,
  kAttemptEnd, kResponse, kResponseBody, kResponseTrailers, kReply, kEnd, kEvent, kDrain, kShutdown, kHandle, kHandleBody, kWritable,
  kHandleEnd, kTimer, kPost, kPick, kCount,
};
inline constexpr std::size_t kHooks = static_cast<std::size_t>(Hook::kCount);
std::string_view hook_name(Hook hook);  // "on_request"

// One worker's counters of one hook. Written by that worker only, with relaxed plain stores; read by anyone.
struct HookCounters {
  static constexpr std::size_t kBuckets = 24;  // of nanoseconds: bucket i counts [2^(i+5), 2^(i+6)), the first also what is less
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;  // FAIL, an exception, an unknown verdict, a reply that was not made
  std::uint64_t sampled = 0;   // calls whose time was taken
  std::uint64_t sampled_ns = 0;
  std::array<std::uint32_t, kBuckets> times{};
};

class Instance {
 public:
  struct Shard {
    std::array<HookCounters, kHooks> hooks;
  };

  std::string name;
  std::uint32_t index = 0;         // position in its generation, < 2^16
  std::uint64_t generation = 0;
  cleat_instance handle = 0;
  bool fail_open = false;
  std::shared_ptr<Library> library;
  cleat_plugin table{};            // a whole table: entries beyond the plugin's own size are NULL
  const cleat_plugin_handler* handler = nullptr;    // whole copies too (owned below), or nullptr
  const cleat_plugin_balancer* balancer = nullptr;
  void* self = nullptr;            // what create returned
  std::vector<std::unique_ptr<Shard>> shards;  // one for each worker, and a last one for the control thread

  HookCounters& counters(std::uint32_t worker, Hook hook) { return shards[worker]->hooks[static_cast<std::size_t>(hook)]; }

  Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();                     // calls destroy, if created

 private:
  friend class Loader;
  cleat_plugin_handler handler_{};
  cleat_plugin_balancer balancer_{};
};

// Turns a model's plugins into instances. Every failure (missing file, no note, wrong ABI, a required extension this host lacks,
// create's refusal, configuration errors) goes to diagnostics, at the plugin's node, with the plugin's own words.
class Loader {
 public:
  // `folders`: searched in order for `use` without a '/'. `host`: the table handed to plugins.
  Loader(std::vector<std::string> folders, const cleat_host* host, std::uint32_t workers);

  // [control] validate_only: calls validate where the plugin has it, else create and destroy; the result is then empty.
  std::vector<std::unique_ptr<Instance>> load(const std::vector<config::Instance>& wanted, std::uint64_t generation, bool validate_only,
                                              config::Diagnostics& diagnostics);
  // [control] route_create under the route's plugins entry; nullptr and diagnostics on failure.
  static void* create_route(Instance& instance, const config::Node* config, config::Diagnostics& diagnostics);

 private:
  std::vector<std::string> folders_;
  const cleat_host* host_;
  std::uint32_t workers_;
};

// --- what the host functions of control-thread extensions need (implemented beside the loader) ---

// The tables of cleat.config/1, cleat.metrics/1, and cleat.metadata/1's `key`, independent of any exchange.
extern const struct cleat_host_config kHostConfig;
extern const struct cleat_host_metrics kHostMetrics;
cleat_status metadata_key(cleat_str name, std::uint32_t* key);

// Per-thread error text of host calls and of set_error.
cleat_status set_call_error(std::string_view text);                        // remembers, answers CLEAT_OK
cleat_status fail_call(cleat_status status, std::string_view text);        // remembers for error_text, answers status
cleat_status error_text(char* buffer, std::uint64_t capacity, std::uint64_t* needed);
std::string take_plugin_error();                                           // what set_error left on this thread; clears it

inline std::string_view to_view(cleat_str s) { return {s.data, static_cast<std::size_t>(s.size)}; }
inline cleat_str to_str(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace cleat::hooks
