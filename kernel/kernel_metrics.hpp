// What the kernel counts of listeners, routes and clusters: the definitions of its metrics, and their series resolved once for each
// object of a generation. A name keeps its series over generations. Times are counted in microseconds.
#pragma once

#include <array>
#include <string_view>

#include "kernel/base/metrics.hpp"

namespace cleat {

inline constexpr std::array kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};  // by status / 100; 0: ended without a response
using ClassSeries = std::array<metrics::SeriesId, kClasses.size()>;

inline constexpr std::array kOutcomes = {"none",           "1xx",             "2xx",   "3xx",     "4xx",       "5xx",  // a response, else 5 + CLEAT_END_*
                                         "connect_failed", "connect_timeout", "reset", "timeout", "malformed", "no_endpoint", "overflow"};

struct ListenerMetrics {
  metrics::SeriesId requests = 0, connections = 0, active = 0, exchanges = 0, bytes_received = 0, bytes_sent = 0;
  metrics::SeriesId tls_full = 0, tls_resumed = 0, tls_failed = 0;  // handshakes
  ClassSeries responses{};
};

struct ProxyHeaderSeries {
  metrics::SeriesId v1 = 0, v2 = 0, absent = 0, refused = 0;
};

struct RouteMetrics {
  metrics::SeriesId duration = 0;
  ClassSeries requests{};
};

struct ClusterMetrics {
  metrics::SeriesId attempts = 0, connect_failures = 0, overflows = 0, connections = 0, in_flight = 0, duration = 0;
  std::array<metrics::SeriesId, kOutcomes.size()> outcomes{};  // of attempts
};

namespace kernel_metrics {

void define_all();  // [control] before a plugin can take a name for something else

// [any] Take a lock. Names are at most 128 bytes.
ListenerMetrics of_listener(std::string_view listener);
ProxyHeaderSeries of_proxy_headers(std::string_view listener);
RouteMetrics of_route(std::string_view listener, std::string_view route);
ClusterMetrics of_cluster(std::string_view cluster);
metrics::SeriesId limit_hits(std::string_view listener, std::string_view limit);

}  // namespace kernel_metrics
}  // namespace cleat
