"""The PROXY protocol as others speak it: headers made and read here, independently of the program, and haproxy and nginx as the peers of both
sides."""

import contextlib
import os
import shutil
import socket
import struct

import pytest
from handed_port import serving
from proxy import BUILD, cluster, listener

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TYPE_AUTHORITY, TYPE_CHECKSUM, TYPE_NOTHING = 2, 3, 4
HAPROXY = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
CLIENT, HERE = ("192.0.2.1", 12345), ("198.51.100.2", 443)
CLIENT6, HERE6 = ("2001:db8::1", 12345), ("2001:db8::2", 443)
FACTS = {"x-source": "%{source_address}", "x-destination": "%{destination_address}", "x-original": "%{original_destination}"}
HEAD_MS = 400


def v1(source, destination, v6=False):
    (source_ip, source_port), (ip, port) = source, destination
    return f"PROXY {'TCP6' if v6 else 'TCP4'} {source_ip} {ip} {source_port} {port}\r\n".encode()


def extension(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(source=None, destination=None, v6=False, command=0x21, family=None, more=b""):
    """Without addresses: of no family, unless it is given one."""
    block = b""
    if source:
        kind = socket.AF_INET6 if v6 else socket.AF_INET
        block = socket.inet_pton(kind, source[0]) + socket.inet_pton(kind, destination[0]) + struct.pack(">HH", source[1], destination[1])
    if family is None:
        family = (0x21 if v6 else 0x11) if source else 0
    return SIGNATURE + struct.pack(">BBH", command, family, len(block) + len(more)) + block + more


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_checksum(header_of):
    """header_of(extension): the header with that extension in it."""
    zeros = header_of(extension(TYPE_CHECKSUM, b"\0" * 4))
    return header_of(extension(TYPE_CHECKSUM, struct.pack(">I", crc32c(zeros))))


def read(data):
    """(kind, source, destination, rest) of what begins with a header; kind: v1, v2, "v1 unknown", "v2 local"."""
    if data.startswith(b"PROXY "):
        line, _, rest = data.partition(b"\r\n")
        words = line.decode().split(" ")
        if words[1] == "UNKNOWN":
            return "v1 unknown", None, None, rest
        assert words[1] in ("TCP4", "TCP6") and len(words) == 6, line
        return "v1", (words[2], int(words[4])), (words[3], int(words[5])), rest
    assert data.startswith(SIGNATURE), data
    command, family, size = struct.unpack(">BBH", data[12:16])
    block, rest = data[16: 16 + size], data[16 + size:]
    assert len(block) == size
    if command == 0x20:
        assert family == 0 and size == 0
        return "v2 local", None, None, rest
    assert command == 0x21 and family in (0x11, 0x21), (command, family)
    kind, length = (socket.AF_INET, 4) if family == 0x11 else (socket.AF_INET6, 16)
    assert size == 2 * length + 4
    ports = struct.unpack(">HH", block[2 * length:])
    ips = [socket.inet_ntop(kind, block[at: at + length]) for at in (0, length)]
    return "v2", (ips[0], ports[0]), (ips[1], ports[1]), rest


@contextlib.contextmanager
def haproxy(folder, bind="", frontend="", backend=""):
    """One frontend, in mode http unless it says otherwise; `bind` are options of its address. Yields the address."""
    if not HAPROXY:
        pytest.skip("SKIPPED: no haproxy on this machine (tests/install installs it)")

    def command(port):
        file = folder / f"haproxy{port}.cfg"
        file.write_text(f"""
global
  maxconn 200
defaults
  mode http
  timeout connect 10s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:{port} {bind}
  {frontend}
{backend}
""")
        return [HAPROXY, "-db", "-f", file]

    with serving(command, folder / "haproxy.log") as port:
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def nginx(folder, server, stream=False):
    """One server block, of `stream` or of http; @PORT@ in it is its port. Yields the address."""
    if not NGINX or (stream and not os.path.exists(STREAM_MODULE)):
        pytest.skip("SKIPPED: no nginx, or it has no stream module (tests/install installs both)")

    def command(port):
        temp = folder / f"nginx{port}"
        temp.mkdir()
        paths = "" if stream else "".join(f"{name}_temp_path {temp}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (temp / "nginx.conf").write_text(f"""
{f'load_module {STREAM_MODULE};' if stream else ''}
daemon off; master_process off; worker_processes 1; pid {temp}/pid; error_log {temp}/error.log warn;
events {{ worker_connections 64; }}
{'stream' if stream else 'http'} {{ access_log off; {paths} server {{ {server.replace('@PORT@', str(port))} }} }}
""")
        return [NGINX, "-e", f"{temp}/error.log", "-p", temp, "-c", f"{temp}/nginx.conf"]

    with serving(command, folder / "nginx.log") as port:
        yield f"127.0.0.1:{port}"


def text(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def config(origin):
    """Listeners that read headers, whose replies say where the connection came from; `tcp` passes bytes on to the origin."""
    said = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "here"}}]
    timeouts = {"head": f"{HEAD_MS}ms"}
    listeners = [listener(said, name="required", chain=["facts"], proxy_protocol="required", timeouts=timeouts),
                 listener(said, name="optional", chain=["facts"], proxy_protocol="optional", timeouts=timeouts),
                 listener(said, name="hooks", chain=["log", "sees", "facts"], proxy_protocol="required"),
                 listener(said, name="waits", chain=["waits", "facts"], proxy_protocol="required"),
                 {"name": "tcp", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin", "proxy_protocol": "required", "timeouts": timeouts},
                 {"name": "tcp_optional", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin", "proxy_protocol": "optional"},
                 listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats")]
    plugins = [{"name": "facts", "use": "header_rewrite", "config": {"response": {"set": FACTS}}}, {"name": "numbers", "use": "prometheus"},
               {"name": "log", "use": "access_log", "config": {"path": "/dev/stderr", "line": "log %{source_address} %{destination_address}"}},
               {"name": "sees", "use": "addresses", "config": {}}, {"name": "waits", "use": "addresses", "config": {"wait": True}}]
    return {"workers": 1, "log_level": "debug", "plugin_path": [str(BUILD / "hostile_plugins")], "plugins": plugins, "listeners": listeners,
            "clusters": [cluster(origin)]}


def found(proxy, name, what):
    with proxy.client("stats") as client:
        lines = client.get("/").body.decode().splitlines()
    (line,) = [line for line in lines if line.startswith("cleat_proxy_headers_total{") and f'listener="{name}"' in line and f'found="{what}"' in line]
    return int(float(line.split()[-1]))


def facts(response):
    assert response.status == 200 and response.body == b"here"
    return tuple(response.get(name) for name in FACTS)


def own(client, proxy, name):
    return text(client.socket.getsockname()), f"127.0.0.1:{proxy.ports[name]}", None


def passed_on(origin, how, **others):
    route = {"match": {"prefix": "/"}, "cluster": "origin", "allow_connect": True}
    return {"workers": 1, "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": "calls", "use": "calls", "config": {}}],
            "listeners": [listener([route]), listener([route], name="behind", proxy_protocol="required"), listener([route], name="calls", chain=["calls"]),
                          {"name": "tcp", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin"},
                          {"name": "tcp_behind", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin", "proxy_protocol": "required"}],
            "clusters": [cluster(origin, proxy_protocol=how, **others)]}
