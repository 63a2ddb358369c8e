#include "kernel/base/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace cleat {
namespace {

// The fields of /proc/self/stat after the command's name, from the state on: proc(5) numbers it 3.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');  // the name may hold anything
  std::istringstream rest(name_end == std::string::npos ? std::string() : line.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

std::uint64_t count_descriptors() {
  std::error_code failure;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failure), end; !failure && at != end; at.increment(failure)) ++count;
  return count == 0 ? 0 : count - 1;  // the one this took
}

}  // namespace

ProcessFacts process_facts() {
  ProcessFacts facts;
  facts.descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.descriptors_max = limit.rlim_cur;
  const std::vector<std::string> fields = stat_fields();
  const auto field = [&](std::size_t number) { return fields.size() > number - 3 ? std::strtoull(fields[number - 3].c_str(), nullptr, 10) : 0; };
  const auto ticks_s = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  if (fields.empty() || ticks_s == 0) return facts;
  facts.cpu_us = (field(14) + field(15)) * (1'000'000 / ticks_s);
  facts.threads = field(20);
  facts.virtual_bytes = field(23);
  facts.resident_bytes = field(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  facts.start_unix_s = std::time(nullptr) - since_boot.tv_sec + static_cast<std::int64_t>(field(22) / ticks_s);
  return facts;
}

}  // namespace cleat
