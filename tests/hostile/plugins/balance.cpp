// A balancer for tests. `config` of a cluster's balancer, one of:
//   {header: x-key}       honest: the endpoint by a hash of that request header (FNV-1a), the same key the same endpoint
//   {pick: out_of_range}  answers an index there is no endpoint for: the host must fall back, and count it
//   {pick: fail}          fails
//   {pick: throw}         throws; the wrapper makes a failure of it
//   {pick: last_healthy}  the last endpoint that is healthy and not tried yet
// Configuration of the instance: `unhealthy: ADDRESS` marks that endpoint unhealthy when a set is made.
#include <stdexcept>
#include <string>

#include "plugin_api/cpp/cleat.hpp"

namespace {

class Balance : public cleat::Plugin {
 public:
  enum class Pick { kHash, kOutOfRange, kFail, kThrow, kLastHealthy };

  struct Set {
    Set(cleat::Endpoints endpoints_, cleat::Config config, Balance& plugin)
        : endpoints(endpoints_),
          header(config.get<std::string>("header", "x-key")),
          pick(config.choice<Pick>("pick",
                                   {{"hash", Pick::kHash},
                                    {"out_of_range", Pick::kOutOfRange},
                                    {"fail", Pick::kFail},
                                    {"throw", Pick::kThrow},
                                    {"last_healthy", Pick::kLastHealthy}},
                                   Pick::kHash)) {
      for (std::uint64_t i = 0; i < endpoints.size(); ++i) {
        if (endpoints.address(i) == plugin.unhealthy_) endpoints.set_healthy(i, false);
      }
    }
    const cleat::Endpoints endpoints;
    const std::string header;
    const Pick pick;
  };

  explicit Balance(cleat::Config config) : unhealthy_(config.get<std::string>("unhealthy", "")) {}

  std::optional<std::uint64_t> pick(Set& set, cleat::Exchange x) const {
    switch (set.pick) {
      case Pick::kOutOfRange: return set.endpoints.size() + 7;
      case Pick::kFail: return {};
      case Pick::kThrow: throw std::runtime_error("thrown by pick");
      case Pick::kLastHealthy:
        for (std::uint64_t i = set.endpoints.size(); i-- > 0;) {
          if (set.endpoints.healthy(i) && !cleat::Endpoints::tried(x, i)) return i;
        }
        return {};
      case Pick::kHash: break;
    }
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : x.request().get(set.header).value_or({})) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash % set.endpoints.size();
  }

 private:
  const std::string unhealthy_;
};

}  // namespace

CLEAT_PLUGIN(Balance, "name=balance\nversion=1.0.0\nrequires=cleat.config/1 cleat.balancer/1\nabout=balancers for tests, honest and not\n");
