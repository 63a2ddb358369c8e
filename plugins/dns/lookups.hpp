// What is known of names, and what follows from it for clusters: when a name is asked for again, which endpoints a cluster gets. Knows no
// socket and no clock: it is told answers and the time. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "answer.hpp"
#include "settings.hpp"
#include "state.hpp"

namespace dns {

struct Key {
  std::string name;
  Type type = Type::kA;
  auto operator<=>(const Key&) const = default;
};

struct Target {
  std::string address;  // ip:port, [ip]:port
  std::uint32_t weight = 1;
  auto operator<=>(const Target&) const = default;
};

class Lookups {
 public:
  static constexpr std::size_t kInFlightMax = 64;      // queries at once; others wait for their turn
  static constexpr std::size_t kTargetsMax = 65'536;   // of one cluster: the host takes no more
  static constexpr std::uint64_t kWaitMs = 1'000;      // for all that belongs to a list; then it is made of what is known

  static constexpr std::uint64_t kLearntMs = 60'000;   // that what was learnt is kept for, until somebody wants it

  // False: not taken; it is offered again with what is learnt next.
  using Publish = std::function<bool(const std::string& cluster, const std::vector<Target>& targets)>;
  // `random`: anything, for the spread of what is tried again.
  Lookups(const Settings& settings, Publish publish, std::function<std::uint32_t()> random);

  // Ids grow. Of a cluster's watches the newest speaks for it; where that ends first (its reload was refused), the one before it does again.
  void watch(std::uint64_t id, std::string cluster, const Wanted& wanted, std::uint64_t now_ms);
  void unwatch(std::uint64_t id, std::uint64_t now_ms);

  // What is to be asked for now, what is due longest first, and counts as under way from then on. Ends waits that are over.
  std::vector<Key> take_due(std::uint64_t now_ms);
  std::uint64_t next_due_ms() const;                   // UINT64_MAX: nothing will be
  void answered(const Key& key, const Answer& answer, std::uint64_t now_ms);
  void failed(const Key& key, std::uint64_t now_ms);   // no answer, or one that says nothing: what was known stays

  // What good answers have told, for the Lookups of the next instance; and what the last instance's knew. Names that a watch wants are taken
  // from there, and asked for when their time has come, or at once if it is not `fresh`: then it is what was known last.
  std::vector<Known> known() const;
  void learn(std::vector<Known> all, bool fresh, std::uint64_t now_ms);

  std::size_t size() const { return lookups_.size(); }
  std::size_t stale() const { return stale_; }         // names whose last query failed

 private:
  struct Lookup {
    std::vector<Record> records;      // of the last good answer
    std::set<std::uint64_t> watches;
    std::uint64_t next_ms = 0;
    std::uint32_t failures = 0;       // since the last good answer
    bool settled = false;             // asked once, whatever came of it
    bool answered = false;            // well, once: `records` are what it said
    bool under_way = false;
  };
  struct Watch {
    std::string cluster;
    Wanted wanted;
    std::set<Key> needs;
    std::vector<Target> targets;      // the last that were any
    bool given = false;               // the host has them
    bool waits = false;               // for what belongs to the next list, until
    std::uint64_t wait_until_ms = 0;  // 0: nothing is missing
  };

  void settle(const Key& key, std::uint64_t next_ms, std::uint64_t now_ms);
  void refresh(std::uint64_t id, Watch& watch, std::uint64_t now_ms);
  void follow_needs(std::uint64_t id, Watch& watch, std::uint64_t now_ms);
  bool want(const Key& key, std::uint64_t id, std::uint64_t now_ms);
  bool must_wait(std::uint64_t id, Watch& watch, std::uint64_t now_ms);
  bool complete(const Watch& watch) const;
  bool host_complete(const std::string& name, Family family) const;
  std::set<Key> needs_of(const Watch& watch) const;
  void add_host_keys(const std::string& name, Family family, std::set<Key>& keys) const;
  std::vector<std::string> addresses(const std::string& name, Family family) const;
  std::vector<Target> targets_of(const Watch& watch) const;
  const Lookup* find(const Key& key) const;
  void release(const Key& key, std::uint64_t id);

  const Settings& settings_;
  const Publish publish_;
  const std::function<std::uint32_t()> random_;
  std::map<Key, Lookup> lookups_;
  std::map<Key, Known> learnt_;                                  // and not wanted yet, until
  std::uint64_t learnt_until_ms_ = 0;
  std::map<std::uint64_t, Watch> watches_;
  std::map<std::string, std::set<std::uint64_t>> clusters_;      // their watches
  std::set<std::pair<std::uint64_t, Key>> schedule_;             // when; those that are not under way
  std::set<std::pair<std::uint64_t, std::uint64_t>> waits_;      // until when, and which watch
  std::size_t under_way_ = 0, stale_ = 0;
};

std::string endpoint_text(const std::string& address, std::uint16_t port);

}  // namespace dns
