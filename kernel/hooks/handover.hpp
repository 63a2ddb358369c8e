// cleat.handover/1: what an instance knows, handed to the one of its name that takes its place.
#pragma once

#include <string>

#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {

struct State {
  std::string bytes;
  std::uint32_t format = 0;
  bool failed = false;                // a write was: what is there is no state
  cleat_status answer = CLEAT_OK;     // give's, which may also be CLEAT_NOT_FOUND where the outcome is good
};

// [control] One at a time. REQUIRES: `from` has the half.
CallOutcome give_state(Instance& from, State& state);

// [control] REQUIRES: both are created, and nobody has `to` yet. False with diagnostics, at `at`, where `to` refuses to begin without what it
// was to take; whatever else goes wrong is a warning, and it begins anew.
bool hand_over(Instance& from, Instance& to, const config::Node& at, config::Diagnostics& diagnostics);

}  // namespace cleat::hooks
