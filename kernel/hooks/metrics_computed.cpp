// Metrics that nobody counts: read when somebody looks. The process, its version, and what clusters have of endpoints. Any thread.
#include <array>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "kernel/base/process.hpp"
#include "kernel/generation.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/note.hpp"

namespace cleat::hooks {
namespace {

struct Visitor {
  void (*fn)(void* user, const cleat_metric_view* view);
  void* user;
  void show(std::uint32_t kind, std::string_view name, std::string_view help, std::initializer_list<cleat_header> labels,
            std::uint64_t value) const {
    const cleat_metric_view view = {.size = sizeof(cleat_metric_view),
                                    .kind = kind,
                                    .name = to_str(name),
                                    .help = to_str(help),
                                    .labels = labels.begin(),
                                    .label_count = labels.size(),
                                    .value = static_cast<std::int64_t>(value),
                                    .bounds = nullptr,
                                    .buckets = nullptr,
                                    .bound_count = 0};
    fn(user, &view);
  }
};

void visit_process(const Visitor& visitor) {
  const ProcessFacts facts = process_facts();
  const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) { visitor.show(CLEAT_GAUGE, name, help, {}, value); };
  gauge("process_resident_memory_bytes", "Resident memory.", facts.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory.", facts.virtual_bytes);
  gauge("process_open_fds", "Open descriptors.", facts.descriptors);
  gauge("process_max_fds", "Most descriptors there may be.", facts.descriptors_max);
  gauge("process_threads", "Threads.", facts.threads);
  gauge("process_start_time_seconds", "Start of the process, since the epoch.", static_cast<std::uint64_t>(facts.start_unix_s));
  visitor.show(CLEAT_COUNTER, "process_cpu_microseconds_total", "Processor time, user and system.", {}, facts.cpu_us);
  const std::string abi = abi_text(kHostAbi);
  visitor.show(CLEAT_GAUGE, "cleat_build_info", "Always 1: the version is in the labels.",
               {{to_str("version"), to_str(CLEAT_VERSION)}, {to_str("abi"), to_str(abi)}}, 1);
}

// Of several sets of one cluster that live beside each other, the newest.
void visit_endpoints(const Visitor& visitor) {
  struct Count {
    std::uint64_t handle = 0, healthy = 0, unhealthy = 0;
  };
  std::map<std::string, Count> counts;  // copied: a set is not held across a call into a plugin
  endpoint_sets().each([&](const EndpointSet& set) {
    Count& count = counts[set.cluster];
    if (set.handle < count.handle) return;
    count = {.handle = set.handle};
    for (const auto& member : set.members) ++(member.endpoint->healthy.load(std::memory_order_relaxed) ? count.healthy : count.unhealthy);
  });
  for (const auto& [name, count] : counts) {
    for (const auto& [state, value] : {std::pair("healthy", count.healthy), std::pair("unhealthy", count.unhealthy)}) {
      visitor.show(CLEAT_GAUGE, "cleat_upstream_endpoints", "Endpoints of a cluster, by health.",
                   {{to_str("cluster"), to_str(name)}, {to_str("state"), to_str(state)}}, value);
    }
  }
}

}  // namespace

void visit_computed(void (*fn)(void* user, const cleat_metric_view* view), void* user) {
  const Visitor visitor{fn, user};
  visit_endpoints(visitor);
  visit_process(visitor);
}

}  // namespace cleat::hooks
