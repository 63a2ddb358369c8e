// Transactions of configuration sources: what a plugin stages, from any thread, until it commits. A commit becomes a Change, which the
// control thread makes, or refuses, with the others that wait (kernel/reload.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/config/compose.hpp"
#include "kernel/sources/feeds.hpp"

namespace cleat {
struct Generation;
}

namespace cleat::sources {

inline constexpr std::size_t kOpenMax = 16;       // transactions of one instance that are open
inline constexpr std::size_t kCommitsMax = 1'024; // that wait for the control thread, of all sources

enum class Outcome : std::uint8_t { kDone, kNoInstance, kPast, kNoTransaction, kLimit };

// text: the reasons of a refusal.
enum class Answer : std::uint8_t { kAccepted, kRefused, kPast, kEnding };
using Answered = std::function<void(std::uint64_t instance, Answer answer, std::uint64_t version, const std::string& text)>;

class Change {
 public:
  std::uint64_t instance = 0;        // handle of who made it
  std::string source;                // its name
  bool replace = false;
  std::map<std::pair<config::ResourceKind, std::string>, std::shared_ptr<const config::Resource>> staged;  // nullptr: removed
  std::vector<std::shared_ptr<Feed>> feeds;  // of staged clusters: their endpoints may come before the commit
  Answered answered;

  void apply(config::Resources& to) const;
  bool failed() const;               // a document could not be read
  std::string errors() const;        // why
};

// --- [any] for cleat.config_source/1 ---
Outcome begin(std::uint64_t instance, bool replace, std::uint64_t& transaction);
Outcome stage(std::uint64_t transaction, config::ResourceKind kind, const std::string& name, std::string_view text);
Outcome remove(std::uint64_t transaction, config::ResourceKind kind, const std::string& name);
Outcome commit(std::uint64_t transaction, Answered answered);
Outcome abandon(std::uint64_t transaction);
Outcome endpoints(std::uint64_t instance, const std::string& cluster, std::shared_ptr<const EndpointList> list);  // kNoTransaction: no feed
Outcome version(std::uint64_t instance, std::uint64_t& version);

// --- [control] for the reloader ---

// Where an instance stands with regard to the generation in force: whether what it wants counts now, later, or no more.
enum class Standing : std::uint8_t { kInForce, kComing, kPast, kGone };
Standing standing(std::uint64_t instance);
void set_in_force(const Generation& generation);

// Tells who made it, once, and counts the version of an accepted one.
void answer(const Change& change, Answer answer, const std::string& text);

}  // namespace cleat::sources
