"""The proxies: how each is started, one worker or thread each, what it listens on and which cases it is for.

A peer is a function of the Place it gets; it says its command and the files that are written into its folder first."""

import dataclasses
import hashlib
import json
import pathlib
import typing

EVERY = ("get", "typical", "large", "post", "close", "h2c", "tls", "rate", "start", "memory", "syscalls")


@dataclasses.dataclass
class Place:
    folder: pathlib.Path
    ports: dict  # by name: h1, h2c, tls, own
    origin: int  # the port
    certificate: pathlib.Path
    key: pathlib.Path
    both: pathlib.Path  # certificate and key in one file


@dataclasses.dataclass
class Peer:
    start: typing.Callable  # place -> (command, files)
    cases: tuple = EVERY
    adds: bool = False      # it adds x-bench-request and x-bench-response
    version: tuple = ()     # the command that tells it


def null(tools):
    return Peer(lambda place: ([tools / "null", place.ports["h1"], place.origin], {}), ("get", "typical", "large", "post", "close", "rate", "start", "memory", "syscalls"))


def nginx(program, location="", workers=1, **others):
    listen = "backlog=4096" + (" reuseport" if workers > 1 else "")

    def start(place):
        return [*program, "-p", place.folder, "-c", place.folder / "nginx.conf"], {"nginx.conf": f"""
worker_processes {workers};
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
error_log error.log error;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  proxy_buffer_size 16k;
  proxy_buffers 8 16k;
  upstream app {{ server 127.0.0.1:{place.origin}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{place.ports["h1"]} {listen};
    listen 127.0.0.1:{place.ports["h2c"]} http2 {listen};
    listen 127.0.0.1:{place.ports["tls"]} ssl {listen};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {place.certificate};
    ssl_certificate_key {place.key};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; {location} }}
  }}
}}
"""}
    return Peer(start, version=(*program, "-v"), **others)


def haproxy(program, rules="", **others):
    def start(place):
        return [*program, "-db", "-f", place.folder / "haproxy.cfg"], {"haproxy.cfg": f"""
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  http-reuse always
frontend front
  bind 127.0.0.1:{place.ports["h1"]} backlog 4096
  bind 127.0.0.1:{place.ports["h2c"]} proto h2 backlog 4096
  bind 127.0.0.1:{place.ports["tls"]} ssl crt {place.both} alpn h2,http/1.1 backlog 4096
{rules}
  default_backend app
backend app
  server app 127.0.0.1:{place.origin}
"""}
    return Peer(start, version=(*program, "-v"), **others)


def envoy(program):
    kind = "type.googleapis.com/envoy.extensions."

    def start(place):
        def at(port):
            return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

        manager = {"@type": kind + "filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "front",
                   "http_filters": [{"name": "router", "typed_config": {"@type": kind + "filters.http.router.v3.Router"}}],
                   "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}]}]}}
        secret = {"certificate_chain": {"filename": str(place.certificate)}, "private_key": {"filename": str(place.key)}}
        tls = {"transport_socket": {"name": "tls", "typed_config": {"@type": kind + "transport_sockets.tls.v3.DownstreamTlsContext",
                                                                    "common_tls_context": {"tls_certificates": [secret], "alpn_protocols": ["h2", "http/1.1"]}}}}
        listeners = [{"name": name, "address": at(place.ports[name]), "filter_chains": [
            {"filters": [{"name": "http", "typed_config": manager}], **(tls if name == "tls" else {})}]} for name in ("h1", "h2c", "tls")]
        cluster = {"name": "app", "type": "STATIC", "load_assignment": {"cluster_name": "app", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": at(place.origin)}}]}]}}
        config = {"static_resources": {"listeners": listeners, "clusters": [cluster]}}
        return [*program, "-c", place.folder / "envoy.json", "--concurrency", "1", "--disable-hot-restart", "-l", "error"], {"envoy.json": json.dumps(config)}
    return Peer(start, version=(*program, "--version"))


def cleat_config(place, plugins=(), chain=(), **sections):
    """Limits, timeouts and the fields that it adds to messages are all at their defaults."""
    routes = [{"match": {"prefix": "/"}, "cluster": "app"}]
    listeners = [{"name": name, "address": f"127.0.0.1:{place.ports[name]}", "chain": list(chain), "routes": routes} for name in ("h1", "h2c", "tls")]
    listeners[2]["tls"] = {"certificate": str(place.certificate), "key": str(place.key)}
    return {"workers": 1, "plugins": list(plugins), "listeners": listeners,
            "clusters": [{"name": "app", "endpoints": [f"127.0.0.1:{place.origin}"]}], **sections}


def cleat(program, plugins=lambda place: ([], []), listeners=lambda place: [], **others):
    def start(place):
        config = cleat_config(place, *plugins(place))
        config["listeners"] += listeners(place)
        return [program, "run", "-c", place.folder / "cleat.yaml"], {"cleat.yaml": json.dumps(config), "keys.txt": KEYS}
    return Peer(start, version=(program, "--version"), **others)


KEYS = f"sha256:{hashlib.sha256(b'bench').hexdigest()} bench\n"


def five(place):
    """A line for each request, metrics, a field each way, a key looked for (none is needed, so that every client can be used), retries armed."""
    add = {"request": {"set": {"x-bench-request": "1"}}, "response": {"set": {"x-bench-response": "1"}}}
    return [{"name": "log", "use": "access_log", "config": {"path": "/dev/null"}}, {"name": "numbers", "use": "prometheus"},
            {"name": "heads", "use": "header_rewrite", "config": add}, {"name": "again", "use": "retry"},
            {"name": "keys", "use": "api_key", "config": {"keys": str(place.folder / "keys.txt"), "optional": True}}], ["log", "keys", "heads", "again"]


def scraped(place):
    return [{"name": "numbers", "address": f"127.0.0.1:{place.ports['own']}", "routes": [{"match": {"prefix": "/"}, "handler": "numbers"}]}]


def twenty(tools, **config):
    names = [f"noop{number}" for number in range(20)]
    return lambda place: ([{"name": name, "use": str(tools / "plugins/noop.so"), "config": config} for name in names], names)


def all_peers(program, tools, programs):
    """By name. `programs`: the commands of nginx, haproxy and envoy, where they are found. Their names without a + do the same work as Cleat bare."""
    one = ("get",)
    found = {"null": null(tools)}
    if "nginx" in programs:
        found["nginx"] = nginx(programs["nginx"])
        found["nginx+header"] = nginx(programs["nginx"], "proxy_set_header x-bench-request 1; add_header x-bench-response 1;", cases=one, adds=True)
    if "haproxy" in programs:
        found["haproxy"] = haproxy(programs["haproxy"])
        found["haproxy+header"] = haproxy(programs["haproxy"], "  http-request add-header x-bench-request 1\n  http-response add-header x-bench-response 1",
                                          cases=one, adds=True)
    if "envoy" in programs:
        found["envoy"] = envoy(programs["envoy"])
    found["bare"] = cleat(program)
    found["five"] = cleat(program, five, scraped, adds=True)
    found["twenty"] = cleat(program, twenty(tools), cases=one)
    found["twenty+bodies"] = cleat(program, twenty(tools, bodies=True), cases=one)
    found["header"] = cleat(program, lambda place: ([{"name": "header", "use": str(tools / "plugins/header.so")}], ["header"]), cases=one, adds=True)
    return found
