#include "kernel/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace cleat {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "cleat: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace cleat
