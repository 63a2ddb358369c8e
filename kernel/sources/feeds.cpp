#include "kernel/sources/feeds.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "kernel/control.hpp"
#include "kernel/events.hpp"
#include "kernel/cluster.hpp"

namespace cleat::sources {

class Feed {
 public:
  std::string cluster;
  std::shared_ptr<const EndpointList> latest;  // guarded by the registry's mutex
  bool waits = false;                          // guarded too: is in `changed`
  std::vector<std::weak_ptr<Cluster>> attached;  // the control thread's
};

namespace {

constexpr std::size_t kFeedsInTask = 64;  // then other tasks of the control thread have their turn

std::atomic<std::size_t> held{0};

struct Registry {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<Feed>> feeds;
  std::vector<std::shared_ptr<Feed>> changed;
  bool posted = false;
  std::function<void()> applied;  // the control thread's
};

Registry& registry() {
  static Registry* const all = new Registry;  // never destroyed: plugins' threads may call until the very end
  return *all;
}

void apply(Feed& feed, const EndpointList& list) {
  std::erase_if(feed.attached, [](const auto& cluster) { return cluster.expired(); });
  for (const auto& one : feed.attached) {
    if (const std::shared_ptr<Cluster> cluster = one.lock()) cluster->set_endpoints(list.all);
  }
  constexpr std::string_view kEvent = "cleat.endpoints.changed";
  if (!feed.attached.empty() && event_wanted(kEvent)) {
    publish_event(kEvent, "cluster=" + feed.cluster + " endpoints=" + std::to_string(list.all.size()));
  }
}

void apply_changed() {
  Registry& all = registry();
  std::vector<std::pair<std::shared_ptr<Feed>, std::shared_ptr<const EndpointList>>> now;
  {
    const std::lock_guard lock(all.mutex);
    const std::size_t count = std::min(all.changed.size(), kFeedsInTask);
    for (std::size_t i = 0; i < count; ++i) {
      all.changed[i]->waits = false;
      now.emplace_back(all.changed[i], all.changed[i]->latest);
    }
    all.changed.erase(all.changed.begin(), all.changed.begin() + static_cast<std::ptrdiff_t>(count));
    all.posted = !all.changed.empty() && post_to_control(apply_changed);
  }
  for (const auto& [feed, list] : now) apply(*feed, *list);
  const std::function<void()> applied = all.applied;  // a copy: it may set another
  if (applied) applied();
}

}  // namespace

bool has_repeated(const std::vector<EndpointSpec>& all) {
  std::unordered_set<std::string_view> seen;
  return !std::all_of(all.begin(), all.end(), [&](const EndpointSpec& one) { return seen.insert(one.text).second; });
}

std::shared_ptr<const EndpointList> EndpointList::make(std::vector<EndpointSpec> all) {
  const std::size_t count = all.size();
  if (held.fetch_add(count) + count > kFeedsEndpointsMax) {
    held.fetch_sub(count);
    return nullptr;
  }
  return std::shared_ptr<const EndpointList>(new EndpointList(std::move(all)));
}

EndpointList::EndpointList(std::vector<EndpointSpec> from) : all(std::move(from)) {}
EndpointList::~EndpointList() { held.fetch_sub(all.size()); }

std::shared_ptr<Feed> feed(const std::string& source, const std::string& cluster) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::weak_ptr<Feed>& known = all.feeds[{source, cluster}];
  if (std::shared_ptr<Feed> found = known.lock()) return found;
  const auto forget = [key = std::pair(source, cluster)](Feed* last) {
    Registry& from = registry();
    {
      const std::lock_guard again(from.mutex);
      const auto entry = from.feeds.find(key);
      if (entry != from.feeds.end() && entry->second.expired()) from.feeds.erase(entry);  // else it has a successor
    }
    delete last;
  };
  std::shared_ptr<Feed> made(new Feed, forget);
  made->cluster = cluster;
  known = made;
  return made;
}

bool feed_endpoints(const std::string& source, const std::string& cluster, std::shared_ptr<const EndpointList> list) {
  std::shared_ptr<Feed> feed;                // let go without the lock: the last to do so takes it
  std::shared_ptr<const EndpointList> old;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.feeds.find({source, cluster});
  if (found == all.feeds.end() || (feed = found->second.lock()) == nullptr) return false;
  if (feed->latest != nullptr && feed->latest->all == list->all) return true;
  old = std::exchange(feed->latest, std::move(list));
  if (!feed->waits) {
    feed->waits = true;
    all.changed.push_back(feed);
  }
  if (!all.posted) all.posted = post_to_control(apply_changed);
  return true;
}

std::shared_ptr<const EndpointList> latest(const Feed& feed) {
  const std::lock_guard lock(registry().mutex);
  return feed.latest;
}

void attach(Feed& feed, const std::shared_ptr<Cluster>& cluster) {
  feed.attached.push_back(cluster);
  if (const auto list = latest(feed)) cluster->set_endpoints(list->all);
}

void when_applied(std::function<void()> fn) { registry().applied = std::move(fn); }

}  // namespace cleat::sources
