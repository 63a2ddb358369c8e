// dns: MAY configure the endpoints of clusters that name it: the addresses that the domain name system gives a name, followed for as long as the
// cluster is there. Blocks nobody: all of it happens on a thread of its own.
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "plugin_api/cpp/cleat.hpp"
#include "transport.hpp"

namespace dns {

class Dns : public cleat::Plugin {
 public:
  explicit Dns(cleat::Config config) : settings_(config) {
    static constexpr std::array<std::uint64_t, 12> kBounds = {500, 1'000, 2'000, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};
    queries_ = counters("cleat_dns_queries_total", "Queries that have ended, by what came of them", {"type", "result"});
    cut_ = counter("cleat_dns_answers_cut_total", "Answers of which records were left out, over the bound");
    took_ = histogram("cleat_dns_query_duration_us", "From a query to its answer or its failure, tries included", kBounds);
    names_ = gauge("cleat_dns_names", "Names and types that are followed");
    stale_ = gauge("cleat_dns_names_stale", "Those whose last query failed");
    endpoints_ = counter("cleat_dns_endpoint_changes_total", "Lists of endpoints given to clusters");
    transport_ = std::make_unique<Transport>(settings_, [this](const std::string& cluster, const std::vector<Target>& targets) { return give(cluster, targets); },
                                             reports());
  }

  ~Dns() {
    transport_.reset();
    names_.add(-said_names_);
    stale_.add(-said_stale_);
  }

  // A cluster's `discovery`.
  struct Watch {
    Watch(std::string_view cluster, cleat::Config config, Dns& owner) : dns(owner), wanted(config) {
      if (wanted.name.empty() && wanted.address.empty()) return;  // refused
      id = ++dns.watches_;
      dns.transport_->watch(id, std::string(cluster), wanted);
    }
    ~Watch() {
      if (id != 0) dns.transport_->unwatch(id);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    Dns& dns;
    const Wanted wanted;
    std::uint64_t id = 0;
  };

  // cleat.handover/1: names whose time is not over are not asked for again by the next instance, and what was known last stays through it too.
  void give_state(cleat::StateWriter& to) {
    State state{servers(), transport_->known()};
    if (state.names.empty()) return;
    to.format(kStateFormat);
    to.write(encode(state, kStateBytesMax));
  }
  bool take_state(std::uint32_t format, std::string_view bytes) {
    if (format != kStateFormat) return false;
    std::optional<State> state = decode(bytes);
    if (state) transport_->learn(std::move(state->names), state->servers == servers());
    return state.has_value();
  }

 private:
  static constexpr std::size_t kStateBytesMax = 64 * 1024 * 1024;  // the host takes no more

  std::string servers() const {
    std::string all;
    for (const std::string& one : settings_.servers) all += one + " ";
    return all;
  }

  Transport::Reports reports() {
    return {
        .query = [this](Type type, std::string_view result, std::uint64_t took_us, bool cut) {
          queries_.with({name_of(type), result}).add();
          took_.observe(took_us);
          if (cut) cut_.add();
        },
        .names = [this](std::size_t names, std::size_t stale) {
          names_.add(static_cast<std::int64_t>(names) - std::exchange(said_names_, static_cast<std::int64_t>(names)));
          stale_.add(static_cast<std::int64_t>(stale) - std::exchange(said_stale_, static_cast<std::int64_t>(stale)));
        },
        .complain = [this](const std::string& text) { log(CLEAT_WARN, text); },
    };
  }

  bool give(const std::string& cluster, const std::vector<Target>& targets) {  // [any]
    std::vector<cleat_source_endpoint> list;
    list.reserve(targets.size());
    for (const Target& one : targets) list.push_back(cleat::source_endpoint(one.address, one.weight));
    if (endpoints(cluster, list)) {
      endpoints_.add();
      return true;
    }
    log(CLEAT_DEBUG, "endpoints of " + cluster + ": " + cleat::error_text());  // it has just gone, or there are too many of all clusters
    return false;
  }

  const Settings settings_;
  cleat::Family<cleat::Counter> queries_;
  cleat::Counter cut_, endpoints_;
  cleat::Histogram took_;
  cleat::Gauge names_, stale_;
  std::int64_t said_names_ = 0, said_stale_ = 0;  // [the thread]
  std::uint64_t watches_ = 0;                     // [control]
  std::unique_ptr<Transport> transport_;          // last: its thread ends before what it reports to
};

}  // namespace dns

CLEAT_PLUGIN(dns::Dns,
             "name=dns\nversion=0.1.0\nrequires=cleat.config/1 cleat.config_source/1\noptional=cleat.handover/1 cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=endpoints of clusters from the domain name system\n");
