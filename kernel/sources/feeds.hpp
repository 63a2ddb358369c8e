// Endpoints that sources bring while a generation runs: a feed for each cluster name of a source holds the last list, and its
// clusters, of all generations that have them, get it on the control thread, without a generation being built. A feed lives as long
// as somebody expects something of it: a cluster, or a change that stages one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cleat {
class Cluster;
struct EndpointSpec;
}

namespace cleat::sources {

inline constexpr std::size_t kFeedEndpointsMax = 65'536;       // of one list
inline constexpr std::size_t kFeedsEndpointsMax = 1'000'000;   // of all of them

bool has_repeated(const std::vector<EndpointSpec>& all);  // an address twice

// Immutable; counts itself towards kFeedsEndpointsMax.
class EndpointList {
 public:
  static std::shared_ptr<const EndpointList> make(std::vector<EndpointSpec> all);  // nullptr: over the bound
  ~EndpointList();
  EndpointList(const EndpointList&) = delete;
  EndpointList& operator=(const EndpointList&) = delete;
  const std::vector<EndpointSpec> all;

 private:
  explicit EndpointList(std::vector<EndpointSpec> from);
};

class Feed;

// [any] The feed of a source for a cluster's name, made if there is none.
std::shared_ptr<Feed> feed(const std::string& source, const std::string& cluster);

// [any] False: nobody expects endpoints of this name from this source.
bool feed_endpoints(const std::string& source, const std::string& cluster, std::shared_ptr<const EndpointList> list);

// [any] What came last; nullptr: nothing yet.
std::shared_ptr<const EndpointList> latest(const Feed& feed);

// [control] The cluster gets what came last, and what comes from now on while it lives.
void attach(Feed& feed, const std::shared_ptr<Cluster>& cluster);

// [control] Called on the control thread after lists were applied.
void when_applied(std::function<void()> fn);

}  // namespace cleat::sources
