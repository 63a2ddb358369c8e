#include "kernel/kernel_metrics.hpp"

namespace cleat::kernel_metrics {
namespace {

using metrics::Kind;
using metrics::own_series;

constexpr std::uint64_t kSeriesMax = 100'000;  // of each of the kernel's metrics

// From half a millisecond to a minute: what is less says that the proxy is not what takes time.
const std::vector<std::uint64_t> kDurationsUs = {500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,    100'000,
                                                 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};

struct Ids {
  metrics::MetricId requests, responses, connections, active, exchanges, bytes_received, bytes_sent, handshakes, limit_hits, route_requests, route_duration,
      attempts, outcomes, attempt_duration, in_flight, connect_failures, overflows, upstream_connections, proxy_headers;
};

metrics::MetricId define(Kind kind, const char* name, const char* help, std::vector<std::string> labels) {
  return metrics::define_own(kind, name, help, std::move(labels), kSeriesMax, kind == Kind::kHistogram ? kDurationsUs : std::vector<std::uint64_t>{});
}

const Ids& ids() {
  static const Ids all = {
      .requests = define(Kind::kCounter, "cleat_requests_total", "Request heads received, refused ones too.", {"listener"}),
      .responses = define(Kind::kCounter, "cleat_responses_total", "Response heads sent downstream.", {"listener", "class"}),
      .connections = define(Kind::kCounter, "cleat_connections_total", "Downstream connections accepted.", {"listener"}),
      .active = define(Kind::kGauge, "cleat_connections_active", "Downstream connections that are open.", {"listener"}),
      .exchanges = define(Kind::kGauge, "cleat_exchanges_active", "Requests under way.", {"listener"}),
      .bytes_received = define(Kind::kCounter, "cleat_request_bytes_total", "Bytes of request heads and bodies.", {"listener"}),
      .bytes_sent = define(Kind::kCounter, "cleat_response_bytes_total", "Bytes of response bodies.", {"listener"}),
      .handshakes = define(Kind::kCounter, "cleat_tls_handshakes_total", "TLS handshakes with clients that ended.", {"listener", "result"}),
      .limit_hits = define(Kind::kCounter, "cleat_limit_hits_total", "How often a limit or timeout of the listener applied.",
                           {"listener", "limit"}),
      .route_requests = define(Kind::kCounter, "cleat_route_requests_total", "Exchanges that ended, by route and class of the status.",
                               {"listener", "route", "class"}),
      .route_duration = define(Kind::kHistogram, "cleat_route_duration_microseconds",
                               "Time from a request's first byte to the end of its exchange.", {"listener", "route"}),
      .attempts = define(Kind::kCounter, "cleat_upstream_attempts_total", "Attempts to send a request to an endpoint.", {"cluster"}),
      .outcomes = define(Kind::kCounter, "cleat_upstream_attempt_ends_total", "Attempts that ended, by outcome or class of the status.",
                         {"cluster", "outcome"}),
      .attempt_duration = define(Kind::kHistogram, "cleat_upstream_attempt_duration_microseconds",
                                 "Time from an attempt's start to its response head, or its failure.", {"cluster"}),
      .in_flight = define(Kind::kGauge, "cleat_upstream_in_flight", "Exchanges that have a connection to an endpoint.", {"cluster"}),
      .connect_failures = define(Kind::kCounter, "cleat_upstream_connect_failures_total",
                                 "Connections to endpoints that failed or timed out.", {"cluster"}),
      .overflows = define(Kind::kCounter, "cleat_upstream_overflow_total", "Attempts refused at the cluster's bounds.", {"cluster"}),
      .upstream_connections = define(Kind::kCounter, "cleat_upstream_connections_total", "Connections opened to endpoints.", {"cluster"}),
      .proxy_headers = define(Kind::kCounter, "cleat_proxy_headers_total", "Starts of connections where the PROXY protocol is read, by what was found.",
                              {"listener", "found"}),
  };
  return all;
}

}  // namespace

void define_all() { ids(); }

ListenerMetrics of_listener(std::string_view listener) {
  const Ids& all = ids();
  ListenerMetrics made = {.requests = own_series(all.requests, {listener}),
                          .connections = own_series(all.connections, {listener}),
                          .active = own_series(all.active, {listener}),
                          .exchanges = own_series(all.exchanges, {listener}),
                          .bytes_received = own_series(all.bytes_received, {listener}),
                          .bytes_sent = own_series(all.bytes_sent, {listener}),
                          .tls_full = own_series(all.handshakes, {listener, "full"}),
                          .tls_resumed = own_series(all.handshakes, {listener, "resumed"}),
                          .tls_failed = own_series(all.handshakes, {listener, "failed"}),
                          .responses = {}};
  for (std::size_t i = 0; i < made.responses.size(); ++i) made.responses[i] = own_series(all.responses, {listener, kClasses[i]});
  return made;
}

ProxyHeaderSeries of_proxy_headers(std::string_view listener) {
  const metrics::MetricId all = ids().proxy_headers;
  return {.v1 = own_series(all, {listener, "v1"}),
          .v2 = own_series(all, {listener, "v2"}),
          .absent = own_series(all, {listener, "absent"}),
          .refused = own_series(all, {listener, "refused"})};
}

RouteMetrics of_route(std::string_view listener, std::string_view route) {
  RouteMetrics made = {.duration = own_series(ids().route_duration, {listener, route}), .requests = {}};
  for (std::size_t i = 0; i < made.requests.size(); ++i) made.requests[i] = own_series(ids().route_requests, {listener, route, kClasses[i]});
  return made;
}

ClusterMetrics of_cluster(std::string_view cluster) {
  const Ids& all = ids();
  ClusterMetrics made = {.attempts = own_series(all.attempts, {cluster}),
                         .connect_failures = own_series(all.connect_failures, {cluster}),
                         .overflows = own_series(all.overflows, {cluster}),
                         .connections = own_series(all.upstream_connections, {cluster}),
                         .in_flight = own_series(all.in_flight, {cluster}),
                         .duration = own_series(all.attempt_duration, {cluster}),
                         .outcomes = {}};
  for (std::size_t i = 1; i < made.outcomes.size(); ++i) made.outcomes[i] = own_series(all.outcomes, {cluster, kOutcomes[i]});
  return made;
}

metrics::SeriesId limit_hits(std::string_view listener, std::string_view limit) { return own_series(ids().limit_hits, {listener, limit}); }

}  // namespace cleat::kernel_metrics
