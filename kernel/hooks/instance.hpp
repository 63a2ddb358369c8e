// An instance: one configured use of a plugin in one generation, and the counters of every call made into it. Made and
// destroyed on the control thread; between, workers read it and write only their own shard of the counters.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/base/slots.hpp"
#include "kernel/config/model.hpp"
#include "kernel/hooks/note.hpp"
#include "kernel/hooks/quarantine.hpp"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/plugin.h"

namespace cleat::hooks {

class Library;  // library.hpp: a loaded plugin file

enum class Hook : std::uint8_t {
  kNone, kCreate, kWorkerStart, kWorkerStop, kConnection, kClientHello, kTls, kConnectionEnd, kRequest, kRoute, kRequestBody, kRequestTrailers, kAttempt,
  kAttemptEnd, kResponse, kResponseBody, kResponseTrailers, kReply, kEnd, kEvent, kDrain, kShutdown, kHandle, kHandleBody, kWritable,
  kHandleEnd, kTimer, kPost, kPick, kValidate, kDestroy, kRouteCreate, kRouteDestroy, kWatch, kUnwatch, kCommitted, kGive, kTake, kLoad, kCall,
  kCount,
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
  void took(std::uint64_t ns);  // one more whose time was taken
};

class Instance {
 public:
  struct Shard {
    std::array<HookCounters, kHooks> hooks;
  };

  std::string name;
  std::uint64_t generation = 0;    // the first that had it: an instance whose file and configuration stay the same is carried over
  std::string config_text;         // its `config:`, as JSON: what "the same" is judged by
  cleat_instance handle = 0;
  bool fail_open = false;
  config::Quarantine quarantine_policy;
  std::shared_ptr<Library> library;
  Note note;                       // of the file that was asked for, which `library` may stand in for
  std::string sha256;              // of its content
  std::string hosted;              // by `library`: all that is told of it, as JSON; empty: the library is that file
  cleat_plugin table{};            // a whole table: entries beyond the plugin's own size are NULL
  const cleat_plugin_handler* handler = nullptr;    // the library's, or nullptr; of a hosted plugin nullptr too where it has none
  const cleat_plugin_balancer* balancer = nullptr;
  const cleat_plugin_config_source* source = nullptr;
  const cleat_plugin_tls* tls = nullptr;
  const cleat_plugin_handover* handover = nullptr;
  void* self = nullptr;            // what create returned
  std::vector<std::unique_ptr<Shard>> shards;  // one for each worker, and a last one for the control thread
  Quarantine quarantine;           // begun before create is called

  HookCounters& counters(std::uint32_t worker, Hook hook) { return shards[worker]->hooks[static_cast<std::size_t>(hook)]; }

  Instance();                      // takes a handle; 0 when 65,536 instances live, of all generations
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();                     // calls destroy, if created; the handle is stale once that has returned

  // [any] Create returned OK, and destroy has not been called; false of one that was only validated.
  bool created() const { return created_.load(std::memory_order_acquire); }
  void end() { created_.store(false, std::memory_order_release); }  // for keep_totals alone

 private:
  friend class Loader;
  std::unique_ptr<config::Node> hosting_;  // `hosted`, for create
  std::atomic<bool> created_{false};  // set last: who reads it true may read the rest
};

using Instances = Slots<Instance, 16>;
Instances& all_instances();  // [any] of all generations

// [any] The instance, or nullptr when it is gone. No lock. The pointer holds while its generation does: in a hook or callback of
// that instance, on the control thread. Every other caller pins.
inline Instance* find_instance(cleat_instance handle) { return all_instances().find(handle); }

// [any] Keeps the instance from going away, for a call that came from a plugin's own thread. Short: ~Instance waits for it.
class InstancePin {
 public:
  explicit InstancePin(cleat_instance handle) : pin_(all_instances(), handle) {}
  explicit operator bool() const { return pin_.get() != nullptr; }
  Instance* operator->() const { return pin_.get(); }

 private:
  Instances::Pin pin_;
};

// Turns a model's plugins into instances. Every failure (missing file, no note, wrong ABI, a required extension this host lacks,
// create's refusal, configuration errors) goes to diagnostics, at the plugin's node, with the plugin's own words.
class Loader {
 public:
  // `folders`: searched in order for `use` without a '/'. `host`: the table handed to plugins.
  Loader(std::vector<std::string> folders, const cleat_host* host, std::uint32_t workers);

  // [control] In the order of `wanted`; empty if any failed. Of `before`, the instances of the generation in force, those are taken
  // over, state and all, of which name, file's content, configuration and policy are the same; others hand what they know to the new one
  // of their name, once all are created. validate_only: calls validate where the
  // plugin has it, else create: the result then holds instances that are not created(), good for nothing but looking at their tables.
  std::vector<std::shared_ptr<Instance>> load(const std::vector<config::Instance>& wanted,
                                              const std::vector<std::shared_ptr<Instance>>& before, std::uint64_t generation,
                                              bool validate_only, config::Diagnostics& diagnostics);
  // [control] route_create under the route's plugins entry; nullptr and diagnostics on failure. nullptr without diagnostics: the
  // plugin keeps nothing for this route.
  static void* create_route(Instance& instance, const config::Node* config, config::Diagnostics& diagnostics);
  static void destroy_route(Instance& instance, void* route);  // [control] route_destroy; nullptr is ignored

 private:
  bool prepare(Instance& instance, const config::Instance& wanted, config::Diagnostics& diagnostics);
  // nullptr: it failed, and diagnostics say why.
  std::shared_ptr<Instance> make(const config::Instance& wanted, const std::shared_ptr<Instance>& before, std::uint64_t generation,
                                 bool validate_only, config::Diagnostics& diagnostics);
  bool create(Instance& instance, const config::Instance& wanted, bool validate_only, config::Diagnostics& diagnostics);
  std::vector<std::string> folders_;
  const cleat_host* host_;
  std::uint32_t workers_;
};

// [control] That the instances named as a route's handler or a cluster's balancer have that half: errors at the route, the cluster.
void check_halves(const config::Model& model, const std::vector<std::shared_ptr<Instance>>& instances, config::Diagnostics& diagnostics);

// Where `use` is looked for: the model's plugin_path (relative to the file's folder), <executable>/../plugins,
// <executable>/../lib/cleat/plugins.
std::vector<std::string> plugin_folders(const std::string& config_file, const config::Model& model);

const cleat_host* host_table();  // host.cpp: the one table of this process
// [control] For a host that stands between this one and plugins: its table is what plugins get from now on, and it may put its own functions into
// an instance's tables when they have been read, before any of them is called. nullptr: nothing is between.
void use_host_table(const cleat_host* other);
void use_tables(void (*change)(Instance& instance));

// --- what the host functions of control-thread extensions need (implemented beside the loader) ---

// The tables of cleat.config/1, cleat.metrics/1, and cleat.metadata/1's `key`, independent of any exchange.
extern const cleat_host_config kHostConfig;
extern const cleat_host_metrics kHostMetrics;
cleat_status metadata_key(cleat_str name, std::uint32_t* key);
cleat_status host_log(cleat_instance self, std::uint32_t level, cleat_str text);  // [any]

// A thread is the control thread once it has made a Loader, or has said so here. For functions tagged [control].
void set_control_thread();
bool on_control_thread();

// Per-thread error text of host calls and of set_error.
cleat_status set_call_error(std::string_view text);                        // remembers, answers CLEAT_OK
cleat_status fail_call(cleat_status status, std::string_view text);        // remembers for error_text, answers status
cleat_status error_text(char* buffer, std::uint64_t capacity, std::uint64_t* needed);
std::string take_plugin_error();                                           // what set_error left on this thread; clears it

inline std::string_view to_view(cleat_str s) { return {s.data, static_cast<std::size_t>(s.size)}; }
inline bool bad(cleat_str s) { return s.data == nullptr && s.size != 0; }
inline cleat_str to_str(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace cleat::hooks
