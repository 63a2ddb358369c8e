#include "plugin_api/harness/src/measures.hpp"

#include <ctime>

#include "kernel/hooks/call_stamp.hpp"
#include "kernel/worker.hpp"
#include "plugin_api/harness/src/allocations.hpp"
#include "plugin_api/harness/src/plugin_members.hpp"

namespace cleat::kit {
namespace {

constexpr int kCalibrations = 100'000;

// Of the plugin that is measured: its latest instance's, and all instances of a file have the same.
cleat_plugin table{};
cleat_plugin_handler handler{}, measured_handler{};
HookMeasures all{};

const cleat_plugin& half(const cleat_plugin*) { return table; }
const cleat_plugin_handler& half(const cleat_plugin_handler*) { return handler; }

class Taken {
 public:
  Taken() : plugin_(true), before_(allocations::count()) { start_ = now_ns(); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  ~Taken() {
    const std::uint64_t took = now_ns() - start_;
    const Worker* const worker = Worker::current();
    if (worker == nullptr) return;
    HookMeasure& to = all[static_cast<std::size_t>(static_cast<hooks::Hook>(worker->stamp.hook))];
    ++to.calls;
    to.ns += took;
    to.allocations += allocations::count() - before_;
  }

 private:
  const allocations::Inside plugin_;
  const std::uint64_t before_;
  std::uint64_t start_;
};

template <auto Member>
struct Measured;

template <class Table, class R, class... Args, R (*Table::*Member)(Args...)>
struct Measured<Member> {
  static R call(Args... args) {
    R (*const real)(Args...) = half(static_cast<const Table*>(nullptr)).*Member;
    const Taken taken;
    return real(args...);
  }
};

}  // namespace

std::uint64_t now_ns() {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

HookMeasures& measures() { return all; }

double clock_ns() {
  std::uint64_t sum = 0;
  for (int i = 0; i < kCalibrations; ++i) {
    const std::uint64_t start = now_ns();
    sum += now_ns() - start;
  }
  return static_cast<double>(sum) / kCalibrations;
}

void measure_tables(hooks::Instance& instance) {
  if (allocations::wanted()) allocations::watch();
  table = instance.table;
  wrap_plugin<Measured>(instance.table);
  if (instance.handler == nullptr) return;
  handler = measured_handler = *instance.handler;
  wrap_handler<Measured>(measured_handler);
  instance.handler = &measured_handler;
}

}  // namespace cleat::kit
