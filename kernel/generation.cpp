// From a model to a generation: instances first, then the clusters that balance by them and the listeners that chain them. Every
// failure is reported at its place in the configuration; what was made by then is destroyed as a generation is. Control thread.
#include "kernel/generation.hpp"

#include <algorithm>

#include "kernel/hooks/config_host.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/kernel_metrics.hpp"
#include "kernel/tls/client_context.hpp"
#include "kernel/worker.hpp"

namespace cleat {
namespace {

using hooks::Hook;

// --- clusters ---

void make_cluster(Generation& generation, const config::Cluster& from, const tls::Secrets& secrets, const Generation* before,
                  config::Diagnostics& diagnostics) {
  const std::shared_ptr<hooks::Instance> balancer = from.balancer.empty() ? nullptr : generation.shared_instance(from.balancer);
  const std::shared_ptr<hooks::Instance> source = from.discovery.empty() ? nullptr : generation.shared_instance(from.discovery);
  const auto old = before == nullptr ? nullptr : before->shared_cluster(from.name);
  std::shared_ptr<const tls::ClientContext> context;
  std::vector<std::string> alpn;
  if (from.multiplexed()) alpn.emplace_back("h2");
  if (from.tls &&
      (context = tls::ClientContext::make(*from.tls, secrets, std::move(alpn), old == nullptr ? nullptr : old->tls, diagnostics)) == nullptr) {
    return;
  }
  const bool same = old != nullptr && old->is(from, balancer, context) && (old->supply == nullptr || old->supply->source() == source);
  generation.clusters.push_back(same ? old : std::make_shared<Cluster>(from, balancer, generation.workers, diagnostics));
  const std::shared_ptr<Cluster>& cluster = generation.clusters.back();
  generation.cluster_names.emplace(from.name, cluster);
  if (same) return;
  cluster->tls = std::move(context);
  if (from.brings().empty()) return;
  cluster->supply = sources::Supply::make(from, cluster, source, diagnostics);
  if (!from.endpoints_given) generation.awaited.push_back(cluster->supply->feed());
}

// --- listeners ---

struct ChainHook {
  Hook hook;
  bool reversed;  // response side
  bool (*has)(const hooks::Instance& instance);
};

constexpr ChainHook kChainHooks[] = {
    {Hook::kConnection, false, [](const hooks::Instance& i) { return i.table.on_connection != nullptr; }},
    {Hook::kClientHello, false, [](const hooks::Instance& i) { return i.tls != nullptr; }},
    {Hook::kTls, false, [](const hooks::Instance& i) { return i.table.on_tls != nullptr; }},
    {Hook::kConnectionEnd, false, [](const hooks::Instance& i) { return i.table.on_connection_end != nullptr; }},
    {Hook::kRequest, false, [](const hooks::Instance& i) { return i.table.on_request != nullptr; }},
    {Hook::kRoute, false, [](const hooks::Instance& i) { return i.table.on_route != nullptr; }},
    {Hook::kRequestBody, false, [](const hooks::Instance& i) { return i.table.on_request_body != nullptr; }},
    {Hook::kRequestTrailers, false, [](const hooks::Instance& i) { return i.table.on_request_trailers != nullptr; }},
    {Hook::kAttempt, false, [](const hooks::Instance& i) { return i.table.on_attempt != nullptr; }},
    {Hook::kAttemptEnd, true, [](const hooks::Instance& i) { return i.table.on_attempt_end != nullptr; }},
    {Hook::kResponse, true, [](const hooks::Instance& i) { return i.table.on_response != nullptr; }},
    {Hook::kResponseBody, true, [](const hooks::Instance& i) { return i.table.on_response_body != nullptr; }},
    {Hook::kResponseTrailers, true, [](const hooks::Instance& i) { return i.table.on_response_trailers != nullptr; }},
    {Hook::kReply, true, [](const hooks::Instance& i) { return i.table.on_reply != nullptr; }},
    {Hook::kEnd, true, [](const hooks::Instance& i) { return i.table.on_end != nullptr; }},
};

bool make_chain(const Generation& generation, const config::Listener& from, Chain& chain, config::Diagnostics& diagnostics) {
  if (from.chain.size() > kChainMax) {
    diagnostics.error(*from.node, "chain: more than " + std::to_string(kChainMax) + " plugin instances");
    return false;
  }
  for (const std::string& name : from.chain) {
    hooks::Instance* instance = generation.instance(name);
    if (instance == nullptr) {
      diagnostics.error(*from.node, "chain: there is no plugin \"" + name + "\"");
      return false;
    }
    const cleat_plugin& table = instance->table;
    const bool sees_connections = table.on_connection != nullptr || table.on_connection_end != nullptr || table.on_tls != nullptr || instance->tls != nullptr;
    if (from.protocol == config::Listener::Protocol::kTcp && !sees_connections) {
      diagnostics.error(*from.node, "chain: plugin \"" + name + "\" has no hook of connections, and a tcp listener has nothing else");
    }
    chain.instances.push_back(instance);
  }
  for (const ChainHook& one : kChainHooks) {
    std::vector<std::uint8_t>& positions = chain.positions[static_cast<std::size_t>(one.hook)];
    for (std::size_t i = 0; i < chain.instances.size(); ++i) {
      if (one.has(*chain.instances[i])) positions.push_back(static_cast<std::uint8_t>(i));
    }
    if (one.reversed) std::reverse(positions.begin(), positions.end());
  }
  chain.ready.prepare(chain, generation.workers);
  return true;
}

// The instance at a position of a route: of the chain, or the route's handler beside it.
hooks::Instance* instance_at(const Chain& chain, const Route& route, std::size_t position) {
  return position < chain.instances.size() ? chain.instances[position] : route.handler;
}

void make_route_configs(const Generation& generation, const Listener& listener, Route& route, config::Diagnostics& diagnostics) {
  const config::Route& from = *route.config;
  if (from.plugins.empty()) return;
  const std::vector<hooks::Instance*>& chain = listener.chain.instances;
  route.plugin_configs.resize(chain.size() + 1);
  for (const config::RoutePlugin& entry : from.plugins) {
    hooks::Instance* instance = generation.instance(entry.instance);
    const auto found = std::find(chain.begin(), chain.end(), instance);
    if (instance == nullptr || (found == chain.end() && instance != route.handler)) {
      diagnostics.error(entry.config != nullptr ? *entry.config : *from.node,
                        "plugin instance \"" + entry.instance + "\" is neither in the listener's chain nor the route's handler");
      continue;
    }
    route.plugin_configs[static_cast<std::size_t>(found - chain.begin())] = hooks::Loader::create_route(*instance, entry.config, diagnostics);
  }
}

void make_route(const Generation& generation, const config::Route& from, Listener& listener, config::Diagnostics& diagnostics) {
  Route& route = listener.routes.emplace_back();
  route.config = &from;
  route.metrics = kernel_metrics::of_route(listener.config->name, from.name);
  route.timeout_ms = static_cast<std::uint64_t>(from.timeout.value_or(listener.config->timeouts.request).count());
  std::uint32_t until = 0;
  for (const config::WeightedCluster& one : from.clusters) {
    Cluster* cluster = generation.cluster(one.cluster);
    if (cluster == nullptr) {
      diagnostics.error(*from.node, "there is no cluster \"" + one.cluster + "\"");
      continue;
    }
    until += one.weight;  // read_model keeps the sum below 2^32
    route.targets.push_back({cluster, until});
  }
  if (!from.handler.empty()) {
    const std::vector<hooks::Instance*>& chain = listener.chain.instances;
    route.handler = generation.instance(from.handler);
    if (route.handler == nullptr) diagnostics.error(*from.node, "there is no plugin \"" + from.handler + "\"");
    route.handler_position = static_cast<std::uint32_t>(std::find(chain.begin(), chain.end(), route.handler) - chain.begin());
  }
  make_route_configs(generation, listener, route, diagnostics);
}

void make_listener(Generation& generation, const config::Listener& from, const tls::Secrets& secrets, const Generation* before,
                   config::Diagnostics& diagnostics) {
  generation.listeners.push_back(std::make_unique<Listener>());
  Listener& listener = *generation.listeners.back();
  listener.config = &from;
  listener.index = static_cast<std::uint32_t>(generation.listeners.size() - 1);
  listener.limits = {.head_bytes_max = from.limits.head_bytes, .target_bytes_max = from.limits.target_bytes, .fields_max = from.limits.headers};
  Result<Address> address = parse_address(from.address);
  if (address.ok()) {
    listener.address = *address;
    listener.listening_key = address->port() != 0 ? address->text() : from.name + ' ' + address->text();
    if (from.transparent) listener.listening_key += " transparent";
    generation.listening_keys.emplace(listener.listening_key, &listener);
  } else {
    diagnostics.error(*from.node, address.error());
  }

  const Listener* const old = before == nullptr ? nullptr : before->listening_as(listener);
  if (old != nullptr) listener.open_connections = old->open_connections;
  if (from.tls) {
    std::vector<std::string> alpn;
    if (from.protocol == config::Listener::Protocol::kHttp1) {
      if (from.speaks_http2) alpn.emplace_back("h2");
      if (from.speaks_http1) alpn.emplace_back("http/1.1");
    }
    listener.tls = tls::ServerContext::make(*from.tls, secrets, std::move(alpn), old == nullptr ? nullptr : old->tls, diagnostics);
  }
  listener.metrics = kernel_metrics::of_listener(from.name);
  if (from.proxy_protocol != config::Listener::ProxyProtocol::kOff) listener.proxy_headers = kernel_metrics::of_proxy_headers(from.name);
  if (!make_chain(generation, from, listener.chain, diagnostics)) return;
  listener.router = std::make_unique<route::Router>(from.routes, diagnostics);
  listener.routes.reserve(from.routes.size());
  for (const config::Route& one : from.routes) make_route(generation, one, listener, diagnostics);
}

}  // namespace

Cluster* Route::target(Worker& worker) const {
  if (targets.size() < 2) return targets.empty() ? nullptr : targets[0].cluster;
  const auto turn = static_cast<std::uint32_t>(worker.random() % targets.back().until);
  std::size_t i = 0;
  while (turn >= targets[i].until) ++i;
  return targets[i].cluster;
}

metrics::SeriesId Listener::bite(std::string_view limit) const { return kernel_metrics::limit_hits(config->name, limit); }

Listener::~Listener() {
  for (Route& route : routes) {
    for (std::size_t i = 0; i < route.plugin_configs.size(); ++i) {
      hooks::Instance* instance = instance_at(chain, route, i);
      if (instance != nullptr) hooks::Loader::destroy_route(*instance, route.plugin_configs[i]);
    }
  }
}

std::shared_ptr<hooks::Instance> Generation::shared_instance(std::string_view name) const {
  const auto found = instance_names.find(name);
  return found == instance_names.end() ? nullptr : found->second;
}

Listener* Generation::listening_as(const Listener& other) const {
  const auto found = listening_keys.find(other.listening_key);
  return found == listening_keys.end() ? nullptr : found->second;
}

std::shared_ptr<Cluster> Generation::shared_cluster(std::string_view name) const {
  const auto found = cluster_names.find(name);
  return found == cluster_names.end() ? nullptr : found->second;
}

bool Generation::warm() const {
  return std::all_of(awaited.begin(), awaited.end(), [](const auto& feed) { return sources::latest(*feed) != nullptr; });
}

Generation::~Generation() {
  listeners.clear();
  cluster_names.clear();
  clusters.clear();
  instance_names.clear();
  while (!instances.empty()) instances.pop_back();
}

std::unique_ptr<Generation> build_generation(std::uint64_t id, config::Composition composition, std::uint32_t workers,
                                             const Generation* before, config::Diagnostics& diagnostics) {
  kernel_metrics::define_all();  // before a plugin can define a metric
  auto generation = std::make_unique<Generation>();
  generation->id = id;
  generation->file = std::move(composition.file);
  generation->resources = std::move(composition.resources);
  generation->model = std::move(composition.model);
  generation->workers = workers;
  const config::Model& from = generation->model;

  hooks::Loader loader(hooks::plugin_folders(generation->file->document.file, from), hooks::host_table(), workers);
  static const std::vector<std::shared_ptr<hooks::Instance>> kNone;
  generation->instances = loader.load(from.instances, before != nullptr ? before->instances : kNone, id, false, diagnostics);
  if (diagnostics.failed()) return nullptr;
  for (std::size_t i = 0; i < from.instances.size(); ++i) {
    generation->instance_names.emplace(from.instances[i].name, generation->instances[i]);
  }
  hooks::check_halves(from, generation->instances, diagnostics);
  tls::Secrets secrets;
  for (const config::Secret& one : from.secrets) secrets.emplace(one.name, &one);
  generation->clusters.reserve(from.clusters.size());
  for (const config::Cluster& one : from.clusters) make_cluster(*generation, one, secrets, before, diagnostics);
  generation->listeners.reserve(from.listeners.size());
  for (const config::Listener& one : from.listeners) make_listener(*generation, one, secrets, before, diagnostics);
  const bool choosing = std::any_of(generation->listeners.begin(), generation->listeners.end(), [](const auto& one) {
    return one->tls != nullptr && !one->chain.of(Hook::kClientHello).empty();
  });
  for (const config::Secret& one : from.secrets) {
    if (choosing && !one.certificate.empty()) generation->key_pairs.emplace(one.name, tls::key_pair(one, *one.node, diagnostics));
  }
  if (diagnostics.failed()) return nullptr;
  return generation;
}

}  // namespace cleat
