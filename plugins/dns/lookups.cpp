#include "lookups.hpp"

#include <algorithm>
#include <utility>

namespace dns {

namespace {

std::uint64_t ms(milliseconds d) { return static_cast<std::uint64_t>(d.count()); }

}  // namespace

std::string endpoint_text(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Lookups::Lookups(const Settings& settings, Publish publish, std::function<std::uint32_t()> random)
    : settings_(settings), publish_(std::move(publish)), random_(std::move(random)) {}

void Lookups::watch(std::uint64_t id, std::string cluster, const Wanted& wanted, std::uint64_t now_ms) {
  newest_[cluster] = id;
  Watch& watch = watches_[id];
  watch.cluster = std::move(cluster);
  watch.wanted = wanted;
  refresh(id, watch, now_ms);
}

void Lookups::unwatch(std::uint64_t id) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  for (const Key& key : found->second.needs) release(key, id);
  const auto newest = newest_.find(found->second.cluster);
  if (newest != newest_.end() && newest->second == id) newest_.erase(newest);
  watches_.erase(found);
}

std::vector<Key> Lookups::take_due(std::uint64_t now_ms) {
  std::vector<Key> due;
  for (auto& [key, lookup] : lookups_) {
    if (under_way_ >= kInFlightMax) break;
    if (lookup.under_way || lookup.next_ms > now_ms) continue;
    lookup.under_way = true;
    ++under_way_;
    due.push_back(key);
  }
  return due;
}

std::uint64_t Lookups::next_due_ms() const {
  std::uint64_t next = UINT64_MAX;
  if (under_way_ >= kInFlightMax) return next;
  for (const auto& [key, lookup] : lookups_) {
    if (!lookup.under_way) next = std::min(next, lookup.next_ms);
  }
  return next;
}

void Lookups::answered(const Key& key, const Answer& answer, std::uint64_t now_ms) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  if (answer.kind != Answer::Kind::kRecords && answer.kind != Answer::Kind::kNoRecords) return failed(key, now_ms);
  Lookup& lookup = found->second;
  lookup.records = answer.records;
  lookup.failures = 0;
  const std::uint64_t holds = answer.kind == Answer::Kind::kRecords ? std::uint64_t{answer.ttl_s} * 1'000 : kNoneMs;
  lookup.next_ms = now_ms + std::clamp(holds, ms(settings_.ttl_min), ms(settings_.ttl_max));
  settle(key, now_ms);
}

void Lookups::failed(const Key& key, std::uint64_t now_ms) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  Lookup& lookup = found->second;
  const std::uint32_t doublings = std::min<std::uint32_t>(lookup.failures++, 20);
  const std::uint64_t wait = std::min(ms(settings_.retry_min) << doublings, ms(settings_.retry_max));
  lookup.next_ms = now_ms + wait - random_() % (wait / 4 + 1);  // what failed together does not come back together
  settle(key, now_ms);
}

// A query is over. The lookup may be gone when this returns.
void Lookups::settle(const Key& key, std::uint64_t now_ms) {
  Lookup& lookup = lookups_.at(key);
  if (std::exchange(lookup.under_way, false)) --under_way_;
  lookup.settled = true;
  if (lookup.watches.empty()) {
    lookups_.erase(key);
    return;
  }
  const std::set<std::uint64_t> watches = lookup.watches;
  for (const std::uint64_t id : watches) refresh(id, watches_.at(id), now_ms);
}

std::size_t Lookups::stale() const {
  return static_cast<std::size_t>(std::count_if(lookups_.begin(), lookups_.end(), [](const auto& one) { return one.second.failures != 0; }));
}

const Lookups::Lookup* Lookups::find(const Key& key) const {
  const auto found = lookups_.find(key);
  return found == lookups_.end() ? nullptr : &found->second;
}

void Lookups::release(const Key& key, std::uint64_t id) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  found->second.watches.erase(id);
  if (found->second.watches.empty() && !found->second.under_way) lookups_.erase(found);  // else its answer ends it
}

void Lookups::refresh(std::uint64_t id, Watch& watch, std::uint64_t now_ms) {
  std::set<Key> needs = needs_of(watch);
  for (const Key& key : needs) {
    Lookup& lookup = lookups_[key];
    if (lookup.watches.insert(id).second && !lookup.settled && !lookup.under_way) lookup.next_ms = now_ms;
  }
  const std::set<Key> before = std::exchange(watch.needs, std::move(needs));
  for (const Key& key : before) {
    if (!watch.needs.contains(key)) release(key, id);
  }
  // The first list waits for all that belongs to it; later ones are made of what is known.
  const auto open = [&](const Key& key) { return !find(key)->settled; };
  if (watch.published.empty() && std::any_of(watch.needs.begin(), watch.needs.end(), open)) return;
  if (newest_[watch.cluster] != id) return;
  std::vector<Target> targets = targets_of(watch);
  if (targets.empty() || targets == watch.published) return;  // what was known last stays
  watch.published = targets;
  publish_(watch.cluster, targets);
}

void Lookups::add_host_keys(const std::string& name, Family family, std::set<Key>& keys) const {
  if (family != Family::kV6) keys.insert({name, Type::kA});
  if (family != Family::kV4) keys.insert({name, Type::kAAAA});
}

std::set<Key> Lookups::needs_of(const Watch& watch) const {
  std::set<Key> keys;
  if (!watch.wanted.srv) {
    add_host_keys(watch.wanted.name, watch.wanted.family, keys);
    return keys;
  }
  const Key services{watch.wanted.name, Type::kSrv};
  keys.insert(services);
  if (const Lookup* const known = find(services)) {
    for (const Record& one : known->records) add_host_keys(one.address, watch.wanted.family, keys);
  }
  return keys;
}

std::vector<std::string> Lookups::addresses(const std::string& name, Family family) const {
  std::vector<std::string> all;
  const auto take = [&](Type type) {
    if (const Lookup* const known = find({name, type})) {
      for (const Record& one : known->records) all.push_back(one.address);
    }
  };
  const bool v6_first = family == Family::kPreferV6 || family == Family::kV6;
  take(v6_first ? Type::kAAAA : Type::kA);
  const bool prefers = family == Family::kPreferV4 || family == Family::kPreferV6;
  if (family == Family::kAll || (prefers && all.empty())) take(v6_first ? Type::kA : Type::kAAAA);
  return all;
}

std::vector<Target> Lookups::targets_of(const Watch& watch) const {
  std::vector<Target> targets;
  if (!watch.wanted.srv) {
    for (const std::string& address : addresses(watch.wanted.name, watch.wanted.family)) targets.push_back({endpoint_text(address, watch.wanted.port), 1});
  } else if (const Lookup* const services = find({watch.wanted.name, Type::kSrv})) {
    // RFC 2782: of the lowest priority that can be reached.
    std::vector<Record> records = services->records;
    std::stable_sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.priority < b.priority; });
    std::uint32_t priority = 0;
    for (const Record& one : records) {
      if (!targets.empty() && one.priority != priority) break;
      priority = one.priority;
      for (const std::string& address : addresses(one.address, watch.wanted.family)) {
        targets.push_back({endpoint_text(address, one.port), std::max<std::uint32_t>(one.weight, 1)});
      }
      if (targets.size() >= kTargetsMax) break;
    }
  }
  std::sort(targets.begin(), targets.end());
  // Two services may be one address and port: their weights add up there.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (kept != 0 && targets[kept - 1].address == targets[i].address) {
      targets[kept - 1].weight = std::min<std::uint32_t>(targets[kept - 1].weight + targets[i].weight, 65'535);
    } else {
      if (kept != i) targets[kept] = std::move(targets[i]);
      ++kept;
    }
  }
  targets.resize(std::min(kept, kTargetsMax));
  return targets;
}

}  // namespace dns
