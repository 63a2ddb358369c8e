// cleat.config_source/1, the host's half: what comes from a plugin is checked, and handed to kernel/sources.
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/structs.hpp"
#include "kernel/sources/transactions.hpp"

namespace cleat::hooks {
namespace {

using sources::Outcome;

constexpr std::uint32_t kWeightMax = 65'535;

cleat_status status_of(Outcome outcome, const char* limit) {
  switch (outcome) {
    case Outcome::kDone: return CLEAT_OK;
    case Outcome::kNoInstance: return fail_call(CLEAT_STALE, "config source: no such instance");
    case Outcome::kPast: return fail_call(CLEAT_STALE, "config source: another instance has taken this one's place");
    case Outcome::kNoTransaction: return fail_call(CLEAT_STALE, "config source: the transaction has ended");
    case Outcome::kLimit: return fail_call(CLEAT_LIMIT, limit);
  }
  return CLEAT_FAILED;
}

cleat_status source_begin(cleat_instance self, std::uint32_t flags, std::uint64_t* transaction) {
  if (transaction == nullptr) return fail_call(CLEAT_INVALID, "begin: the output is NULL");
  if ((flags & ~CLEAT_SOURCE_REPLACE) != 0) return fail_call(CLEAT_INVALID, "begin: a flag that this host does not know");
  return guarded([&] {
    return status_of(sources::begin(self, (flags & CLEAT_SOURCE_REPLACE) != 0, *transaction), "begin: 16 transactions are open already");
  });
}

// What stage and remove have in common: true if the resource has a kind and a name.
bool named(std::uint32_t kind, cleat_str name, config::ResourceKind& as) {
  if (kind < CLEAT_SOURCE_LISTENER || kind > CLEAT_SOURCE_SECRET || bad(name) || !config::valid_name(to_view(name))) return false;
  as = static_cast<config::ResourceKind>(kind - CLEAT_SOURCE_LISTENER);
  return true;
}

cleat_status not_named() { return fail_call(CLEAT_INVALID, "config source: no such kind, or a name that is not 1 to 128 of A-Z a-z 0-9 _ . - /"); }

cleat_status source_stage(std::uint64_t transaction, std::uint32_t kind, cleat_str name, cleat_str document) {
  config::ResourceKind as{};
  if (!named(kind, name, as)) return not_named();
  if (bad(document)) return fail_call(CLEAT_INVALID, "stage: the document is NULL");
  return guarded([&] {
    return status_of(sources::stage(transaction, as, std::string(to_view(name)), to_view(document)),
                     "stage: over 4 MiB of one document, or 128 MiB or 100,000 of all sources' resources");
  });
}

cleat_status source_remove(std::uint64_t transaction, std::uint32_t kind, cleat_str name) {
  config::ResourceKind as{};
  if (!named(kind, name, as)) return not_named();
  return guarded([&] { return status_of(sources::remove(transaction, as, std::string(to_view(name))), "remove: 100,000 names"); });
}

void tell(cleat_instance self, cleat_commit_fn fn, void* user, sources::Answer answer, std::uint64_t version, const std::string& text) {
  Instance* const instance = find_created(self);
  if (instance == nullptr) return;
  cleat_status status = CLEAT_OK;
  switch (answer) {
    case sources::Answer::kAccepted: break;
    case sources::Answer::kRefused: status = CLEAT_INVALID; break;
    case sources::Answer::kPast: status = CLEAT_STALE; break;
    case sources::Answer::kEnding: status = CLEAT_FAILED; break;
  }
  call_plugin(instance, Hook::kCommitted, [&] {
    fn(instance->self, status, version, to_str(text), user);
    return CLEAT_OK;
  });
}

cleat_status source_commit(std::uint64_t transaction, cleat_commit_fn fn, void* user) {
  return guarded([&] {
    const Outcome outcome = sources::commit(transaction, [fn, user](cleat_instance self, sources::Answer answer, std::uint64_t version, const std::string& text) {
      if (fn != nullptr) tell(self, fn, user, answer, version, text);
    });
    return status_of(outcome, "commit: 1,024 commits wait already");
  });
}

cleat_status source_abandon(std::uint64_t transaction) { return status_of(sources::abandon(transaction), ""); }

// One endpoint as the kernel keeps it; or why not.
std::string read_endpoint(const char* at, EndpointSpec& to) {
  constexpr std::size_t kLeast = offsetof(cleat_source_endpoint, reserved) + sizeof(cleat_source_endpoint::reserved);
  cleat_source_endpoint one;
  if (const char* wrong = read_struct(reinterpret_cast<const cleat_source_endpoint*>(at), kLeast, one)) return wrong;
  if (one.weight == 0 || one.weight > kWeightMax) return "a weight is 1 to 65535";
  if ((one.flags & ~CLEAT_SOURCE_UNHEALTHY) != 0) return "a flag that this host does not know";
  if (bad(one.address)) return "the address is NULL";
  to.text = std::string(to_view(one.address));
  Result<Address> address = parse_address(to.text);
  if (!address.ok()) return address.error();
  if (address->port() == 0) return "port 0 cannot be connected to";
  to.address = *address;
  to.weight = one.weight;
  to.healthy = (one.flags & CLEAT_SOURCE_UNHEALTHY) == 0;
  return {};
}

cleat_status source_endpoints(cleat_instance self, cleat_str cluster, const cleat_source_endpoint* list, std::uint64_t count, std::uint64_t stride) {
  if (bad(cluster) || (list == nullptr && count != 0)) return fail_call(CLEAT_INVALID, "endpoints: a pointer is NULL");
  if (stride < sizeof(std::uint32_t) || stride % 4 != 0 || stride > kStructBytesMax) return fail_call(CLEAT_INVALID, "endpoints: the stride is not that of a struct");
  if (count > sources::kFeedEndpointsMax) return fail_call(CLEAT_LIMIT, "endpoints: more than 65,536");
  return guarded([&]() -> cleat_status {
    std::vector<EndpointSpec> all(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string why = read_endpoint(reinterpret_cast<const char*>(list) + i * stride, all[i]);
      if (!why.empty()) return fail_call(CLEAT_INVALID, "endpoints: " + std::to_string(i) + ": " + why);
    }
    if (sources::has_repeated(all)) return fail_call(CLEAT_INVALID, "endpoints: an address is there twice");
    std::shared_ptr<const sources::EndpointList> made = sources::EndpointList::make(std::move(all));
    if (made == nullptr) return fail_call(CLEAT_LIMIT, "endpoints: more than 1,000,000 of all clusters");
    const Outcome outcome = sources::endpoints(self, std::string(to_view(cluster)), std::move(made));
    if (outcome == Outcome::kNoTransaction) return fail_call(CLEAT_NOT_FOUND, "endpoints: this source neither holds nor watches such a cluster");
    return status_of(outcome, "");
  });
}

cleat_status source_version(cleat_instance self, std::uint64_t* version) {
  if (version == nullptr) return fail_call(CLEAT_INVALID, "version: the output is NULL");
  return guarded([&] { return status_of(sources::version(self, *version), ""); });
}

}  // namespace

const cleat_host_config_source kHostConfigSource = {
    .size = sizeof(cleat_host_config_source),
    .reserved = 0,
    .begin = source_begin,
    .stage = source_stage,
    .remove = source_remove,
    .commit = source_commit,
    .abandon = source_abandon,
    .endpoints = source_endpoints,
    .version = source_version,
};

}  // namespace cleat::hooks
