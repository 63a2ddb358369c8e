// cleat.handover/1: what an instance knows, handed to the one of its name that takes its place.
#pragma once

#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {

// [control] REQUIRES: both are created, and nobody has `to` yet. False with diagnostics, at `at`, where `to` refuses to begin without what it
// was to take; whatever else goes wrong is a warning, and it begins anew.
bool hand_over(Instance& from, Instance& to, const config::Node& at, config::Diagnostics& diagnostics);

}  // namespace cleat::hooks
