// The functions of cleat_host and the tables of its extensions, each in the file of its name; host.cpp puts them together. What they
// do is said in plugin_api/host.h and plugin_api/ext/. kHostConfig, kHostMetrics and metadata_key are in instance.hpp.
#pragma once

#include <cstdint>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/host.h"

namespace cleat {
class Buffer;
class Exchange;
}  // namespace cleat

namespace cleat::hooks {

extern const cleat_host_body kHostBody;
extern const cleat_host_attributes kHostAttributes;
extern const cleat_host_metadata kHostMetadata;
extern const cleat_host_timer kHostTimer;
extern const cleat_host_post kHostPost;
extern const cleat_host_balancer kHostBalancer;
extern const cleat_host_handler kHostHandler;
extern const cleat_host_handover kHostHandover;
extern const cleat_host_events kHostEvents;
extern const cleat_host_http_call kHostHttpCall;
extern const cleat_host_kv kHostKv;
extern const cleat_host_config_source kHostConfigSource;
extern const cleat_host_tls kHostTls;
extern const cleat_host_control kHostControl;

// host_head.cpp
cleat_status header_get(Exchange& x, cleat_part part, cleat_str name, std::uint64_t index, cleat_str* value);
cleat_status header_count(Exchange& x, cleat_part part, std::uint64_t* count);
cleat_status header_at(Exchange& x, cleat_part part, std::uint64_t position, cleat_header* header);
cleat_status header_set(Exchange& x, cleat_part part, cleat_str name, cleat_str value);
cleat_status header_add(Exchange& x, cleat_part part, cleat_str name, cleat_str value);
cleat_status header_remove(Exchange& x, cleat_part part, cleat_str name);
cleat_status status_get(Exchange& x, std::uint32_t* status);
cleat_status status_set(Exchange& x, std::uint32_t status);

// host_field.cpp
cleat_status field_get(const Exchange& x, cleat_field field, cleat_str* value);
cleat_status field_set(Exchange& x, cleat_field field, cleat_str value);

// host_exchange.cpp
cleat_status exchange_state(Exchange& x, std::uint64_t size, void** state);
cleat_status route_config(const Exchange& x, void** route);
cleat_status reply(Exchange& x, const cleat_reply* reply);
cleat_status reset(Exchange& x);
cleat_status reroute(Exchange& x);
cleat_status cluster_set(Exchange& x, cleat_str cluster);
cleat_status attempt_timeout(Exchange& x, std::uint64_t timeout_ms);
cleat_status exchange_timeout(Exchange& x, std::uint64_t timeout_ms);
cleat_status retry(Exchange& x, const cleat_retry* retry);

// metrics_computed.cpp: the end of metrics.visit
void visit_computed(void (*fn)(void* user, const cleat_metric_view* view), void* user);

// host_body.cpp: what cleat.body/1 does to the piece at hand. bytes_max: the listener's body_buffer
cleat_status join_piece(Buffer& piece, std::uint64_t bytes_max, cleat_str data, bool in_front);
cleat_status replace_piece(Buffer& piece, std::uint64_t bytes_max, cleat_str data);
cleat_status drain_piece(Buffer& piece, std::uint64_t count);

// host_suspend.cpp
cleat_status suspend(std::uint64_t subject, cleat_ticket* ticket);
cleat_status resume(cleat_ticket ticket, cleat_verdict verdict);

}  // namespace cleat::hooks
