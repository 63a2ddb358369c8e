// Normalises a request target before routing and before any plugin sees it (RFC 3986 6.2.2): percent-triplets of unreserved
// characters decoded and the others made upper case, dot segments removed, slashes merged and %2F treated by policy. What
// cannot be made safe is refused. Pure; idempotent: normalising twice is normalising once.
#pragma once

#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/config/model.hpp"

namespace cleat::route {

struct NormalisedTarget {
  bool ok = false;
  const char* reason = "";      // when not ok: 400, such as "path climbs above the root"
  std::string_view target;      // path[?query]; the same view where nothing changed (the usual case: no copy)
};

// `target` in origin-form ("/..."), its characters already checked. The query is left as it is. "%00" is refused.
NormalisedTarget normalise_target(std::string_view target, const config::PathPolicy& policy, Arena& arena);

}  // namespace cleat::route
