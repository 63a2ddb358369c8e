#include "kernel/hooks/dispatch.hpp"

#include <ctime>
#include <exception>
#include <string>

#include "kernel/base/log.hpp"

namespace cleat::hooks {
namespace {

void store_add(std::uint64_t& counter, std::uint64_t by) {
  std::atomic_ref<std::uint64_t> shared(counter);
  shared.store(shared.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

void count_failure(Worker& worker, Instance& instance, Hook hook, const char* what) {
  store_add(instance.counters(worker.index, hook).failures, 1);
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

void sample_end(HookCounters& counters, std::uint64_t begin) {
  const std::uint64_t ns = sample_begin() - begin;
  store_add(counters.sampled, 1);
  store_add(counters.sampled_ns, ns);
  std::size_t bucket = 0;
  while (bucket + 1 < HookCounters::kBuckets && ns >> (bucket + 6) != 0) ++bucket;
  std::atomic_ref<std::uint32_t> times(counters.times[bucket]);
  times.store(times.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace cleat::hooks
