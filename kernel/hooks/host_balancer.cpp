// cleat.balancer/1, the host's half: what a policy may know and say about a cluster's endpoints. Any thread, so sets of endpoints are pinned.
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/upstream/pool.hpp"

namespace cleat::hooks {
namespace {

cleat_status gone() { return fail_call(CLEAT_STALE, "balancer: the set of endpoints is gone"); }
cleat_status no_endpoint() { return fail_call(CLEAT_INVALID, "balancer: there is no endpoint of this index"); }

template <class Use>
cleat_status with_endpoint(std::uint64_t handle, std::uint64_t index, Use&& use) {
  const EndpointSets::Pin set(endpoint_sets(), handle);
  if (set.get() == nullptr) return gone();
  if (index >= set.get()->members.size()) return no_endpoint();
  return use(*set.get()->members[index].endpoint);
}

cleat_status null_output() { return fail_call(CLEAT_INVALID, "balancer: the output is NULL"); }

cleat_status balancer_in_flight(std::uint64_t cluster, std::uint64_t index, std::uint64_t* count) {
  if (count == nullptr) return null_output();
  return with_endpoint(cluster, index, [&](const Endpoint& endpoint) {
    *count = endpoint.in_flight();
    return CLEAT_OK;
  });
}

cleat_status balancer_health_get(std::uint64_t cluster, std::uint64_t index, std::uint32_t* healthy) {
  if (healthy == nullptr) return null_output();
  return with_endpoint(cluster, index, [&](const Endpoint& endpoint) {
    *healthy = endpoint.healthy.load(std::memory_order_relaxed) ? 1 : 0;
    return CLEAT_OK;
  });
}

cleat_status balancer_health_set(std::uint64_t cluster, std::uint64_t index, std::uint32_t healthy) {
  if (healthy > 1) return fail_call(CLEAT_INVALID, "balancer: healthy is 0 or 1");
  return with_endpoint(cluster, index, [&](Endpoint& endpoint) {
    endpoint.healthy.store(healthy != 0, std::memory_order_relaxed);
    return CLEAT_OK;
  });
}

cleat_status balancer_tried(const Exchange& x, std::uint64_t index, std::uint32_t* tried) {
  if (tried == nullptr) return null_output();
  if (x.endpoints == nullptr) return fail_call(CLEAT_WRONG_PHASE, "balancer: the exchange makes no attempt");
  const auto& members = x.endpoints->set->members;
  if (index >= members.size()) return no_endpoint();
  *tried = x.tried.has(*members[index].endpoint) ? 1 : 0;
  return CLEAT_OK;
}

}  // namespace

const cleat_host_balancer kHostBalancer = {
    .size = sizeof(cleat_host_balancer),
    .reserved = 0,
    .in_flight = balancer_in_flight,
    .health_get = balancer_health_get,
    .health_set = balancer_health_set,
    .tried = with<exchange_of, balancer_tried>,
};

}  // namespace cleat::hooks
