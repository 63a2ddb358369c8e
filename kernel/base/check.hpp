// CHECK: a broken invariant of our own ends the process, in every build. Never for what a peer, a file or a plugin can cause.
#pragma once

namespace cleat {

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace cleat

#define CLEAT_CHECK(expression) \
  (__builtin_expect(static_cast<bool>(expression), 1) ? void(0) : ::cleat::check_failed(#expression, __FILE__, __LINE__))
