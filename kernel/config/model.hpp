// What a configuration says, checked and typed, before anything is built from it. Plain values; one Model makes one
// generation. Nodes point into the Document, which must live until the generation's plugins have been created.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/config/document.hpp"

namespace cleat::config {

using Milliseconds = std::chrono::milliseconds;

struct Quarantine {                  // quarantine: {failures, stalls, window, backoff}
  std::uint32_t failures = 100;      // of an instance within the window, and it is taken out; 0 = never for them
  std::uint32_t stalls = 5;          // the same of stalls; one that lasts counts again each time it is told of
  Milliseconds window{10'000};
  Milliseconds backoff{10'000};      // how long it is out; twice as long when it has to go again soon, up to 5 minutes
  bool operator==(const Quarantine&) const = default;
};

struct Instance {                    // plugins: [{name, use, config, on_failure, quarantine, isolation}]
  std::string name;
  std::string use;                   // file name without .so, looked for in plugin_path, or an absolute path (in the file: one
                                     // with a '/', relative to the file's folder)
  bool fail_open = false;            // on_failure: open | closed (the default)
  const Node* config = nullptr;
  const Node* node = nullptr;
  Quarantine quarantine = {};
  std::string isolation = {};        // a kind, or {kind, ...its options}: the plugin isolation_<kind>.so is loaded in the file's place, and hosts it
  const Node* isolation_node = nullptr;
};

struct TextMatch {
  enum class Kind : std::uint8_t { kExact, kPrefix, kRegex, kPresent };
  Kind kind = Kind::kPresent;
  std::string value;
  const Node* node = nullptr;        // of the value
};

struct FieldMatch {                  // headers / query: [{name, exact|prefix|regex|present, invert}] or a map name: exact value
                                     // holds if any field (parameter) of that name matches; invert: if none does
  std::string name;
  TextMatch match;
  bool invert = false;
};

struct Match {                       // every given part must match
  std::vector<std::string> hosts;    // host: exact "a.example.com", wildcard "*.example.com", or "*"; a scalar or a list
  enum class Path : std::uint8_t { kAny, kExact, kPrefix, kRegex };
  Path path_kind = Path::kAny;
  std::string path;                  // prefix matches at segment borders: /v1 matches /v1, /v1/ and /v1/x, not /v10; /v1/ does
                                     // not match /v1; / matches everything. A regex must match the whole path
  const Node* path_node = nullptr;
  std::vector<std::string> methods;
  std::vector<FieldMatch> headers;
  std::vector<FieldMatch> query;
};

struct WeightedCluster {
  std::string cluster;
  std::uint32_t weight = 1;
};

struct HeaderValue {
  std::string name;
  std::string value;
};

struct Redirect {                    // redirect: {status: 301|302|303|307|308, scheme, host, path | prefix_rewrite, strip_query}
  std::uint16_t status = 301;
  std::string scheme, host, path;
  std::optional<std::string> prefix_rewrite;
  bool strip_query = false;
};

struct DirectReply {                 // reply: {status, body, headers: {name: value}}
  std::uint16_t status = 200;
  std::string body;
  std::vector<HeaderValue> headers;
};

struct RoutePlugin {                 // plugins: {instance: config}
  std::string instance;
  const Node* config = nullptr;
};

struct Route {
  std::string name;                  // default: <listener>/<position from 0>
  Match match;
  // Exactly one of cluster(s), handler, redirect, reply.
  std::vector<WeightedCluster> clusters;  // cluster: name, or clusters: [{name, weight}]
  std::string handler;               // an instance with cleat.handler/1
  std::optional<Redirect> redirect;
  std::optional<DirectReply> reply;
  std::optional<std::string> prefix_rewrite;  // replaces match.prefix
  std::string host_rewrite;
  std::optional<Milliseconds> timeout;        // of the whole exchange; default: the listener's request timeout
  bool allow_connect = false;
  bool allow_upgrade = true;         // Upgrade tunnels (WebSocket)
  std::vector<RoutePlugin> plugins;
  const Node* node = nullptr;
};

struct Timeouts {                    // timeouts: {...}; 0 = none
  Milliseconds head{10'000};         // from a request's first byte (or accept) to its head's end: 408
  Milliseconds idle{60'000};         // keep-alive connection without a request
  Milliseconds body{30'000};         // without progress of a body, either side
  Milliseconds request{60'000};      // request head's end to response's end, per exchange: 504 before the response head
  Milliseconds suspend{30'000};      // a plugin's SUSPEND: then FAIL
  Milliseconds tunnel_idle{300'000}; // Upgrade and CONNECT tunnels
  Milliseconds drain{30'000};        // SIGTERM to the last connection cut
};

struct Limits {                      // limits: {...}
  std::uint64_t head_bytes = 64 * 1024;
  std::uint64_t target_bytes = 8 * 1024;
  std::uint32_t headers = 100;
  std::uint64_t body_buffer = 1024 * 1024;    // most a plugin may gather, or the kernel keep for replay
  std::uint64_t body_bytes = 0;               // most a request body may have: 413; 0 = no bound
  std::uint64_t connections = 10'000;         // of this listener, over all workers: further ones are closed at accept
  std::uint64_t requests_per_connection = 0;  // then Connection: close; 0 = no bound
  bool ignore_memory_max = false;             // serves on when the process is over memory_max: for a listener of operators
};

struct Http2 {                       // http2: {...}: of each connection that speaks it
  std::uint32_t concurrent_streams = 100;
  std::uint64_t stream_window = 64 * 1024;    // of a request's body that is received and not used yet; the connection's is that of all
                                              // its streams together
  std::uint32_t stream_resets = 500;          // within 10 s, by the client or for its errors: one more ends the connection
};

enum class SlashPolicy : std::uint8_t { kKeep, kDecode, kReject };  // %2F in paths

struct PathPolicy {                  // path: {merge_slashes, escaped_slashes: keep|decode|reject}
  bool merge_slashes = true;
  SlashPolicy escaped_slashes = SlashPolicy::kKeep;
  bool operator==(const PathPolicy&) const = default;
};

struct ForwardPolicy {               // forward: {...}: the fields that proxies add
  bool via = true;                   // Via: 1.1 cleat, both ways
  enum class For : std::uint8_t { kAppend, kSet, kKeep, kOff } x_forwarded_for = For::kSet;  // kSet: only the peer (edge default)
  bool x_forwarded_proto = true;
  enum class Id : std::uint8_t { kKeepOrMake, kMake, kOff } x_request_id = Id::kMake;
};

// A file beside the configuration that was read with it, and its mark_of from before that.
struct ReadFile {
  std::string path, mark;
};

struct Secret {                      // secrets: [{name, certificate, key, ocsp, ca}]: PEM, or a path to it (relative to the file)
  std::string name;
  std::string certificate, key;      // PEM, the whole chain; both or neither
  std::string ocsp;                  // what is stapled: a response in DER (RFC 6960), always from a file
  std::string ca;                    // PEM, one or more certificates
  std::vector<ReadFile> files;
  const Node* node = nullptr;
};

struct TlsPolicy {                   // of both sides
  enum class Version : std::uint8_t { k12, k13 } min_version = Version::k12;  // min_version: "1.2" | "1.3"
  std::string ciphers;               // of TLS 1.2, as OpenSSL writes them; empty: ECDHE with AES-GCM or ChaCha20
  std::vector<std::string> names;    // one of which the peer's certificate must have as a subject alternative name: a DNS name, *.a.example, a
                                     // URI, or a URI's beginning and *
};

struct ServerTls : TlsPolicy {       // tls: of a listener
  std::vector<std::string> secrets;  // secrets: names, each with a certificate, chosen by the names in it; the first where none fits
  Secret own;                        // or certificate, key, ocsp as in a secret; client_ca is its ca
  std::string client_ca_secret;      // or the name of a secret with a ca
  // client_certificate: a client_ca makes it required. unverified: asked for, and a plugin's to judge.
  enum class Client : std::uint8_t { kNone, kOptional, kRequired, kUnverified } client = Client::kNone;
  Milliseconds handshake_timeout{10'000};
  bool tickets = true;               // sessions may be resumed
  const Node* node = nullptr;
};

struct ClientTls : TlsPolicy {       // tls: of a cluster
  std::string server_name;           // sent as SNI, and verified unless `names` are given; empty: the host of each request
  bool verify = true;                // the endpoint's certificate
  Secret own;                        // ca (default: the system's), certificate and key that are shown to the endpoint
  std::string secret, ca_secret;     // or the names of secrets
  const Node* node = nullptr;
};

struct Listener {
  enum class Protocol : std::uint8_t { kHttp1, kTcp } protocol = Protocol::kHttp1;  // kTcp: `cluster` or `clusters` of its own, kept as
                                                                                    // its one route; no HTTP, no exchanges
  bool speaks_http1 = true, speaks_http2 = true;  // protocols: [http1, http2]; where it is both, the connection's first bytes say
  std::string name;
  std::string address;               // ip:port, [ip]:port; port 0 = any, printed at start
  bool transparent = false;          // takes connections to addresses that are not this host's (TPROXY); CAP_NET_ADMIN
  // proxy_protocol: off | optional | required: connections begin with a header, version 1 or 2, that says whose they are. It, or the first bytes
  // of something else where it is optional, must come within timeouts.head. Whoever can connect can say what he likes.
  enum class ProxyProtocol : std::uint8_t { kOff, kOptional, kRequired } proxy_protocol = ProxyProtocol::kOff;
  std::vector<std::string> chain;    // instance names, outermost first
  std::vector<Route> routes;         // routes: [...], or those of the table named by route_table
  std::string route_table;
  Timeouts timeouts;
  Limits limits;
  Http2 http2;
  PathPolicy path;
  ForwardPolicy forward;
  std::optional<ServerTls> tls;
  const Node* node = nullptr;
};

struct RouteTable {                  // route_tables: [{name, routes}]: routes that several listeners may use, and sources may bring
  std::string name;
  std::vector<Route> routes;
  const Node* node = nullptr;
};

struct Endpoint {
  std::string address;               // ip:port, [ip]:port
  std::uint32_t weight = 1;
  const Node* node = nullptr;
};

struct Cluster {
  std::string name;
  std::vector<Endpoint> endpoints;   // endpoints: [ip:port | {address, weight}]
  bool original_destination = false; // instead of endpoints: each connection's exchanges go where its client wanted to before it was
                                     // redirected here (nft, iptables: redirect), or where a transparent listener took it
  // proxy_protocol: off | v1 | v2: what connections begin with, to say for which client each is made; it then serves no other, and is not
  // kept for another exchange. A plugin's call: for nobody but the proxy.
  enum class ProxyProtocol : std::uint8_t { kOff, kV1, kV2 } proxy_protocol = ProxyProtocol::kOff;
  Milliseconds connect_timeout{1'000};
  Milliseconds idle_timeout{60'000}; // pooled connection without an exchange
  std::uint32_t connections_max = 1'024;      // per worker
  std::uint32_t idle_max = 256;      // pooled connections per worker
  std::uint32_t pending_max = 1'024; // exchanges that wait for a connection, per worker: then 503
  std::uint64_t requests_per_connection = 0;  // 0 = no bound
  enum class Protocol : std::uint8_t { kHttp1, kHttp2 } protocol = Protocol::kHttp1;  // kHttp2: without TLS by prior knowledge
  bool multiplexed() const { return protocol == Protocol::kHttp2; }  // its connections carry many requests at once
  std::uint32_t streams_max = 100;   // of an HTTP/2 connection at once; an endpoint may allow fewer
  std::optional<ClientTls> tls;
  std::string balancer;              // an instance with cleat.balancer/1, or empty: weighted round robin
  const Node* balancer_config = nullptr;
  std::string discovery;             // discovery: {use, config}: an instance with cleat.config_source/1 that brings the endpoints;
  const Node* discovery_config = nullptr;  // those given beside it are what the cluster begins with
  std::string source;                // the instance that staged it; empty: it is the file's
  bool endpoints_given = true;       // false: the first are awaited
  const std::string& brings() const { return discovery.empty() ? source : discovery; }  // who brings endpoints; empty: nobody
  const Node* node = nullptr;
};

struct Watchdog {                    // watchdog: {stall}
  Milliseconds stall{200};           // a plugin's call that holds its thread for longer is told of; 0 = off
};

struct Model {
  std::uint32_t workers = 0;         // 0 = one for each core
  std::vector<std::string> plugin_path;       // folders, made absolute: in the file, relative to its folder. Always searched
                                              // after: <executable>/../plugins
  enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError } log_level = LogLevel::kInfo;
  Milliseconds watch{0};             // how often to look whether the file has changed, and reload; 0 = never
  Watchdog watchdog;
  std::uint64_t memory_max = 0;               // of what the process has resident: over it exchanges that begin get 503; 0 = no bound
  std::string crash_report;          // a file that reports of crashes are appended to, made absolute as plugin_path; empty: none
  std::vector<Instance> instances;   // plugins:
  std::vector<Listener> listeners;
  std::vector<Cluster> clusters;
  std::vector<RouteTable> route_tables;
  std::vector<Secret> secrets;
};

// The files that the model's texts were read from, beside its own.
std::vector<ReadFile> read_files(const Model& model);

bool valid_name(std::string_view name);  // 1 to 128 of A-Z a-z 0-9 _ . - /

// Reads the whole model of one document; every error goes to `diagnostics`, all at once. Names that refer (chain, cluster, handler,
// balancer, route plugins ...) are checked here; whether a plugin loads, and its own config, is not. What sources add: compose.hpp.
// Does not report unknown keys below `config` of plugins and balancers: the loader does, once the plugins have read them.
Model read_model(const Document& document, Diagnostics& diagnostics);

}  // namespace cleat::config
