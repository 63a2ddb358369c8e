"""The PROXY protocol as others speak it: headers made and read here, independently of the program, and haproxy and nginx as the peers of both
sides."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest
import wire

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TYPE_AUTHORITY, TYPE_CHECKSUM, TYPE_NOTHING = 2, 3, 4
HAPROXY = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


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


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _serving(command, port, log):
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        end = time.monotonic() + wire.DEADLINE_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(wire.DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def haproxy(folder, bind="", frontend="", backend=""):
    """One frontend, in mode http unless it says otherwise; `bind` are options of its address. Yields the address."""
    if not HAPROXY:
        pytest.skip("SKIPPED: no haproxy on this machine (tests/install installs it)")
    port = free_port()
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
    with _serving([HAPROXY, "-db", "-f", str(file)], port, folder / f"haproxy{port}.log") as address:
        yield address


@contextlib.contextmanager
def nginx(folder, server, stream=False):
    """One server block, of `stream` or of http; @PORT@ in it is its port. Yields the address."""
    if not NGINX or (stream and not os.path.exists(STREAM_MODULE)):
        pytest.skip("SKIPPED: no nginx, or it has no stream module (tests/install installs both)")
    port = free_port()
    temp = folder / f"nginx{port}"
    temp.mkdir()
    paths = "" if stream else "".join(f"{name}_temp_path {temp}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (temp / "nginx.conf").write_text(f"""
{f'load_module {STREAM_MODULE};' if stream else ''}
daemon off; master_process off; worker_processes 1; pid {temp}/pid; error_log {temp}/error.log warn;
events {{ worker_connections 64; }}
{'stream' if stream else 'http'} {{ access_log off; {paths} server {{ {server.replace('@PORT@', str(port))} }} }}
""")
    with _serving([NGINX, "-e", f"{temp}/error.log", "-p", str(temp), "-c", f"{temp}/nginx.conf"], port, temp / "output") as address:
        yield address
