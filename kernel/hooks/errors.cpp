// What is said about failures, on the thread where they happen: the text of the last failed host call (error_text), the words of
// a plugin about to fail (set_error), and the guard around control-thread calls that turns both into one outcome.
// Fixed buffers, since NOT_FOUND is an everyday answer on the data path: no allocation, no destructor at thread exit.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <exception>

#include "kernel/base/log.hpp"
#include "kernel/hooks/call_stamp.hpp"
#include "kernel/hooks/guard.hpp"

namespace cleat::hooks {
namespace {

constexpr std::size_t kTextBytesMax = 1024;  // what is longer is cut

struct Text {
  std::size_t size = 0;
  char bytes[kTextBytesMax];

  void set(std::string_view text) {
    size = std::min(text.size(), kTextBytesMax);
    if (size != 0) std::memcpy(bytes, text.data(), size);
  }
  std::string_view view() const { return {bytes, size}; }
};

constinit thread_local Text host_error{};    // of this thread's last failed host call
constinit thread_local Text plugin_error{};  // what set_error said in this thread's current call
constinit thread_local bool control_thread = false;

void store(std::uint64_t& field, std::uint64_t value) { std::atomic_ref(field).store(value, std::memory_order_relaxed); }

}  // namespace

void HookCounters::took(std::uint64_t ns) {
  const auto bucket = static_cast<std::size_t>(std::clamp(static_cast<int>(std::bit_width(ns)) - 6, 0, int{kBuckets} - 1));
  store(sampled, sampled + 1);
  store(sampled_ns, sampled_ns + ns);
  std::atomic_ref(times[bucket]).store(times[bucket] + 1, std::memory_order_relaxed);
}

cleat_status set_call_error(std::string_view text) {
  plugin_error.set(text);
  return CLEAT_OK;
}

cleat_status fail_call(cleat_status status, std::string_view text) {
  host_error.set(text);
  return status;
}

cleat_status error_text(char* buffer, std::uint64_t capacity, std::uint64_t* needed) {
  const std::string_view text = host_error.view();
  if (needed != nullptr) *needed = text.size();
  if (buffer == nullptr && capacity != 0) return CLEAT_INVALID;  // does not overwrite the text that is asked for
  const std::size_t count = std::min<std::uint64_t>(capacity, text.size());
  if (count != 0) std::memcpy(buffer, text.data(), count);
  return count < text.size() ? CLEAT_TOO_SMALL : CLEAT_OK;
}

std::string take_plugin_error() {
  std::string text(plugin_error.view());
  plugin_error.size = 0;
  return text;
}

void set_control_thread() { control_thread = true; }
bool on_control_thread() { return control_thread; }

CallStamp& control_stamp() {
  static CallStamp stamp;
  return stamp;
}

LoadStamp::LoadStamp(const char* file) {
  control_stamp().loading = file;
  control_stamp().hook.publish(Hook::kLoad);
}

LoadStamp::~LoadStamp() {
  control_stamp().hook = Hook::kNone;
  control_stamp().loading = nullptr;
}

CallOutcome call_plugin(Instance* instance, Hook hook, const std::function<cleat_status()>& call) {
  take_plugin_error();  // of an earlier call that did not fail
  CallStamp& stamp = control_stamp();
  if (instance != nullptr) {
    stamp.instance = instance;
    stamp.hook.publish(hook);
  }
  CallOutcome outcome;
  const auto start = std::chrono::steady_clock::now();
  try {
    outcome.status = call();
    outcome.words = take_plugin_error();
  } catch (const std::exception& exception) {
    outcome = {CLEAT_FAILED, std::string("it threw: ") + exception.what()};
  } catch (...) {
    outcome = {CLEAT_FAILED, "it threw something that is no std::exception"};
  }
  take_plugin_error();
  if (instance == nullptr) return outcome;
  stamp.hook = Hook::kNone;
  stamp.instance = nullptr;
  if (!outcome.ok()) instance->quarantine.failed();
  if (!instance->shards.empty()) {
    HookCounters& counters = instance->shards.back()->hooks[static_cast<std::size_t>(hook)];
    const auto took = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
    store(counters.calls, counters.calls + 1);
    if (!outcome.ok()) store(counters.failures, counters.failures + 1);
    counters.took(static_cast<std::uint64_t>(std::max<std::int64_t>(took, 0)));
  }
  return outcome;
}

bool tell_plugin(Instance& instance, Hook hook, std::string_view what, const std::function<void()>& call) {
  const CallOutcome outcome = call_plugin(&instance, hook, [&] {
    call();
    return CLEAT_OK;
  });
  if (!outcome.ok()) log::write(log::Level::kError, "plugin/" + instance.name, std::string(what) + " failed: " + outcome.words);
  return outcome.ok();
}

Instance* find_created(cleat_instance handle) {
  Instance* const instance = find_instance(handle);
  return instance != nullptr && instance->created() ? instance : nullptr;
}

cleat_status host_log(cleat_instance self, std::uint32_t level, cleat_str text) {
  if (level > CLEAT_ERROR) return fail_call(CLEAT_INVALID, "log: there is no such level");
  if (bad(text)) return fail_call(CLEAT_INVALID, "log: text is NULL");
  const auto as = static_cast<log::Level>(level);
  if (!log::enabled(as)) return CLEAT_OK;
  std::string source = "plugin/";
  {
    const InstancePin instance(self);
    if (!instance) return fail_call(CLEAT_STALE, "log: no such instance");
    source += instance->name;
  }
  log::write(as, source, to_view(text));
  return CLEAT_OK;
}

}  // namespace cleat::hooks
