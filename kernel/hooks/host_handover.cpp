// cleat.handover/1: one state at a time, in memory for as long as it takes to hand it on. Control thread.
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/hooks/handover.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

constexpr std::size_t kStateBytesMax = 64 * 1024 * 1024;

State* giving = nullptr;  // what the give that runs writes
std::uint64_t gives = 0;  // the handle of the one that runs is their number

cleat_status handover_write(std::uint64_t handover, cleat_str bytes) {
  if (!on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "write: a state is given on the control thread");
  if (giving == nullptr || handover != gives) return fail_call(CLEAT_STALE, "write: no give with this handle is running");
  State& state = *giving;
  const bool failed = std::exchange(state.failed, true);
  if (bad(bytes)) return fail_call(CLEAT_INVALID, "write: the bytes are NULL");
  if (bytes.size > kStateBytesMax - state.bytes.size()) return fail_call(CLEAT_LIMIT, "write: a state is at most 64 MiB");
  return guarded([&]() -> cleat_status {
    state.bytes.append(to_view(bytes));
    state.failed = failed;
    return CLEAT_OK;
  });
}

std::string because(const CallOutcome& outcome) {
  return outcome.words.empty() ? "without saying why (status " + std::to_string(outcome.status) + ")" : outcome.words;
}

}  // namespace

const cleat_host_handover kHostHandover = {.size = sizeof(cleat_host_handover), .reserved = 0, .write = handover_write};

CallOutcome give_state(Instance& from, State& state) {
  giving = &state;
  ++gives;
  CallOutcome given = call_plugin(&from, Hook::kGive, [&] {
    state.answer = from.handover->give(from.self, gives, &state.format);
    if (state.answer == CLEAT_OK && state.failed) state.answer = CLEAT_FAILED, set_call_error("it went on after a write had failed");
    return state.answer == CLEAT_NOT_FOUND ? CLEAT_OK : state.answer;
  });
  giving = nullptr;
  return given;
}

bool hand_over(Instance& from, Instance& to, const config::Node& at, config::Diagnostics& diagnostics) {
  if (from.handover == nullptr || to.handover == nullptr || from.note.name != to.note.name) return true;
  const auto say = [&](log::Level level, const std::string& text) { log::write(level, "plugin/" + to.name, text); };
  if (from.quarantine.out()) {
    say(log::Level::kWarn, "it begins anew: the instance before it is in quarantine");
    return true;
  }
  State state;
  const CallOutcome given = give_state(from, state);
  if (!given.ok()) say(log::Level::kWarn, "it begins anew: give of the instance before it failed: " + because(given));
  if (!given.ok() || state.answer == CLEAT_NOT_FOUND) return true;
  const std::string what = std::to_string(state.bytes.size()) + " bytes of state, format " + std::to_string(state.format);
  cleat_status answer = CLEAT_OK;
  CallOutcome taken = call_plugin(&to, Hook::kTake, [&] {
    answer = to.handover->take(to.self, state.format, to_str(state.bytes));
    return answer == CLEAT_UNSUPPORTED ? CLEAT_OK : answer;
  });
  if (!taken.ok()) {
    diagnostics.error(at, "take of " + what + ", failed: " + because(taken));
  } else if (answer == CLEAT_UNSUPPORTED) {
    say(log::Level::kWarn, "it begins anew: it cannot use " + what + (taken.words.empty() ? "" : ": " + taken.words));
  } else {
    say(log::Level::kInfo, "took over " + what);
  }
  return taken.ok();
}

}  // namespace cleat::hooks
