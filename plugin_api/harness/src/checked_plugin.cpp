// The plugin's tables as the kernel sees them: each hook is the plugin's, called, its verdict looked at, and the views it was shown taken away.
#include <map>
#include <memory>
#include <mutex>

#include "kernel/hooks/call_stamp.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/harness/src/allocations.hpp"
#include "plugin_api/harness/src/between.hpp"
#include "plugin_api/harness/src/checks.hpp"
#include "plugin_api/harness/src/guard.hpp"
#include "plugin_api/harness/src/plugin_members.hpp"

namespace cleat::kit {
namespace {

struct Originals {
  cleat_plugin table{};
  cleat_plugin_handler handler{}, checked_handler{};
  cleat_plugin_handover handover{}, checked_handover{};
};

struct All {
  std::mutex mutex;
  std::map<const hooks::Instance*, std::unique_ptr<Originals>> by_instance;  // of those that are gone too, until another has their place
};

All& all() {
  static auto* const originals = new All;
  return *originals;
}

// Of the instance that this thread is calling into.
const Originals& original() {
  const Worker* const worker = Worker::current();
  const hooks::Instance* const instance = worker != nullptr ? worker->stamp.instance : hooks::control_stamp().instance;
  All& known = all();
  const std::lock_guard lock(known.mutex);
  return *known.by_instance.at(instance);
}

template <class T>
struct Half;
template <>
struct Half<cleat_plugin> {
  static const cleat_plugin& of(const Originals& one) { return one.table; }
};
template <>
struct Half<cleat_plugin_handler> {
  static const cleat_plugin_handler& of(const Originals& one) { return one.handler; }
};

// Structs that a hook is shown die with it too.
template <class T>
T shown(T value) {
  return value;
}

template <class T>
const T* guarded(const T& value, const char* name) {
  return reinterpret_cast<const T*>(guard::show({reinterpret_cast<const char*>(&value), sizeof value}, name, running(), kNoObject));
}

const cleat_attempt_end* shown(const cleat_attempt_end* end) { return guarded(*end, "cleat_attempt_end"); }

const cleat_event* shown(const cleat_event* event) {
  cleat_event copy = *event;
  copy.name.data = guard::show(hooks::to_view(copy.name), "cleat_event", running(), kNoObject);
  copy.data.data = guard::show(hooks::to_view(copy.data), "cleat_event", running(), kNoObject);
  return guarded(copy, "cleat_event");
}

const cleat_create* shown(const cleat_create* info) {
  cleat_create copy = *info;
  copy.name.data = guard::show(hooks::to_view(copy.name), "cleat_create", running(), kNoObject);
  return guarded(copy, "cleat_create");
}

void judge(std::uint32_t verdict) {
  Checks* const checks = current_checks();
  if (checks == nullptr) return;
  const Frame& done = frame();
  if (verdict == CLEAT_FAIL) checks->hook_failed(running(), done.why);
  if (verdict > CLEAT_UNSUBSCRIBE) checks->add({0, "FAIL", running(), "", "answered " + std::to_string(verdict) + ", which is no verdict"});
  if (verdict == CLEAT_REPLIED && !done.replied) checks->add({0, "FAIL", running(), "", "answered REPLIED without a reply"});
  if (verdict == CLEAT_CONTINUE && done.replied) checks->add({0, "FAIL", running(), "", "made a reply, and answered CONTINUE"});
  if (verdict == CLEAT_SUSPEND && !done.suspended) checks->add({0, "FAIL", running(), "", "answered SUSPEND without a ticket"});
}

template <class Call>
auto checked_call(Call&& call) {
  frame() = {};
  try {
    const allocations::Inside plugin(true);
    return call();
  } catch (...) {
    if (Checks* const checks = current_checks()) {
      checks->add(3, running(), "", "an exception left the plugin");
      checks->turn_over();
    }
    throw;  // the kernel says what it was
  }
}

void over() {
  if (Checks* const checks = current_checks()) checks->turn_over();
}

template <auto Member>
struct Entered;

template <class Table, class R, class... Args, R (*Table::*Member)(Args...)>
struct Entered<Member> {
  static R call(Args... args) {
    R (*const real)(Args...) = Half<Table>::of(original()).*Member;
    if constexpr (std::is_void_v<R>) {
      checked_call([&] { real(shown(args)...); });
      if constexpr (std::is_same_v<Entered<Member>, Entered<&cleat_plugin::on_end>>) {
        if (Checks* const checks = current_checks()) (note_end(*checks, args), ...);
      }
      over();
    } else {
      const R answer = checked_call([&] { return real(shown(args)...); });
      if constexpr (std::is_same_v<R, cleat_verdict>) judge(answer);
      over();
      return answer;
    }
  }

 private:
  static void note_end(Checks& checks, cleat_exchange x) { checks.exchange_ended(x); }
  static void note_end(Checks&, void*) {}
};

// --- states: what is given is seen, and may be another in its place ---

// As checked_call, without the memory that it asks for in its allocation of that number.
template <class Call>
cleat_status call_that_lacks(std::uint64_t number, Call&& call) {
  if (number == 0) return checked_call(call);
  struct Lack {
    ~Lack() {
      handover().failed = allocations::failed();
      allocations::fail_at(0);
    }
  } lack;
  allocations::fail_at(number);
  return checked_call(call);
}

cleat_status give(void* instance, std::uint64_t to, std::uint32_t* format) {
  cleat_status (*const real)(void*, std::uint64_t, std::uint32_t*) = original().handover.give;
  if (const std::optional<State>& instead = handover().instead) {
    *format = instead->format;
    return hooks::kHostHandover.write(to, hooks::to_str(instead->bytes));
  }
  handover().gave = CLEAT_FAILED;  // if it throws
  const cleat_status answer = call_that_lacks(handover().fail_give, [&] { return real(instance, to, format); });
  handover().gave = answer;
  over();
  return answer;
}

cleat_status take(void* instance, std::uint32_t format, cleat_str bytes) {
  cleat_status (*const real)(void*, std::uint32_t, cleat_str) = original().handover.take;
  handover().taken = {format, std::string(hooks::to_view(bytes))};
  handover().answered = CLEAT_FAILED;
  const cleat_str view{guard::show(hooks::to_view(bytes), "take", running(), kNoObject), bytes.size};
  const cleat_status answer = call_that_lacks(handover().fail_take, [&] { return real(instance, format, view); });
  handover().answered = answer;
  over();
  return answer;
}

}  // namespace

Handover& handover() {
  static Handover one;
  return one;
}

void check_tables(hooks::Instance& instance) {
  if (allocations::wanted()) allocations::watch();  // of the plugin's file, and what came with it
  auto kept = std::make_unique<Originals>();
  kept->table = instance.table;
  wrap_plugin<Entered>(instance.table);
  if (instance.handler != nullptr) {
    kept->handler = kept->checked_handler = *instance.handler;
    wrap_handler<Entered>(kept->checked_handler);
    instance.handler = &kept->checked_handler;
  }
  if (instance.handover != nullptr) {
    kept->handover = *instance.handover;
    kept->checked_handover = {sizeof(cleat_plugin_handover), 0, give, take};
    instance.handover = &kept->checked_handover;
  }
  All& known = all();
  const std::lock_guard lock(known.mutex);
  known.by_instance[&instance] = std::move(kept);
}

}  // namespace cleat::kit
