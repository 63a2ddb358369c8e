// What an instance knows of names, as bytes for the one that takes its place (cleat.handover/1). Pure. Read with suspicion, as an answer is: another
// version may have written it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "answer.hpp"

namespace dns {

inline constexpr std::uint32_t kStateFormat = 1;  // another number wherever the bytes come to mean something else

// A name's records by the last good answer; none: it has none of that type.
struct Known {
  std::string name;                // canonical
  Type type = Type::kA;
  std::vector<Record> records;
  std::uint64_t next_ms = 0;       // when it is to be asked for again, of CLOCK_MONOTONIC: both instances are of one process
  bool operator==(const Known&) const = default;
};

struct State {
  std::string servers;             // that were asked, as configured; empty: the system's
  std::vector<Known> names;
};

// At most `bytes_max`: names that do not fit are left out.
std::string encode(const State& state, std::size_t bytes_max);
// Nothing where anything is not as encode writes it.
std::optional<State> decode(std::string_view bytes);

}  // namespace dns
