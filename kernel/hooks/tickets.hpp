// Tickets of suspended hooks: the one thing of an exchange that any thread may touch. An entry for each slot and lane of each
// worker holds the number of the ticket that is out, or 0. Who takes the number out of it may resume: exactly one does.
// Only the slot's own worker issues and drops. The table grows with the slots in use and is never given back; no locks.
#pragma once

#include <cstdint>

namespace cleat::hooks::tickets {

inline constexpr std::uint32_t kLanes = 4;           // of a slot: an exchange's Lane 0..2, and of a connection's slot:
inline constexpr std::uint32_t kConnectionLane = 3;

// [that worker] A ticket is out, in place of an earlier one of the lane. Called by cleat_host.suspend, and by nobody else: the
// ticket may have been used already when the hook returns. number != 0. generation: of the handle, given back by `claim`.
// False when there is no memory.
bool issue(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t generation);

// [that worker] The ticket that is out, if any, is worth nothing from now on: timed out, or its exchange has ended.
void drop(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane);

// [any] True for one caller only: the ticket was out, and now is not. `generation` is then set.
bool claim(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t& generation);

// [any] After a claim that could not be delivered: the ticket is out again, unless another took its place.
void restore(std::uint32_t worker, std::uint32_t slot, std::uint32_t lane, std::uint32_t number, std::uint32_t generation);

}  // namespace cleat::hooks::tickets
