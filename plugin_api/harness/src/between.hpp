// What the two sides of a checking host share: which call into the plugin is running on this thread, and what it has done so far.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cleat::kit {

struct Frame {
  bool replied = false;    // cleat_host.reply answered CLEAT_OK
  bool suspended = false;  // cleat_host.suspend did
  char why[256] = {};      // what cleat_host.set_error was told last, or the beginning of it
};

Frame& frame();            // of this thread; begun anew with each call into the plugin
const char* running();     // "on_request"; static

// States that instances hand over (cleat.handover/1). [control]
struct State {
  std::uint32_t format = 0;
  std::string bytes;
};
struct Handover {
  std::optional<State> instead;          // what the next instances get in place of what give writes; it is not called then
  std::optional<std::int32_t> gave;      // what the latest give answered
  std::optional<std::int32_t> answered;  // what the latest take answered
  State taken;                           // and what it was shown
  std::uint64_t fail_give = 0;           // which allocation of the next gives is to fail; 0: none
  std::uint64_t fail_take = 0;           // and of the next takes
  bool failed = false;                   // one did, of the latest give or take that was to have one
};
Handover& handover();

// Of the bytes of views: what `guard::kill` is told when their object is changed.
constexpr std::uint64_t kNoObject = 0;
constexpr std::uint64_t body_object(std::uint64_t x, std::uint32_t part) { return x * 8 + part + 1; }

}  // namespace cleat::kit
