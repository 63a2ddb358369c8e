// The model: every key of the schema, and what is refused, with the words an operator reads.
#include "kernel/config/model.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

#include "kernel/route/path.hpp"

namespace {

using namespace cleat::config;

struct Read {
  explicit Read(std::string_view text) : document(parse_document(text, diagnostics)), model(read_model(document, diagnostics)) {}
  std::string errors() const { return diagnostics.text(); }
  Diagnostics diagnostics{"/etc/cleat/f.yaml"};
  Document document;
  Model model;
};

std::string errors_of(std::string_view text) { return Read(text).errors(); }

// The error of one route in an otherwise right file, without its place.
std::string route_error(const std::string& route, const std::string& listener = "") {
  const std::string errors = errors_of(
      "plugins:\n- {name: authn, use: jwt}\n- {name: pages, use: pages}\nclusters: [{name: api, endpoints: []}]\n"
      "listeners:\n- name: in\n  address: 127.0.0.1:80\n  chain: [authn]\n" + listener + "  routes:\n  - " + route + "\n");
  const std::string path = "listeners[0].routes[0]";
  const std::size_t at = errors.find(path);
  return at == std::string::npos ? errors : errors.substr(at + path.size(), errors.find('\n', at) - at - path.size());
}
std::string match_error(const std::string& match, const std::string& listener = "") {
  return route_error("{cluster: api, match: {" + match + "}}", listener);
}
std::string cluster_error(const std::string& cluster) { return errors_of("clusters:\n- {name: api, " + cluster + "}\n"); }

}  // namespace

TEST_CASE("a whole file is read into the model") {
  const Read read(R"(
workers: 2
log_level: warn
plugin_path: [plugins, /opt/cleat]
plugins:
  - {name: log, use: access_log, config: {path: /dev/stdout}}
  - {name: authn, use: ./mine/jwt.so, on_failure: open}
  - {name: lb, use: balancer_ring}
listeners:
  - name: inbound
    address: 0.0.0.0:15006
    protocol: http1
    proxy_protocol: optional
    protocols: [http2]
    http2: {concurrent_streams: 7, stream_window: 32KiB, stream_resets: 9}
    chain: [log, authn]
    timeouts: {head: 5s, idle: 1m, body: 10s, request: 0, suspend: 1s, tunnel_idle: 1h, drain: 6s}
    limits: {head_bytes: 16KiB, target_bytes: 4KiB, headers: 64, body_buffer: 2MiB, body_bytes: 1GiB, connections: 100,
             requests_per_connection: 1000}
    path: {merge_slashes: false, escaped_slashes: reject}
    forward: {via: false, x_forwarded_for: append, x_forwarded_proto: false, x_request_id: keep_or_make}
    routes:
      - {match: {host: api.example.com, prefix: /v1/}, cluster: api, timeout: 2s, prefix_rewrite: /, plugins: {authn: {audiences: [v1]}}}
      - name: split
        match:
          host: [a.example.com, "*.b.example.com", "*", "[::1]"]
          regex: /x/[0-9]+
          method: [GET, HEAD]
          headers: [{name: x-a, exact: b}, {name: x-b, invert: true}, {name: x-c, regex: "a+"}, {name: x-d, present: true}]
          query: {v: "1"}
        clusters: [{name: api, weight: 9}, {name: other, weight: 0}]
        host_rewrite: origin.example.com:81
        allow_connect: true
        allow_upgrade: false
      - {match: {path: /old}, redirect: {status: 308, scheme: https, host: www.example.com, path: /new, strip_query: true}}
      - {match: {prefix: /p}, redirect: {prefix_rewrite: /q}}
      - {match: {method: POST}, reply: {status: 403, body: no, headers: {content-type: text/plain}}}
      - {handler: log}
clusters:
  - {name: api, endpoints: [127.0.0.1:8080, {address: "[::1]:81", weight: 3}], protocol: http1, proxy_protocol: v2, connect_timeout: 250ms,
     idle_timeout: 0, connections_max: 5, idle_max: 0, pending_max: 7, requests_per_connection: 9,
     balancer: {use: lb, config: {seed: 1}}}
  - name: other
    endpoints: []
)");
  CHECK(read.errors() == "");
  const Model& model = read.model;
  CHECK(model.workers == 2);
  CHECK(model.log_level == Model::LogLevel::kWarn);
  CHECK(model.plugin_path == std::vector<std::string>{"/etc/cleat/plugins", "/opt/cleat"});
  REQUIRE(model.instances.size() == 3);
  CHECK(model.instances[0].use == "access_log");
  CHECK_FALSE(model.instances[0].fail_open);
  REQUIRE(model.instances[0].config != nullptr);
  CHECK(to_json(*model.instances[0].config) == R"({"path":"/dev/stdout"})");
  CHECK(model.instances[1].use == "/etc/cleat/mine/jwt.so");
  CHECK(model.instances[1].fail_open);
  CHECK(model.instances[1].config == nullptr);

  REQUIRE(model.listeners.size() == 1);
  const Listener& listener = model.listeners[0];
  CHECK(listener.address == "0.0.0.0:15006");
  CHECK(listener.chain == std::vector<std::string>{"log", "authn"});
  CHECK(listener.proxy_protocol == Listener::ProxyProtocol::kOptional);
  CHECK(listener.timeouts.head == Milliseconds(5'000));
  CHECK(listener.timeouts.idle == Milliseconds(60'000));
  CHECK(listener.timeouts.body == Milliseconds(10'000));
  CHECK(listener.timeouts.request == Milliseconds(0));
  CHECK(listener.timeouts.suspend == Milliseconds(1'000));
  CHECK(listener.timeouts.tunnel_idle == Milliseconds(3'600'000));
  CHECK(listener.timeouts.drain == Milliseconds(6'000));
  CHECK(listener.limits.head_bytes == 16u * 1024);
  CHECK(listener.limits.target_bytes == 4u * 1024);
  CHECK(listener.limits.headers == 64);
  CHECK(listener.limits.body_buffer == 2u << 20);
  CHECK(listener.limits.body_bytes == 1u << 30);
  CHECK(listener.limits.connections == 100);
  CHECK(listener.limits.requests_per_connection == 1000);
  CHECK((!listener.speaks_http1 && listener.speaks_http2));
  CHECK(listener.http2.concurrent_streams == 7);
  CHECK(listener.http2.stream_window == 32u * 1024);
  CHECK(listener.http2.stream_resets == 9);
  CHECK_FALSE(listener.path.merge_slashes);
  CHECK(listener.path.escaped_slashes == SlashPolicy::kReject);
  CHECK_FALSE(listener.forward.via);
  CHECK(listener.forward.x_forwarded_for == ForwardPolicy::For::kAppend);
  CHECK_FALSE(listener.forward.x_forwarded_proto);
  CHECK(listener.forward.x_request_id == ForwardPolicy::Id::kKeepOrMake);

  REQUIRE(listener.routes.size() == 6);
  const Route& api = listener.routes[0];
  CHECK(api.name == "inbound/0");
  CHECK(api.match.hosts == std::vector<std::string>{"api.example.com"});
  CHECK(api.match.path_kind == Match::Path::kPrefix);
  CHECK(api.match.path == "/v1/");
  REQUIRE(api.clusters.size() == 1);
  CHECK(api.clusters[0].cluster == "api");
  CHECK(api.timeout == Milliseconds(2'000));
  CHECK(api.prefix_rewrite == "/");
  REQUIRE(api.plugins.size() == 1);
  CHECK(api.plugins[0].instance == "authn");
  CHECK(to_json(*api.plugins[0].config) == R"({"audiences":["v1"]})");
  CHECK(api.allow_upgrade);

  const Route& split = listener.routes[1];
  CHECK(split.name == "split");
  CHECK(split.match.hosts.size() == 4);
  CHECK(split.match.path_kind == Match::Path::kRegex);
  CHECK(split.match.methods == std::vector<std::string>{"GET", "HEAD"});
  REQUIRE(split.match.headers.size() == 4);
  CHECK(split.match.headers[0].match.kind == TextMatch::Kind::kExact);
  CHECK(split.match.headers[0].match.value == "b");
  CHECK(split.match.headers[1].match.kind == TextMatch::Kind::kPresent);
  CHECK(split.match.headers[1].invert);
  CHECK(split.match.headers[2].match.kind == TextMatch::Kind::kRegex);
  REQUIRE(split.match.query.size() == 1);
  CHECK(split.match.query[0].name == "v");
  CHECK(split.clusters[0].weight == 9);
  CHECK(split.clusters[1].weight == 0);
  CHECK(split.host_rewrite == "origin.example.com:81");
  CHECK(split.allow_connect);
  CHECK_FALSE(split.allow_upgrade);
  CHECK_FALSE(split.timeout.has_value());

  REQUIRE(listener.routes[2].redirect.has_value());
  CHECK(listener.routes[2].redirect->status == 308);
  CHECK(listener.routes[2].redirect->scheme == "https");
  CHECK(listener.routes[2].redirect->host == "www.example.com");
  CHECK(listener.routes[2].redirect->path == "/new");
  CHECK(listener.routes[2].redirect->strip_query);
  CHECK(listener.routes[3].redirect->prefix_rewrite == "/q");
  CHECK(listener.routes[3].redirect->status == 301);
  REQUIRE(listener.routes[4].reply.has_value());
  CHECK(listener.routes[4].reply->status == 403);
  CHECK(listener.routes[4].reply->headers[0].value == "text/plain");
  CHECK(listener.routes[5].handler == "log");

  REQUIRE(model.clusters.size() == 2);
  const Cluster& cluster = model.clusters[0];
  REQUIRE(cluster.endpoints.size() == 2);
  CHECK(cluster.endpoints[1].address == "[::1]:81");
  CHECK(cluster.endpoints[1].weight == 3);
  CHECK(cluster.connect_timeout == Milliseconds(250));
  CHECK(cluster.idle_timeout == Milliseconds(0));
  CHECK(cluster.connections_max == 5);
  CHECK(cluster.idle_max == 0);
  CHECK(cluster.pending_max == 7);
  CHECK(cluster.requests_per_connection == 9);
  CHECK(cluster.balancer == "lb");
  REQUIRE(cluster.balancer_config != nullptr);
}

TEST_CASE("what the file leaves out, or leaves empty, is at its default") {
  const Read read("workers:\nplugins:\nlisteners:\n- name: a\n  address: \"[::]:0\"\n  timeouts:\n  limits: {}\n");
  CHECK(read.errors() == "");
  CHECK(read.model.workers == 0);
  CHECK(read.model.log_level == Model::LogLevel::kInfo);
  CHECK(read.model.listeners[0].timeouts.head == Milliseconds(10'000));
  CHECK(read.model.listeners[0].forward.x_forwarded_for == ForwardPolicy::For::kSet);
}

TEST_CASE("an empty file, or one that is not a map, is refused") {
  CHECK(errors_of("") == "/etc/cleat/f.yaml:1:1: the document is empty\n");
  CHECK(errors_of("- a\n") == "/etc/cleat/f.yaml:1:1: must be a map\n");
}

TEST_CASE("all errors are told in one run, in the order of the file") {
  CHECK(errors_of("clusters:\n- {name: api, endpoints: [], connect_timeout: 5}\nworker: 1\nlog_level: warning\n") ==
        "/etc/cleat/f.yaml:2:47: clusters[0].connect_timeout: must be a duration such as 250ms, 2s, 1m or 1h, not \"5\"\n"
        "/etc/cleat/f.yaml:3:1: worker: unknown key (did you mean \"workers\"?)\n"
        "/etc/cleat/f.yaml:4:12: log_level: must be debug, info, warn or error, not \"warning\" (did you mean \"warn\"?)\n");
}

TEST_CASE("names are of few characters, and unique in their section") {
  CHECK(errors_of("plugins: [{name: a b, use: x}]\n").find("plugins[0].name: a name is 1 to 128 of") != std::string::npos);
  CHECK(errors_of("plugins: [{name: '', use: x}]\n").find("plugins[0].name: a name is") != std::string::npos);
  CHECK(errors_of("plugins: [{name: a, use: x}, {name: a, use: y}]\n") ==
        "/etc/cleat/f.yaml:1:30: plugins[1]: a plugin named \"a\" is already at 1:11\n");
  CHECK(errors_of("clusters: [{name: a, endpoints: []}, {name: a, endpoints: []}]\n").find("already at 1:12") != std::string::npos);
  CHECK(errors_of("listeners:\n- {name: a, address: 1.1.1.1:1}\n- {name: b, address: 1.1.1.1:1}\n") ==
        "/etc/cleat/f.yaml:3:3: listeners[1]: a listener on \"1.1.1.1:1\" is already at 2:3\n");
  CHECK(errors_of("listeners:\n- {name: a, address: 1.1.1.1:1}\n- {name: b, address: 1.1.1.1:01}\n").find("a listener on \"1.1.1.1:1\" is already at") != std::string::npos);
  CHECK(errors_of("listeners:\n- {name: a, address: '[::1]:1'}\n- {name: b, address: '[0::1]:1'}\n").find("a listener on \"[::1]:1\" is already at") != std::string::npos);
  CHECK(errors_of("listeners:\n- {name: a, address: 1.1.1.1:0}\n- {name: b, address: 1.1.1.1:0}\n") == "");
}

TEST_CASE("references are checked, with the nearest name") {
  CHECK(route_error("{cluster: apo}") == ".cluster: there is no cluster \"apo\" (did you mean \"api\"?)");
  CHECK(route_error("{clusters: [{name: zzzzzz}]}") == ".clusters[0].name: there is no cluster \"zzzzzz\"");
  CHECK(route_error("{handler: page}") == ".handler: there is no plugin \"page\" (did you mean \"pages\"?)");
  CHECK(route_error("{cluster: api, plugins: {atuhn: {}}}").find("did you mean \"authn\"?") != std::string::npos);
  CHECK(cluster_error("endpoints: [], balancer: {use: rr}").find("clusters[0].balancer.use: there is no plugin \"rr\"") != std::string::npos);
  CHECK(errors_of("listeners: [{name: a, address: '1.1.1.1:1', chain: [x]}]").find("chain[0]: there is no plugin \"x\"") != std::string::npos);
}

TEST_CASE("a route's config is for an instance that sees the route") {
  CHECK(route_error("{cluster: api, plugins: {pages: {}}}") == ".plugins.pages: not in the chain of this listener");
  CHECK(route_error("{handler: pages, plugins: {pages: {}}}") == "");
  CHECK(errors_of("plugins: [{name: p, use: p}]\nlisteners:\n- {name: a, address: '1.1.1.1:1', chain: [p, p]}\n")
            .find("listeners[0].chain[1]: in this chain, \"p\" is already at 3:43") != std::string::npos);
}

TEST_CASE("unknown keys below a plugin's config are left to the plugin") {
  const Read read("plugins: [{name: p, use: p, config: {any: {thing: 1}}}]\n");
  CHECK(read.errors() == "");
  Diagnostics later("f.yaml");
  report_unknown_keys(*read.model.instances[0].config, later);
  CHECK(later.text() == "f.yaml:1:38: plugins[0].config.any: unknown key\n");
}

TEST_CASE("addresses are IP literals with a port") {
  for (const char* good : {"127.0.0.1:80", "'[::1]:80'", "'[fe80::1:2]:65535'"}) CHECK(cluster_error("endpoints: [" + std::string(good) + "]") == "");
  CHECK(cluster_error("endpoints: ['www.example.com:80']") ==
        "/etc/cleat/f.yaml:2:27: clusters[0].endpoints[0]: must be ip:port or [ip]:port: a cluster of a host name has no endpoints here, but discovery\n");
  CHECK(cluster_error("endpoints: ['::1']").find("an IPv6 address stands in brackets") != std::string::npos);
  for (const char* bad : {"1.2.3.4", "1.2.3:80", "'[::1]'", "'[::1:80'", "1.2.3.4:65536", "'1.2.3.4:'", "'1.2.3.4: 80'", "1.2.3.4:+80", "'[]:80'",
                          "'[1.2.3.4]:80'", "\"1.2.3.4\\0:80\"", "''"}) {
    INFO(bad);
    CHECK(cluster_error("endpoints: [" + std::string(bad) + "]").find("must be ip:port") != std::string::npos);
  }
  CHECK(cluster_error("endpoints: [1.2.3.4:0]").find("port 0 cannot be connected to") != std::string::npos);
  CHECK(cluster_error("endpoints: [1.2.3.4:1, 1.2.3.4:1]").find("already at") != std::string::npos);
  CHECK(cluster_error("endpoints: [{address: 1.2.3.4:1, weight: 0}]").find("weight: must be a whole number from 1") != std::string::npos);
  CHECK(cluster_error("connect_timeout: 1s").find("clusters[0]: endpoints is missing") != std::string::npos);
  CHECK(cluster_error("endpoints: [], protocol: http").find("must be http1 or http2, not \"http\"") != std::string::npos);
  CHECK(cluster_error("endpoints: [], streams_max: 5").find("has a meaning only where protocol is http2") != std::string::npos);
  CHECK(cluster_error("endpoints: [], protocol: http2, proxy_protocol: v2").find("has no meaning with protocol: http2") != std::string::npos);
  CHECK(cluster_error("endpoints: [], protocol: http2, streams_max: 0").find("must be a whole number from 1") != std::string::npos);
  CHECK(cluster_error("endpoints: [], tls: {surver_name: a}").find("clusters[0].tls.surver_name: unknown key") != std::string::npos);
}

TEST_CASE("the protocols of a listener are those that exist, each once") {
  const auto error = [](const std::string& part) { return errors_of("listeners:\n- {name: in, address: '127.0.0.1:0', routes: [{reply: {}}], " + part + "}\n"); };
  CHECK(error("protocols: [http1, http2]") == "");
  CHECK(error("protocols: [http3]").find("must be http1 or http2, not \"http3\"") != std::string::npos);
  CHECK(error("protocols: [http1, htpp2]").find("did you mean \"http2\"") != std::string::npos);
  CHECK(error("protocols: []").find("protocols: must name at least one protocol") != std::string::npos);
  CHECK(error("protocols: [http1, http1]").find("protocols[1]: stands there twice") != std::string::npos);
  CHECK(error("protocols: http1").find("protocols: must be a list") != std::string::npos);
  CHECK(error("http2: {stream_window: 17MiB}").find("stream_window: must be at most 16777216 bytes") != std::string::npos);
  CHECK(error("http2: {concurrent_streams: 0}").find("concurrent_streams: must be a whole number from 1") != std::string::npos);
  CHECK(error("protocol: tcp, http2: {}").find("http2: has no meaning for a listener whose protocol is tcp") != std::string::npos);
}

TEST_CASE("a match that no request can fulfil is refused") {
  CHECK(match_error("path: /a, prefix: /b") == ".match.prefix: only one of path, prefix and regex");
  CHECK(match_error("path: a") == ".match.path: must begin with '/'");
  CHECK(match_error("path: '/a?b'").find("without '?'") != std::string::npos);
  CHECK(match_error("path: '/a b'").find("percent-encoded") != std::string::npos);
  CHECK(match_error("path: /%2f") == ".match.path: matches nothing: requests are compared as \"/%2F\"");
  CHECK(match_error("path: /%41") == ".match.path: matches nothing: requests are compared as \"/A\"");
  CHECK(match_error("path: /a//b") == ".match.path: matches nothing: requests are compared as \"/a/b\"");
  CHECK(match_error("path: /a//b", "  path: {merge_slashes: false}\n") == "");
  CHECK(match_error("path: /%2").find("no request may have this path") != std::string::npos);
  CHECK(match_error("path: /%00").find("no request may have this path") != std::string::npos);
  CHECK(match_error("path: /%2F%20") == "");
  CHECK(match_error("path: /a%2Fb", "  path: {escaped_slashes: decode}\n").find("compared as \"/a/b\"") != std::string::npos);
  CHECK(match_error("path: /a%2Fb", "  path: {escaped_slashes: reject}\n").find("no request may have") != std::string::npos);
  CHECK(match_error("prefix: /a/..").find("compared as \"/\"") != std::string::npos);
  CHECK(match_error("prefix: /a/..b/...") == "");
  CHECK(match_error("regex: '('") == ".match.regex: regular expression: missing ): (");
  CHECK(match_error("regex: '((a{100}){100}){100}'").find(".match.regex: regular expression") != std::string::npos);
  CHECK(match_error("host: 'a.example.com:80'") == ".match.host: is a host without its port");
  CHECK(match_error("host: '*a.example.com'").find("a wildcard stands alone") != std::string::npos);
  CHECK(match_error("host: ['a b']") == ".match.host[0]: has a character that no host has");
  CHECK(match_error("method: 'G T'") == ".match.method: is not a method");
}

TEST_CASE("a path or prefix is accepted exactly when it is how a normalised path is written") {
  std::mt19937 random(7);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    const PathPolicy policy{random() % 2 == 0, static_cast<SlashPolicy>(random() % 3)};
    std::string path = "/";
    for (unsigned n = random() % 5; n > 0; --n) {
      const char* pieces[] = {"a", "/", ".", "..", "%2F", "%2f", "%41", "%20", "~", "/b", "%", "%00", "%7E", "x."};
      path += pieces[random() % std::size(pieces)];
    }
    const std::string slashes = policy.escaped_slashes == SlashPolicy::kKeep ? "keep" : policy.escaped_slashes == SlashPolicy::kDecode ? "decode" : "reject";
    const bool ok = match_error("path: '" + path + "'", std::string("  path: {merge_slashes: ") + (policy.merge_slashes ? "true" : "false") +
                                                            ", escaped_slashes: " + slashes + "}\n") == "";
    cleat::BlockPool pool;
    cleat::Arena arena(pool);
    const auto normal = cleat::route::normalise_target(path, policy, arena);
    INFO(path << " merge " << policy.merge_slashes << " slashes " << slashes << ": " << normal.reason << normal.target);
    CHECK(ok == (normal.ok && normal.target == path));
    accepted += ok ? 1 : 0;
  }
  CHECK(accepted > 300);
}

TEST_CASE("conditions on headers and query name one kind each") {
  CHECK(match_error("headers: {a: b}") == "");
  CHECK(match_error("headers: {'a b': c}") == ".match.headers.a b: \"a b\" is not a header name");
  CHECK(match_error("headers: [{name: a, exact: b, prefix: c}]").find("only one of exact, prefix, regex and present") != std::string::npos);
  CHECK(match_error("headers: [{exact: b}]") == ".match.headers[0]: name is missing");
  CHECK(match_error("headers: [{name: a, present: false}]").find("invert: true") != std::string::npos);
  CHECK(match_error("query: x").find("must be a list of") != std::string::npos);
  CHECK(match_error("query: [{name: a, regx: b}]").find("did you mean \"regex\"?") != std::string::npos);
}

TEST_CASE("a route leads to exactly one place") {
  CHECK(route_error("{match: {}}") == ": needs one of cluster, clusters, handler, redirect and reply");
  CHECK(route_error("{cluster: api, reply: {}}") == ".reply: only one of cluster, clusters, handler, redirect and reply");
  CHECK(route_error("{clusters: [{name: api, weight: 0}]}") == ".clusters: needs a cluster with a weight above 0");
  CHECK(route_error("{cluster: api, prefix_rewrite: /a}").find("replaces match.prefix") != std::string::npos);
  CHECK(route_error("{match: {prefix: /}, cluster: api, prefix_rewrite: ''}").find("must begin with '/'") != std::string::npos);
  CHECK(route_error("{cluster: api, host_rewrite: 'a/b'}").find("must be a host, or host:port") != std::string::npos);
  CHECK(route_error("{reply: {}, host_rewrite: a}").find("nothing is forwarded") != std::string::npos);
}

TEST_CASE("redirects and replies are messages that may be sent") {
  CHECK(route_error("{redirect: {status: 300, host: a}}").find("must be 301, 302, 303, 307 or 308") != std::string::npos);
  CHECK(route_error("{redirect: {scheme: ftp}}").find("must be http or https") != std::string::npos);
  CHECK(route_error("{redirect: {}}").find("leads back to where it came from") != std::string::npos);
  CHECK(route_error("{redirect: {prefix_rewrite: /a}}").find("replaces match.prefix") != std::string::npos);
  CHECK(route_error("{match: {prefix: /}, redirect: {prefix_rewrite: /a, path: /b}}").find("only one of path") != std::string::npos);
  CHECK(route_error("{redirect: {path: \"/a\\r\\nset-cookie: x\"}}").find("must begin with '/'") != std::string::npos);
  CHECK(route_error("{reply: {status: 199}}").find("from 200 to 599") != std::string::npos);
  CHECK(route_error("{reply: {status: 304, body: x}}").find("has no body") != std::string::npos);
  CHECK(route_error("{reply: {headers: {a: \"b\\r\\nc: d\"}}}").find("is not a header value") != std::string::npos);
  CHECK(route_error("{reply: {headers: {'a:': b}}}").find("is not a header name") != std::string::npos);
  CHECK(route_error("{reply: {headers: {Content-Length: '1'}}}").find("is the kernel's to set") != std::string::npos);
}

TEST_CASE("limits have least and greatest values") {
  const auto listener = [](const std::string& rest) { return errors_of("listeners: [{name: a, address: '1.1.1.1:1', " + rest + "}]\n"); };
  CHECK(listener("limits: {head_bytes: 10}").find("must be at least 256 bytes") != std::string::npos);
  CHECK(listener("limits: {head_bytes: 1GiB}").find("must be at most 524288 bytes") != std::string::npos);
  CHECK(listener("limits: {headers: 0}").find("from 1 to 10000") != std::string::npos);
  CHECK(listener("limits: {heders: 1}").find("did you mean \"headers\"?") != std::string::npos);
  CHECK(listener("timeouts: 5").find("listeners[0].timeouts: must be a map") != std::string::npos);
  CHECK(listener("forward: {x_forwarded_for: appendd}").find("did you mean \"append\"?") != std::string::npos);
  CHECK(errors_of("workers: 256\n").find("from 0 to 255") != std::string::npos);
}
