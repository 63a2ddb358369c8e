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
  clusters_[cluster].insert(id);
  Watch& watch = watches_[id];
  watch.cluster = std::move(cluster);
  watch.wanted = wanted;
  refresh(id, watch, now_ms);
}

void Lookups::unwatch(std::uint64_t id, std::uint64_t now_ms) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  const Watch ended = std::move(found->second);
  watches_.erase(found);
  for (const Key& key : ended.needs) release(key, id);
  waits_.erase({ended.wait_until_ms, id});
  const auto others = clusters_.find(ended.cluster);
  const bool spoke = *others->second.rbegin() == id;
  others->second.erase(id);
  if (others->second.empty()) {
    clusters_.erase(others);
  } else if (spoke) {
    const std::uint64_t next = *others->second.rbegin();
    Watch& before = watches_.at(next);
    before.given = false;
    // What the ended one gave is not this one's, also where this one has nothing in its place.
    if (ended.given && before.targets.empty()) publish_(before.cluster, {});
    refresh(next, before, now_ms);
  }
}

std::vector<Known> Lookups::known() const {
  std::vector<Known> all;
  for (const auto& [key, lookup] : lookups_) {
    if (lookup.answered) all.push_back({key.name, key.type, lookup.records, lookup.failures == 0 ? lookup.next_ms : 0});
  }
  return all;
}

void Lookups::learn(std::vector<Known> all, bool fresh, std::uint64_t now_ms) {
  learnt_until_ms_ = now_ms + kLearntMs;
  for (Known& one : all) {
    Key key{one.name, one.type};
    one.records.resize(std::min<std::size_t>(one.records.size(), settings_.records_max));
    one.next_ms = fresh ? std::clamp(one.next_ms, now_ms, now_ms + ms(settings_.ttl_max)) : now_ms;
    learnt_.insert_or_assign(std::move(key), std::move(one));
  }
}

std::vector<Key> Lookups::take_due(std::uint64_t now_ms) {
  if (now_ms >= learnt_until_ms_) learnt_.clear();
  while (!waits_.empty() && waits_.begin()->first <= now_ms) {
    const std::uint64_t id = waits_.begin()->second;
    refresh(id, watches_.at(id), now_ms);  // which ends its wait
  }
  std::vector<Key> due;
  while (under_way_ < kInFlightMax && !schedule_.empty() && schedule_.begin()->first <= now_ms) {
    Key key = schedule_.begin()->second;
    schedule_.erase(schedule_.begin());
    lookups_.at(key).under_way = true;
    ++under_way_;
    due.push_back(std::move(key));
  }
  return due;
}

std::uint64_t Lookups::next_due_ms() const {
  std::uint64_t next = waits_.empty() ? UINT64_MAX : waits_.begin()->first;
  if (under_way_ < kInFlightMax && !schedule_.empty()) next = std::min(next, schedule_.begin()->first);
  return next;
}

void Lookups::answered(const Key& key, const Answer& answer, std::uint64_t now_ms) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  if (answer.kind != Answer::Kind::kRecords && answer.kind != Answer::Kind::kNoRecords) return failed(key, now_ms);
  Lookup& lookup = found->second;
  lookup.records = answer.records;
  lookup.answered = true;
  if (std::exchange(lookup.failures, 0) != 0) --stale_;
  const std::uint64_t holds = answer.kind == Answer::Kind::kRecords ? std::uint64_t{answer.ttl_s} * 1'000 : ms(settings_.ttl_none);
  settle(key, now_ms + std::clamp(holds, ms(settings_.ttl_min), ms(settings_.ttl_max)), now_ms);
}

void Lookups::failed(const Key& key, std::uint64_t now_ms) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  Lookup& lookup = found->second;
  if (lookup.failures == 0) ++stale_;
  const std::uint32_t doublings = std::min<std::uint32_t>(lookup.failures++, 20);
  const std::uint64_t wait = std::min(ms(settings_.retry_min) << doublings, ms(settings_.retry_max));
  settle(key, now_ms + wait - random_() % (wait / 4 + 1), now_ms);  // what failed together does not come back together
}

// A query is over. The lookup may be gone when this returns.
void Lookups::settle(const Key& key, std::uint64_t next_ms, std::uint64_t now_ms) {
  Lookup& lookup = lookups_.at(key);
  if (std::exchange(lookup.under_way, false)) --under_way_;
  schedule_.erase({std::exchange(lookup.next_ms, next_ms), key});
  lookup.settled = true;
  if (lookup.watches.empty()) {
    if (lookup.failures != 0) --stale_;
    lookups_.erase(key);
    return;
  }
  schedule_.insert({next_ms, key});
  const std::set<std::uint64_t> watches = lookup.watches;
  for (const std::uint64_t id : watches) refresh(id, watches_.at(id), now_ms);
}

const Lookups::Lookup* Lookups::find(const Key& key) const {
  const auto found = lookups_.find(key);
  return found == lookups_.end() ? nullptr : &found->second;
}

void Lookups::release(const Key& key, std::uint64_t id) {
  const auto found = lookups_.find(key);
  if (found == lookups_.end()) return;
  Lookup& lookup = found->second;
  lookup.watches.erase(id);
  if (!lookup.watches.empty() || lookup.under_way) return;  // under way: its answer ends it
  if (lookup.failures != 0) --stale_;
  schedule_.erase({lookup.next_ms, key});
  lookups_.erase(found);
}

void Lookups::refresh(std::uint64_t id, Watch& watch, std::uint64_t now_ms) {
  follow_needs(id, watch, now_ms);
  if (must_wait(id, watch, now_ms)) return;
  std::vector<Target> targets = targets_of(watch);
  if (!targets.empty() && targets != watch.targets) {  // none: what was known last stays
    watch.targets = std::move(targets);
    watch.given = false;
  }
  if (watch.given || watch.targets.empty() || *clusters_.at(watch.cluster).rbegin() != id) return;
  watch.given = publish_(watch.cluster, watch.targets);
}

void Lookups::follow_needs(std::uint64_t id, Watch& watch, std::uint64_t now_ms) {
  std::set<Key> needs;
  for (bool learnt = true; learnt;) {  // services that were learnt have hosts
    needs = needs_of(watch);
    learnt = false;
    for (const Key& key : needs) learnt = want(key, id, now_ms) || learnt;
  }
  const std::set<Key> before = std::exchange(watch.needs, std::move(needs));
  for (const Key& key : before) {
    if (!watch.needs.contains(key)) release(key, id);
  }
}

// True: it was not followed yet, and what was learnt of it is known now.
bool Lookups::want(const Key& key, std::uint64_t id, std::uint64_t now_ms) {
  const auto [found, fresh] = lookups_.try_emplace(key);
  Lookup& lookup = found->second;
  lookup.watches.insert(id);
  if (!fresh) return false;
  lookup.next_ms = now_ms;
  auto learnt = learnt_.extract(key);
  if (!learnt.empty()) {
    lookup.records = std::move(learnt.mapped().records);
    lookup.next_ms = std::max(learnt.mapped().next_ms, now_ms);
    lookup.settled = lookup.answered = true;
  }
  schedule_.insert({lookup.next_ms, key});
  return !learnt.empty();
}

// A list waits for all that belongs to it, so that none is half of one; but a query that stalls does not hold up what is known.
bool Lookups::must_wait(std::uint64_t id, Watch& watch, std::uint64_t now_ms) {
  if (complete(watch)) {
    waits_.erase({watch.wait_until_ms, id});
    watch.waits = false;
    watch.wait_until_ms = 0;
  } else if (watch.wait_until_ms == 0) {
    watch.waits = true;
    watch.wait_until_ms = now_ms + kWaitMs;
    waits_.insert({watch.wait_until_ms, id});
  } else if (now_ms >= watch.wait_until_ms) {
    waits_.erase({watch.wait_until_ms, id});
    watch.waits = false;
  }
  return watch.waits;
}

bool Lookups::complete(const Watch& watch) const {
  const Wanted& wanted = watch.wanted;
  if (!wanted.address.empty()) return true;
  if (!wanted.srv) return host_complete(wanted.name, wanted.family);
  const Lookup* const services = find({wanted.name, Type::kSrv});
  return services != nullptr && services->settled &&
         std::all_of(services->records.begin(), services->records.end(), [&](const Record& one) { return host_complete(one.address, wanted.family); });
}

bool Lookups::host_complete(const std::string& name, Family family) const {
  const auto settled = [&](Type type) {
    const Lookup* const known = find({name, type});
    return known != nullptr && known->settled;
  };
  const auto any = [&](Type type) { return settled(type) && !find({name, type})->records.empty(); };
  switch (family) {
    case Family::kV4: return settled(Type::kA);
    case Family::kV6: return settled(Type::kAAAA);
    case Family::kAll: return settled(Type::kA) && settled(Type::kAAAA);
    case Family::kPreferV4: return any(Type::kA) || (settled(Type::kA) && settled(Type::kAAAA));
    case Family::kPreferV6: return any(Type::kAAAA) || (settled(Type::kAAAA) && settled(Type::kA));
  }
  return true;
}

void Lookups::add_host_keys(const std::string& name, Family family, std::set<Key>& keys) const {
  if (family != Family::kV6) keys.insert({name, Type::kA});
  if (family != Family::kV4) keys.insert({name, Type::kAAAA});
}

std::set<Key> Lookups::needs_of(const Watch& watch) const {
  std::set<Key> keys;
  if (!watch.wanted.address.empty()) return keys;
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
  if (!watch.wanted.address.empty()) {
    targets.push_back({endpoint_text(watch.wanted.address, watch.wanted.port), 1});
  } else if (!watch.wanted.srv) {
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
