#include "kernel/cluster.hpp"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/control.hpp"
#include "kernel/hooks/config_host.hpp"
#include "kernel/hooks/guard.hpp"

namespace cleat {
namespace {

using hooks::Hook;

config::Cluster without_nodes(config::Cluster from) {
  from.node = from.balancer_config = from.discovery_config = nullptr;
  for (config::Endpoint& endpoint : from.endpoints) endpoint.node = nullptr;
  return from;
}

std::string text_of(const config::Node* node) { return node == nullptr ? std::string() : config::to_json(*node); }

std::shared_ptr<EndpointSet> new_set() {
  return {new EndpointSet, [](EndpointSet* last) {
            if (last->balancer_state == nullptr) {
              delete last;
            } else {
              run_on_control([last] { delete last; });
            }
          }};
}

// Adds the weights of what has one address, and keeps the first one's place.
std::vector<EndpointSpec> without_repeats(std::vector<EndpointSpec> wanted) {
  std::unordered_map<std::string, std::size_t> places;
  std::vector<EndpointSpec> all;
  for (EndpointSpec& one : wanted) {
    const auto [place, fresh] = places.try_emplace(one.text, all.size());
    if (fresh) {
      all.push_back(std::move(one));
    } else {
      all[place->second].weight += one.weight;
    }
  }
  return all;
}

}  // namespace

EndpointSets& endpoint_sets() {
  static auto* const all = new EndpointSets;
  return *all;
}

Endpoint::Endpoint(const Address& address_, std::string text_, std::uint32_t workers_)
    : address(address_), text(std::move(text_)), on_worker(std::make_unique<OnWorker[]>(workers_)), workers(workers_) {}

std::uint64_t Endpoint::in_flight() const {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < workers; ++i) sum += on_worker[i].in_flight.load(std::memory_order_relaxed);
  return sum;
}

EndpointSet::~EndpointSet() {
  // The plugin's state goes first: what the plugin asks about its endpoints until then is answered.
  if (balancer_state != nullptr && balancer->balancer->set_destroy != nullptr) {
    hooks::tell_plugin(*balancer, Hook::kDestroy, "set_destroy", [this] { balancer->balancer->set_destroy(balancer->self, balancer_state); });
  }
  if (handle != 0) endpoint_sets().leave(handle);
}

Cluster::Cluster(const config::Cluster& from, std::shared_ptr<hooks::Instance> balancer, std::uint32_t workers, config::Diagnostics& diagnostics)
    : config(without_nodes(from)), metrics(kernel_metrics::of_cluster(from.name)), pools(workers), text_(text_of(from.node)),
      balancer_text_(text_of(from.balancer_config)), balancer_(std::move(balancer)) {
  std::vector<EndpointSpec> wanted;
  for (const config::Endpoint& one : from.endpoints) {
    if (Result<Address> address = parse_address(one.address); address.ok()) {
      wanted.push_back({*address, one.address, one.weight});
    } else {
      diagnostics.error(*one.node, address.error());
    }
  }
  static const config::Node kNowhere;
  publish(make_set(std::move(wanted), from.balancer_config, from.node != nullptr ? *from.node : kNowhere, diagnostics));
}

bool Cluster::is(const config::Cluster& from, const std::shared_ptr<hooks::Instance>& balancer,
                 const std::shared_ptr<const tls::ClientContext>& context) const {
  return from.name == config.name && balancer == balancer_ && context == tls && text_of(from.node) == text_;
}

std::shared_ptr<const EndpointSet> Cluster::endpoints() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

void Cluster::set_endpoints(std::vector<EndpointSpec> wanted) {
  config::Diagnostics diagnostics("cluster " + config.name);
  config::Document document;  // the balancer's configuration was accepted once: errors now are of the plugin's own making
  if (!balancer_text_.empty()) document = config::parse_document(balancer_text_, diagnostics);
  static const config::Node kNowhere;
  publish(make_set(std::move(wanted), document.root.get(), kNowhere, diagnostics));
  if (diagnostics.failed()) log::write(log::Level::kError, "kernel", "endpoints are chosen by weight alone: " + diagnostics.text());
}

std::shared_ptr<EndpointSet> Cluster::make_set(std::vector<EndpointSpec> wanted, const config::Node* balancer_config, const config::Node& at,
                                               config::Diagnostics& diagnostics) const {
  auto set = new_set();
  set->cluster = config.name;
  std::unordered_map<std::string_view, const EndpointSet::Member*> known;
  if (set_ != nullptr) {
    for (const EndpointSet::Member& member : set_->members) known.emplace(member.endpoint->text, &member);
  }
  for (EndpointSpec& one : without_repeats(std::move(wanted))) {
    const auto old = known.find(one.text);
    const bool fresh = old == known.end();
    auto endpoint = fresh ? std::make_shared<Endpoint>(one.address, std::move(one.text), static_cast<std::uint32_t>(pools.size()))
                          : old->second->endpoint;
    if (fresh || old->second->said_healthy != one.healthy) endpoint->healthy.store(one.healthy, std::memory_order_relaxed);
    set->members.push_back({std::move(endpoint), one.weight, one.healthy});
    set->equal_weights = set->equal_weights && one.weight == set->members.front().weight;
  }
  set->handle = endpoint_sets().enter(set.get());
  if (set->handle == 0) {
    diagnostics.error(at, "too many clusters: 1,048,576 is the bound, of all generations");
  } else if (balancer_ != nullptr && balancer_->balancer != nullptr) {  // a lack of that half is reported elsewhere
    make_balancer_state(*set, balancer_config, at, diagnostics);
  }
  return set;
}

// Shows the endpoints to the plugin that will choose among them.
void Cluster::make_balancer_state(EndpointSet& set, const config::Node* balancer_config, const config::Node& at,
                                  config::Diagnostics& diagnostics) const {
  if (balancer_->balancer->set_create == nullptr) {
    set.balancer = balancer_;
    return;
  }
  for (const auto& member : set.members) {
    set.shown_endpoints.push_back({.size = sizeof(cleat_endpoint), .weight = member.weight, .address = hooks::to_str(member.endpoint->text)});
  }
  set.shown = {.size = sizeof(cleat_endpoint_set),
               .reserved = 0,
               .cluster = set.handle,
               .cluster_name = hooks::to_str(config.name),
               .endpoints = set.shown_endpoints.data(),
               .endpoint_count = set.shown_endpoints.size(),
               .endpoint_stride = sizeof(cleat_endpoint)};
  hooks::ConfigCall call(balancer_config, &at, diagnostics);
  void* state = nullptr;
  const hooks::CallOutcome outcome = hooks::call_plugin(balancer_.get(), Hook::kCreate, [&] {
    return balancer_->balancer->set_create(balancer_->self, &set.shown, call.root(), &state);
  });
  if (outcome.ok()) {
    set.balancer = balancer_;
    set.balancer_state = state;
    call.accept();
    return;
  }
  call.report(at, "balancer: set_create of \"" + balancer_->name + "\"", outcome);
}

void Cluster::publish(std::shared_ptr<EndpointSet> next) {
  std::shared_ptr<EndpointSet> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::exchange(set_, next);
  }
  for (const auto& member : next->members) member.endpoint->removed.store(false, std::memory_order_relaxed);
  if (old != nullptr) {
    std::unordered_set<const Endpoint*> stay;
    for (const auto& member : next->members) stay.insert(member.endpoint.get());
    for (const auto& member : old->members) {
      if (!stay.contains(member.endpoint.get())) member.endpoint->removed.store(true, std::memory_order_relaxed);
    }
  }
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace cleat
