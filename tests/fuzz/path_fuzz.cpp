// Paths: normalising is idempotent, and what comes out has none of what it removes. The first byte chooses the policy.
#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/route/path.hpp"

namespace {

using cleat::config::PathPolicy;
using cleat::config::SlashPolicy;

void check_normal(std::string_view target, const PathPolicy& policy) {
  const std::string_view path = target.substr(0, target.find('?'));
  CLEAT_CHECK(!path.empty() && path.front() == '/');
  CLEAT_CHECK(!policy.merge_slashes || path.find("//") == std::string_view::npos);
  CLEAT_CHECK(path.find("%00") == std::string_view::npos);
  CLEAT_CHECK(policy.escaped_slashes == SlashPolicy::kKeep || path.find("%2F") == std::string_view::npos);
  for (std::size_t at = 0; at != std::string_view::npos; at = path.find('/', at + 1)) {
    const std::string_view segment = path.substr(at + 1, path.find('/', at + 1) - at - 1);
    CLEAT_CHECK(segment != "." && segment != "..");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const PathPolicy policy{(bytes[0] & 1) == 0, static_cast<SlashPolicy>(bytes[0] / 2 % 3)};
  const std::string target(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  cleat::BlockPool pool;
  cleat::Arena arena(pool);
  const auto once = cleat::route::normalise_target(target, policy, arena);
  if (!once.ok) return 0;
  const std::size_t mark = target.find('?');
  if (mark != std::string::npos) CLEAT_CHECK(once.target.ends_with(std::string_view(target).substr(mark)));
  CLEAT_CHECK(once.target.size() <= target.size());
  check_normal(once.target, policy);
  const auto twice = cleat::route::normalise_target(once.target, policy, arena);
  CLEAT_CHECK(twice.ok && twice.target == once.target);
  return 0;
}
