#include "kernel/hooks/hook_totals.hpp"

#include <atomic>
#include <map>
#include <mutex>

namespace cleat::hooks {
namespace {

using Totals = std::array<HookTotal, kHooks>;
using ByName = std::map<std::string, Totals, std::less<>>;

struct Ended {
  std::mutex mutex;  // also held while living instances are summed: one that ends is counted here or there, not both
  ByName names;
};

Ended& ended() {
  static auto* const all = new Ended;  // never destroyed: instances may outlive static destructors
  return *all;
}

template <class T>
std::uint64_t read(T& counter) {
  return std::atomic_ref(counter).load(std::memory_order_relaxed);
}

void add(const Instance& instance, Totals& totals) {
  for (const auto& shard : instance.shards) {
    for (std::size_t hook = 0; hook < kHooks; ++hook) {
      HookCounters& from = shard->hooks[hook];
      HookTotal& to = totals[hook];
      to.calls += read(from.calls);
      to.failures += read(from.failures);
      to.sampled_ns += read(from.sampled_ns);
      for (std::size_t i = 0; i < from.times.size(); ++i) to.times[i] += read(from.times[i]);
    }
  }
}

}  // namespace

std::vector<HookRow> hook_totals() {
  ByName all;
  {
    Ended& past = ended();
    const std::lock_guard lock(past.mutex);
    all = past.names;
    all_instances().each([&](const Instance& instance) {
      if (instance.created()) add(instance, all[instance.name]);
    });
  }
  std::vector<HookRow> rows;
  for (const auto& [name, totals] : all) {
    for (std::size_t hook = 0; hook < kHooks; ++hook) {
      if (totals[hook].calls != 0) rows.push_back({name, static_cast<Hook>(hook), totals[hook]});
    }
  }
  return rows;
}

void keep_totals(Instance& instance) {
  Ended& past = ended();
  const std::lock_guard lock(past.mutex);
  const bool known = past.names.size() < kEndedNamesMax || past.names.contains(instance.name);
  add(instance, past.names[known ? instance.name : "overflow"]);
  instance.end();
}

}  // namespace cleat::hooks
