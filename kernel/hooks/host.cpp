// The one host table of this process, and the functions of it that need no exchange. Every function of the table is here or in the
// host_*.cpp file of its subject; none of them throws, none of them trusts what it is given.
#include "kernel/control.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

struct Entry {
  std::string_view id;
  const void* table;
};

// ABI 0.9. Balancer, handler, config_source, tls and handover have a plugin's half too.
constexpr Entry kTables[] = {
    {CLEAT_EXT_CONFIG, &kHostConfig},
    {CLEAT_EXT_BODY, &kHostBody},
    {CLEAT_EXT_ATTRIBUTES, &kHostAttributes},
    {CLEAT_EXT_METADATA, &kHostMetadata},
    {CLEAT_EXT_TIMER, &kHostTimer},
    {CLEAT_EXT_POST, &kHostPost},
    {CLEAT_EXT_METRICS, &kHostMetrics},
    {CLEAT_EXT_BALANCER, &kHostBalancer},
    {CLEAT_EXT_HANDLER, &kHostHandler},
    {CLEAT_EXT_EVENTS, &kHostEvents},
    {CLEAT_EXT_CONTROL, &kHostControl},
    {CLEAT_EXT_CONFIG_SOURCE, &kHostConfigSource},
    {CLEAT_EXT_KV, &kHostKv},
    {CLEAT_EXT_HTTP_CALL, &kHostHttpCall},
    {CLEAT_EXT_TLS, &kHostTls},
    {CLEAT_EXT_HANDOVER, &kHostHandover},
};

const void* find(cleat_str id) {
  if (bad(id)) return nullptr;
  for (const Entry& entry : kTables) {
    if (entry.id == to_view(id)) return entry.table;
  }
  return nullptr;
}

cleat_status log(cleat_instance self, std::uint32_t level, cleat_str text) {
  return guarded([&] { return host_log(self, level, text); });
}

cleat_status set_error(cleat_str text) {
  if (bad(text)) return fail_call(CLEAT_INVALID, "set_error: the text is NULL");
  return set_call_error(to_view(text));
}

cleat_status worker_index(std::uint32_t* index) {
  if (index == nullptr) return fail_call(CLEAT_INVALID, "worker_index: the output is NULL");
  const Worker* const worker = Worker::current();
  if (worker == nullptr) return fail_call(CLEAT_WRONG_THREAD, "this is not a worker's thread");
  *index = worker->index;
  return CLEAT_OK;
}

cleat_status complete(std::uint64_t completion) {
  return guarded([&]() -> cleat_status {
    return complete_from_plugin(completion) ? CLEAT_OK : fail_call(CLEAT_STALE, "complete: nothing waits for this");
  });
}

constexpr std::string_view kName = "cleat";
constexpr std::string_view kVersion = CLEAT_VERSION;

constexpr cleat_host kHost = {
    .size = sizeof(cleat_host),
    .abi = CLEAT_ABI,
    .name = {kName.data(), kName.size()},
    .version = {kVersion.data(), kVersion.size()},
    .find = find,
    .log = log,
    .error_text = error_text,
    .set_error = set_error,
    .worker_index = worker_index,
    .header_get = with<exchange_of, header_get>,
    .header_count = with<exchange_of, header_count>,
    .header_at = with<exchange_of, header_at>,
    .header_set = with<exchange_of, header_set>,
    .header_add = with<exchange_of, header_add>,
    .header_remove = with<exchange_of, header_remove>,
    .field_get = with<exchange_of, field_get>,
    .field_set = with<exchange_of, field_set>,
    .status_get = with<exchange_of, status_get>,
    .status_set = with<exchange_of, status_set>,
    .exchange_state = with<exchange_of, exchange_state>,
    .route_config = with<exchange_of, route_config>,
    .reply = with<exchange_of, reply>,
    .reset = with<exchange_of, reset>,
    .reroute = with<exchange_of, reroute>,
    .cluster_set = with<exchange_of, cluster_set>,
    .attempt_timeout = with<exchange_of, attempt_timeout>,
    .retry = with<exchange_of, retry>,
    .suspend = suspend,
    .resume = resume,
    .complete = complete,
    .exchange_timeout = with<exchange_of, exchange_timeout>,
};

}  // namespace

bool host_has(std::string_view extension) { return find(to_str(extension)) != nullptr; }

constinit const cleat_host* other_host = nullptr;

const cleat_host* host_table() { return other_host != nullptr ? other_host : &kHost; }
void use_host_table(const cleat_host* other) { other_host = other; }

}  // namespace cleat::hooks
