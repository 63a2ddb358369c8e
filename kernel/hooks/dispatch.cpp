#include "kernel/hooks/dispatch.hpp"

#include <ctime>
#include <exception>
#include <string>

#include "kernel/base/log.hpp"

namespace cleat::hooks {
void count_failure(Worker& worker, Instance& instance, Hook hook, const char* what) {
  std::uint64_t& failures = instance.counters(worker.index, hook).failures;
  std::atomic_ref(failures).store(failures + 1, std::memory_order_relaxed);
  instance.quarantine.failed();
  log::write(log::Level::kWarn, "plugin/" + instance.name, std::string(hook_name(hook)) + ": " + what);
}

std::uint32_t report_caught(Worker& worker, Instance& instance, Hook hook) {
  try {
    throw;
  } catch (const std::exception& error) {
    count_failure(worker, instance, hook, (std::string("threw: ") + error.what()).c_str());
  } catch (...) {
    count_failure(worker, instance, hook, "threw: an exception of unknown type");
  }
  return CLEAT_FAIL;
}

std::uint32_t report_failure(Worker& worker, Instance& instance, Hook hook, std::uint32_t verdict) {
  if (verdict != CLEAT_FAIL) {
    count_failure(worker, instance, hook, ("answered " + std::to_string(verdict) + ", which is no verdict").c_str());
    return CLEAT_FAIL;
  }
  const std::string words = take_plugin_error();
  count_failure(worker, instance, hook, words.empty() ? "failed without saying why" : words.c_str());
  return CLEAT_FAIL;
}

std::uint64_t sample_begin() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

void sample_end(HookCounters& counters, std::uint64_t begin) { counters.took(sample_begin() - begin); }

}  // namespace cleat::hooks
