#include "kernel/sources/transactions.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "kernel/control.hpp"
#include "kernel/generation.hpp"
#include "kernel/hooks/instance.hpp"

namespace cleat::sources {
namespace {

struct State {  // guarded by `mutex`
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Change> open;  // transactions
  std::uint64_t made = 0;
  std::size_t waiting = 0;                         // commits
  std::unordered_map<std::string, std::uint64_t> versions;
  // Of the generation in force: its number, and for each of its instances that of the generation that made it.
  std::uint64_t generation = 0;
  std::unordered_map<std::string, std::uint64_t> instances;
  std::shared_ptr<const config::Resources> resources = std::make_shared<const config::Resources>();
};

State& state() {
  static State* const all = new State;  // never destroyed: plugins' threads may call until the very end
  return *all;
}

// REQUIRES: the lock is held, and the instance pinned or the caller the control thread.
Standing standing_of(const State& all, const hooks::Instance& instance) {
  if (instance.generation > all.generation) return Standing::kComing;
  const auto found = all.instances.find(instance.name);
  return found != all.instances.end() && found->second == instance.generation ? Standing::kInForce : Standing::kPast;
}

// The instance's name, if its calls still count. REQUIRES: the lock is held.
Outcome check(const State& all, std::uint64_t handle, std::string& name) {
  const hooks::InstancePin instance(handle);
  if (!instance) return Outcome::kNoInstance;
  if (standing_of(all, *instance.operator->()) == Standing::kPast) return Outcome::kPast;
  name = instance->name;
  return Outcome::kDone;
}

// A document that is in force already, or staged in this transaction, is not read again; but what a secret's names of files stand for
// may have changed. REQUIRES: the lock is held.
std::shared_ptr<const config::Resource> known(const State& all, const Change& change, const config::ResourceKey& key, std::string_view text) {
  if (key.kind == config::ResourceKind::kSecret) return nullptr;
  const auto staged = change.staged.find({key.kind, key.name});
  if (staged != change.staged.end() && staged->second != nullptr && staged->second->text == text) return staged->second;
  const auto found = all.resources->find(key);
  return found != all.resources->end() && found->second->text == text ? found->second : nullptr;
}

// What a call puts into an open transaction; Outcome::kNoTransaction if there is none.
Outcome put(std::uint64_t transaction, config::ResourceKind kind, const std::string& name, std::shared_ptr<const config::Resource> resource,
            std::shared_ptr<Feed> feed) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.open.find(transaction);
  if (found == all.open.end()) return Outcome::kNoTransaction;
  Change& change = found->second;
  if (change.staged.size() >= config::kResourcesMax && !change.staged.contains({kind, name})) return Outcome::kLimit;
  change.staged.insert_or_assign({kind, name}, std::move(resource));
  if (feed != nullptr) change.feeds.push_back(std::move(feed));
  return Outcome::kDone;
}

void make(const std::shared_ptr<Change>& change) {
  ServerControl* const server = running_server();
  if (server == nullptr) return answer(*change, Answer::kEnding, "no server runs");
  server->commit(change);
}

}  // namespace

void Change::apply(config::Resources& to) const {
  if (replace) {
    std::erase_if(to, [this](const auto& one) { return one.first.source == source; });
  }
  for (const auto& [key, resource] : staged) {
    const config::ResourceKey whole{source, key.first, key.second};
    if (resource == nullptr) {
      to.erase(whole);
    } else {
      to.insert_or_assign(whole, resource);
    }
  }
}

bool Change::failed() const {
  return std::any_of(staged.begin(), staged.end(), [](const auto& one) { return one.second != nullptr && one.second->diagnostics.failed(); });
}

std::string Change::errors() const {
  config::Diagnostics all(source);
  for (const auto& [key, resource] : staged) {
    if (resource != nullptr && resource->diagnostics.failed()) all.add(resource->diagnostics);
  }
  return all.text();
}

Outcome begin(std::uint64_t instance, bool replace, std::uint64_t& transaction) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  Change change;
  if (const Outcome wrong = check(all, instance, change.source); wrong != Outcome::kDone) return wrong;
  std::erase_if(all.open, [](const auto& one) { return hooks::find_instance(one.second.instance) == nullptr; });
  const auto own = std::count_if(all.open.begin(), all.open.end(), [&](const auto& one) { return one.second.instance == instance; });
  if (static_cast<std::size_t>(own) >= kOpenMax) return Outcome::kLimit;
  change.instance = instance;
  change.replace = replace;
  transaction = ++all.made;
  all.open.emplace(transaction, std::move(change));
  return Outcome::kDone;
}

Outcome stage(std::uint64_t transaction, config::ResourceKind kind, const std::string& name, std::string_view text) {
  State& all = state();
  config::ResourceKey key{{}, kind, name};
  std::shared_ptr<const config::Resource> resource;
  {
    const std::lock_guard lock(all.mutex);
    const auto found = all.open.find(transaction);
    if (found == all.open.end()) return Outcome::kNoTransaction;
    key.source = found->second.source;
    resource = known(all, found->second, key, text);
  }
  std::shared_ptr<Feed> feed_of_it;
  if (kind == config::ResourceKind::kCluster) feed_of_it = feed(key.source, name);
  if (resource == nullptr) resource = config::Resource::read(std::move(key), text);
  if (resource == nullptr) return Outcome::kLimit;
  return put(transaction, kind, name, std::move(resource), std::move(feed_of_it));
}

Outcome remove(std::uint64_t transaction, config::ResourceKind kind, const std::string& name) {
  return put(transaction, kind, name, nullptr, nullptr);
}

Outcome commit(std::uint64_t transaction, Answered answered) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.open.find(transaction);
  if (found == all.open.end()) return Outcome::kNoTransaction;
  if (all.waiting >= kCommitsMax) return Outcome::kLimit;
  std::string name;
  if (const Outcome wrong = check(all, found->second.instance, name); wrong != Outcome::kDone) {
    all.open.erase(found);
    return wrong;
  }
  const auto change = std::make_shared<Change>(std::move(found->second));
  change->answered = std::move(answered);
  if (!post_to_control([change] { make(change); })) {
    found->second = std::move(*change);
    return Outcome::kLimit;
  }
  ++all.waiting;
  all.open.erase(found);
  return Outcome::kDone;
}

Outcome abandon(std::uint64_t transaction) {
  Change change;  // let go without the lock: feeds take their own
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.open.find(transaction);
  if (found == all.open.end()) return Outcome::kNoTransaction;
  change = std::move(found->second);
  all.open.erase(found);
  return Outcome::kDone;
}

Outcome endpoints(std::uint64_t instance, const std::string& cluster, std::shared_ptr<const EndpointList> list) {
  std::string source;
  {
    const std::lock_guard lock(state().mutex);
    if (const Outcome wrong = check(state(), instance, source); wrong != Outcome::kDone) return wrong;
  }
  return feed_endpoints(source, cluster, std::move(list)) ? Outcome::kDone : Outcome::kNoTransaction;
}

Outcome version(std::uint64_t instance, std::uint64_t& version) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  std::string name;
  if (const Outcome wrong = check(all, instance, name); wrong != Outcome::kDone) return wrong;
  const auto found = all.versions.find(name);
  version = found == all.versions.end() ? 0 : found->second;
  return Outcome::kDone;
}

Standing standing(std::uint64_t instance) {
  const hooks::Instance* const found = hooks::find_instance(instance);
  if (found == nullptr) return Standing::kGone;
  const std::lock_guard lock(state().mutex);
  return standing_of(state(), *found);
}

void set_in_force(const Generation& generation) {
  std::unordered_map<std::string, std::uint64_t> instances;
  for (const auto& instance : generation.instances) instances.emplace(instance->name, instance->generation);
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.generation = generation.id;
  std::erase_if(all.versions, [&](const auto& one) { return !instances.contains(one.first); });
  all.instances = std::move(instances);
  all.resources = generation.resources;
}

void answer(const Change& change, Answer answer, const std::string& text) {
  std::uint64_t version = 0;
  {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    --all.waiting;
    std::uint64_t& of_source = all.versions[change.source];
    if (answer == Answer::kAccepted) ++of_source;
    version = of_source;
  }
  if (change.answered) change.answered(change.instance, answer, version, text);
}

}  // namespace cleat::sources
