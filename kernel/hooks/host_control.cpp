// cleat.control/1: what may be asked of the server, and the way back of its answers: as tasks of the control thread, to an instance that
// still is.
#include "kernel/base/log.hpp"
#include "kernel/control.hpp"
#include "kernel/describe.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

static_assert(static_cast<std::uint32_t>(ServerState::kStarting) == CLEAT_STATE_STARTING);
static_assert(static_cast<std::uint32_t>(ServerState::kServing) == CLEAT_STATE_SERVING);
static_assert(static_cast<std::uint32_t>(ServerState::kDraining) == CLEAT_STATE_DRAINING);
static_assert(static_cast<std::uint32_t>(ServerState::kStopping) == CLEAT_STATE_STOPPING);

constexpr std::size_t kTopicBytesMax = 256;  // of what is asked for: topics and instances' names are shorter

struct Question {
  cleat_instance instance;
  cleat_control_fn fn;
  void* user;
};

void answer(const Question& to, cleat_status status, std::string_view text) {
  Instance* const instance = find_created(to.instance);
  if (instance == nullptr) return;
  const CallOutcome outcome = call_plugin(instance, Hook::kPost, [&] {
    to.fn(instance->self, status, to_str(text), to.user);
    return CLEAT_OK;
  });
  if (!outcome.ok()) log::write(log::Level::kWarn, "plugin/" + instance->name, "the answer of cleat.control: " + outcome.words);
}

cleat_status check(cleat_instance self, std::string_view what) {
  if (const InstancePin instance(self); instance) return CLEAT_OK;
  return fail_call(CLEAT_STALE, std::string(what) + ": no such instance");
}

cleat_status full(std::string_view what) { return fail_call(CLEAT_LIMIT, std::string(what) + ": the control thread's queue is full"); }

// A question about something that has a name: `find` runs on the control thread.
template <class Find>
cleat_status ask(const char* what, const Question& question, cleat_str name, Find find) {
  if (const cleat_status wrong = check(question.instance, what)) return wrong;
  if (question.fn == nullptr || bad(name)) return fail_call(CLEAT_INVALID, std::string(what) + ": a pointer is NULL");
  if (name.size > kTopicBytesMax) return fail_call(CLEAT_INVALID, std::string(what) + ": the name is too long");
  return guarded([&]() -> cleat_status {
    const bool posted = post_to_control([question, find, asked = std::string(to_view(name))] { find(question, asked); });
    return posted ? CLEAT_OK : full(what);
  });
}

cleat_status control_state(std::uint32_t* state) {
  if (state == nullptr) return fail_call(CLEAT_INVALID, "state: the output is NULL");
  *state = static_cast<std::uint32_t>(server_state());
  return CLEAT_OK;
}

cleat_status control_reload(cleat_instance self, cleat_control_fn fn, void* user) {
  if (const cleat_status wrong = check(self, "reload")) return wrong;
  if (fn == nullptr) return fail_call(CLEAT_INVALID, "reload: the callback is NULL");
  return guarded([&]() -> cleat_status {
    const Question question{self, fn, user};
    const bool asked = request_reload([question](bool ok, const std::string& text) { answer(question, ok ? CLEAT_OK : CLEAT_FAILED, text); });
    return asked ? CLEAT_OK : full("reload");
  });
}

cleat_status control_drain(cleat_instance self) {
  if (const cleat_status wrong = check(self, "drain")) return wrong;
  return guarded([]() -> cleat_status { return request_drain() ? CLEAT_OK : full("drain"); });
}

cleat_status control_restore(cleat_instance self, cleat_str instance, cleat_control_fn fn, void* user) {
  return ask("restore", {self, fn, user}, instance, [](const Question& question, const std::string& name) {
    if (restore_instance(name)) return answer(question, CLEAT_OK, {});
    const std::shared_ptr<Generation> generation = current_generation();
    if (generation == nullptr || generation->instance(name) == nullptr) {
      answer(question, CLEAT_NOT_FOUND, "there is no plugin instance of this name");
    } else {
      answer(question, CLEAT_WRONG_PHASE, "the plugin instance is not in quarantine");
    }
  });
}

cleat_status control_log_level_get(std::uint32_t* level) {
  if (level == nullptr) return fail_call(CLEAT_INVALID, "log_level_get: the output is NULL");
  *level = static_cast<std::uint32_t>(log::level());
  return CLEAT_OK;
}

cleat_status control_log_level_set(cleat_instance self, std::uint32_t level) {
  if (const cleat_status wrong = check(self, "log_level_set")) return wrong;
  if (level > CLEAT_ERROR) return fail_call(CLEAT_INVALID, "log_level_set: there is no such level");
  log::set_level(static_cast<log::Level>(level));
  return CLEAT_OK;
}

cleat_status control_describe(cleat_instance self, cleat_str topic, cleat_control_fn fn, void* user) {
  return ask("describe", {self, fn, user}, topic, [](const Question& question, const std::string& name) {
    if (const std::optional<std::string> text = describe(name)) {
      answer(question, CLEAT_OK, *text);
    } else {
      answer(question, CLEAT_NOT_FOUND, "there is no such topic");
    }
  });
}

}  // namespace

const cleat_host_control kHostControl = {
    .size = sizeof(cleat_host_control),
    .reserved = 0,
    .state = control_state,
    .reload = control_reload,
    .drain = control_drain,
    .restore = control_restore,
    .log_level_get = control_log_level_get,
    .log_level_set = control_log_level_set,
    .describe = control_describe,
};

}  // namespace cleat::hooks
