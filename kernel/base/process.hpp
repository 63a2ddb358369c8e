// What the system says of this process. Any thread; reads /proc, a file for each descriptor counted: not for the data path.
#pragma once

#include <cstdint>

namespace cleat {

struct ProcessFacts {  // 0 where the system does not say
  std::uint64_t resident_bytes = 0, virtual_bytes = 0;
  std::uint64_t descriptors = 0, descriptors_max = 0;
  std::uint64_t threads = 0;
  std::uint64_t cpu_us = 0;  // user and system
  std::int64_t start_unix_s = 0;
};
ProcessFacts process_facts();

}  // namespace cleat
