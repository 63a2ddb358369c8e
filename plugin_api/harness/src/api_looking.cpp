// The C interface: time, the process, and what can be looked at.
#include "kernel/base/metrics.hpp"
#include "kernel/events.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "plugin_api/harness/src/api.hpp"
#include "plugin_api/harness/src/text.hpp"

using namespace cleat;
using namespace cleat::kit;

namespace {

std::uint64_t hook_total(const cleat_harness* h, const char* hook, bool failures) {
  std::uint64_t sum = 0;
  if (h == nullptr || h->host == nullptr || hook == nullptr) return 0;
  for (const hooks::HookRow& row : hooks::hook_totals()) {
    if (hooks::hook_name(row.hook) == hook) sum += failures ? row.total.failures : row.total.calls;
  }
  const std::string key = std::string(failures ? "f" : "c") + hook;
  const auto before = h->host->totals_before.find(key);
  return sum - (before == h->host->totals_before.end() ? 0 : before->second);
}

}  // namespace

// --- time, threads, the process ---

cleat_status cleat_harness_step(cleat_harness* h, uint64_t ms) {
  return guarded(h, [&](Host& host) -> cleat_status {
    if (ms > Host::kStepMaxMs) return failed(h, CLEAT_LIMIT, "at most a day");
    host.step(ms);
    return CLEAT_OK;
  });
}

uint64_t cleat_harness_now_ms(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->now_ms(); }

cleat_status cleat_harness_wait(cleat_harness* h, uint64_t real_ms_max) {
  return guarded(h, [&](Host& host) { return host.wait(std::chrono::milliseconds(real_ms_max)) ? CLEAT_OK : CLEAT_NOT_FOUND; });
}

cleat_status cleat_harness_reopen(cleat_harness* h) {
  return guarded(h, [](Host& host) {
    host.event(CLEAT_EVENT_REOPEN, "cleat.reopen", {});
    return CLEAT_OK;
  });
}

cleat_status cleat_harness_event(cleat_harness* h, cleat_str name, cleat_str data) {
  return guarded(h, [&](Host& host) -> cleat_status {
    if (!valid_event_name(to_view(name))) return failed(h, CLEAT_INVALID, "not a name of an event");
    const bool taken = publish_event(to_view(name), to_view(data));
    host.step(0);
    return taken ? CLEAT_OK : failed(h, CLEAT_LIMIT, "the event was dropped");
  });
}

cleat_status cleat_harness_drain(cleat_harness* h) {
  return guarded(h, [](Host& host) {
    switch (host.ask(hooks::Hook::kDrain, &cleat_plugin::on_drain)) {
      case Host::Asked::kDone: return CLEAT_OK;
      case Host::Asked::kOwed: return CLEAT_NOT_FOUND;
      default: return CLEAT_UNSUPPORTED;
    }
  });
}

// --- looking ---

cleat_status cleat_harness_metric(cleat_harness* h, const char* name, const char* labels, int64_t* value) {
  if (h == nullptr || h->host == nullptr || name == nullptr || value == nullptr) return CLEAT_INVALID;
  const auto wanted = pairs_of(labels == nullptr ? "" : labels);
  bool found = false;
  std::int64_t sum = 0;
  metrics::visit([&](const metrics::View& view) {
    if (view.definition->name != name) return;
    for (const auto& [label, text] : wanted) {
      const auto& names = view.definition->labels;
      const auto at = std::find(names.begin(), names.end(), label);
      if (at == names.end() || (*view.label_values)[static_cast<std::size_t>(at - names.begin())] != text) return;
    }
    found = true;
    if (view.definition->kind != metrics::Kind::kHistogram) {
      sum += view.value;
    } else {
      for (const std::uint64_t bucket : view.buckets) sum += static_cast<std::int64_t>(bucket);
    }
  });
  *value = sum;
  return found ? CLEAT_OK : failed(h, CLEAT_NOT_FOUND, "no such metric, or no such series");
}

cleat_status cleat_harness_metadata(cleat_harness* h, uint64_t exchange, const char* key, cleat_str* value) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ExchangeRecord* const record = exchange_of(host, exchange);
    std::uint32_t number = 0;
    if (record == nullptr || key == nullptr || value == nullptr) return failed(h, CLEAT_INVALID, "no such exchange, or no key");
    if (hooks::metadata_key(to_str(key), &number) != CLEAT_OK) return failed(h, CLEAT_INVALID, "not a name of a key");
    if (record->exchange != nullptr) keep_metadata(*record->exchange, *record);
    const auto found = record->metadata.find(number);
    if (found == record->metadata.end()) return failed(h, CLEAT_NOT_FOUND, "it is not set");
    *value = to_str(found->second);
    return CLEAT_OK;
  });
}

uint64_t cleat_harness_calls(cleat_harness* h, const char* hook) { return hook_total(h, hook, false); }
uint64_t cleat_harness_failures(cleat_harness* h, const char* hook) { return hook_total(h, hook, true); }

uint64_t cleat_harness_log_count(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->lines(); }

cleat_status cleat_harness_log(const cleat_harness* h, uint64_t index, cleat_harness_line* line) {
  const LogLine* const found = h == nullptr || h->host == nullptr ? nullptr : h->host->line(index);
  if (found == nullptr) return CLEAT_NOT_FOUND;
  cleat_harness_line made{0, found->level, to_str(found->source), to_str(found->text)};
  return give(made, line);
}

uint64_t cleat_harness_finding_count(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->checks.count(); }

cleat_status cleat_harness_finding_get(const cleat_harness* h, uint64_t index, cleat_harness_finding* finding) {
  const Finding* const found = h == nullptr || h->host == nullptr ? nullptr : h->host->checks.at(index);
  if (found == nullptr) return CLEAT_NOT_FOUND;
  cleat_harness_finding made{0, found->rule, to_str(found->section), to_str(found->hook), to_str(found->function), to_str(found->text)};
  return give(made, finding);
}
