// Guarded memory for views (rule 6): each view handed to a plugin is a copy that ends at the end of a page, with a page behind it that nobody may
// touch, and that is taken away when the view dies. Who touches it then is noted, and may go on: the page is given back for that one.
// Each thread has a region of its own, which it goes through in a ring. [the thread whose views they are]
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace cleat::kit::guard {

inline constexpr std::size_t kRegionBytes = 64 * 1024 * 1024;  // of one thread: as much of its past is remembered
inline constexpr std::size_t kHitsMax = 256;                   // that wait to be told; further ones are lost

struct Hit {
  const char* function;  // of the host, that handed the view out
  const char* hook;      // in which
  bool beyond;           // read past its end, while it lived
  bool write;
};

void begin();  // takes SIGSEGV; may be called again
void end();    // gives it back

// A copy that dies with `kill_all`; object: what `kill` finds it by. The names are static.
const char* show(std::string_view bytes, const char* function, const char* hook, std::uint64_t object);
void kill_all();
void kill(std::uint64_t object);
void tell(const std::function<void(const Hit&)>& to);  // [any] the hits since the last time

}  // namespace cleat::kit::guard
