#include "kernel/hooks/quarantine.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/events.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::hooks {
namespace {

constexpr std::uint64_t kSeriesMax = 10'000;

metrics::MetricId gauge() {
  static const metrics::MetricId id = metrics::define_own(
      metrics::Kind::kGauge, "cleat_plugin_quarantined", "1 while the instance is taken out for failing or stalling too often.", {"instance"}, kSeriesMax);
  return id;
}

metrics::MetricId counter() {
  static const metrics::MetricId id =
      metrics::define_own(metrics::Kind::kCounter, "cleat_plugin_quarantines_total", "How often the instance was taken out.", {"instance"}, kSeriesMax);
  return id;
}

}  // namespace

std::atomic<std::uint32_t> quarantined{0};

Quarantine::~Quarantine() {
  if (!out()) return;
  quarantined.fetch_sub(1, std::memory_order_relaxed);
  metrics::add(gauge_, -1);
}

void Quarantine::define_metrics() {
  gauge();
  counter();
}

void Quarantine::begin(std::string instance, const config::Quarantine& policy) {
  instance_ = std::move(instance);
  policy_ = policy;
  gauge_ = metrics::own_series(gauge(), {instance_});
  count_ = metrics::own_series(counter(), {instance_});
}

QuarantineState Quarantine::state() const {
  const std::uint64_t now = monotonic_ms();
  const std::lock_guard lock(mutex_);
  const std::uint64_t from = now - std::min(now, ms(policy_.window));
  const auto within = [from](const Times& times) { return static_cast<std::size_t>(times.end() - std::lower_bound(times.begin(), times.end(), from)); };
  return {.out = out(),
          .since_unix_us = since_unix_us_,
          .until_unix_us = since_unix_us_ + (until_ms_ - since_ms_) * 1000,
          .times = times_,
          .failures = within(failures_),
          .stalls = within(stalls_)};
}

void Quarantine::note(Times& times, std::uint32_t most, std::string_view what) {
  if (most == 0) return;
  const std::lock_guard lock(mutex_);
  if (out()) return;
  const std::uint64_t now = monotonic_ms();
  times.push_back(now);
  if (times.size() > most) times.pop_front();
  if (times.size() < most || now - times.front() > ms(policy_.window)) return;
  take_out(now, std::to_string(most) + " " + std::string(what) + " within " + std::to_string(now - times.front()) + " ms");
}

// REQUIRES: the lock is held, as does take_back.
void Quarantine::take_out(std::uint64_t now, std::string_view why) {
  // Soon: before it has been good for as long as it was out.
  const bool again = times_ != 0 && lasts_ms_ != 0 && now - back_ms_ < std::max(lasts_ms_, ms(policy_.window));
  lasts_ms_ = std::min(again ? 2 * lasts_ms_ : ms(policy_.backoff), std::max(kQuarantineMsMax, ms(policy_.backoff)));
  since_ms_ = now;
  since_unix_us_ = unix_us();
  until_ms_ = now + lasts_ms_;
  ++times_;
  out_.store(true, std::memory_order_relaxed);
  quarantined.fetch_add(1, std::memory_order_relaxed);
  metrics::add(gauge_, 1);
  metrics::add(count_, 1);
  log::write(log::Level::kError, "plugin/" + instance_,
             "taken out for " + std::to_string(lasts_ms_) + " ms: " + std::string(why) + "; what has begun goes on with it");
  publish_event("cleat.instance.quarantined", "instance=" + instance_);
}

void Quarantine::take_back(std::uint64_t now, std::string_view why) {
  out_.store(false, std::memory_order_relaxed);
  quarantined.fetch_sub(1, std::memory_order_relaxed);
  metrics::add(gauge_, -1);
  until_ms_ = back_ms_ = now;
  failures_.clear();
  stalls_.clear();
  log::write(log::Level::kWarn, "plugin/" + instance_, "takes part again: " + std::string(why));
  publish_event("cleat.instance.restored", "instance=" + instance_);
}

void Quarantine::end_if_due() {
  if (!out()) return;
  const std::uint64_t now = monotonic_ms();
  const std::lock_guard lock(mutex_);
  if (out() && now >= until_ms_) take_back(now, "its time is over");
}

bool Quarantine::restore() {
  const std::lock_guard lock(mutex_);
  if (!out()) return false;
  take_back(monotonic_ms(), "told so");
  lasts_ms_ = 0;  // as if it never had been out
  return true;
}

const Instance* leave_out_quarantined(Exchange& x, std::uint64_t missed) {
  const Instance* missing = nullptr;
  const auto& instances = x.chain().instances;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    if (!instances[i]->quarantine.out() && (missed >> i & 1) == 0) continue;
    x.unsubscribed |= std::uint64_t{1} << i;
    if (missing == nullptr && !instances[i]->fail_open) missing = instances[i];
  }
  return missing;
}

void end_due_quarantines() {
  if (!any_quarantined()) return;
  all_instances().each([](Instance& instance) { instance.quarantine.end_if_due(); });
}

bool restore_instance(std::string_view name) {
  bool found = false;
  all_instances().each([&](Instance& instance) {
    if (instance.created() && instance.name == name && instance.quarantine.restore()) found = true;
  });
  return found;
}

}  // namespace cleat::hooks
