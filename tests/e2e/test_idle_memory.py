"""What an idle connection keeps, coarsely: resident memory before and after some hundred clients have asked once and stay. Each bound is less than
twice what was measured, and the connections still serve afterwards."""

import socket
import struct
import time

import pytest
import wire
from certificates import Authority
from http2_client import DATA, HEADERS, PREFACE, SETTINGS, WINDOW_UPDATE, frame
from processes import wait_until
from proxy import SANITIZED, cluster, listener, running

pytestmark = pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer's own memory is no measure")

COUNT, WARM = 700, 60
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# GET / of a.example, with one field that goes into the table of both sides (RFC 7541 C.2).
BLOCK = b"\x82\x84\x86\x41\x09a.example\x40\x0auser-agent\x04idle"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def idle_proxy(authority, shared_origin, tmp_path):
    """Of its own for each test: what earlier connections have left behind would hide what later ones take."""
    routes = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    pair = authority.leaf("DNS:a.example").pair()
    kinds = {"plain": {"protocols": ["http1"]}, "tls": {"protocols": ["http1"], "tls": pair}, "http2": {"protocols": ["http2"]}}
    config = {"workers": 1, "listeners": [listener(routes, name, timeouts={"idle": "10m"}, **options) for name, options in kinds.items()],
              "clusters": [cluster(shared_origin)]}
    with running(config, tmp_path / "idle") as proxy:
        yield proxy


def ask_http1(connection, _):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    answer = b""
    while not answer.endswith(b"ok"):
        assert (piece := connection.recv(65536)), answer
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200")


def ask_http2(connection, stream):
    connection.sendall((PREFACE + frame(SETTINGS) if stream == 1 else b"") + frame(HEADERS, END_STREAM | END_HEADERS, stream, BLOCK))
    received = b""
    while True:
        while len(received) >= 9 and len(received) >= (size := 9 + int.from_bytes(received[:3], "big")):
            kind, flags, of = received[3], received[4], struct.unpack(">I", received[5:9])[0]
            payload, received = received[9:size], received[size:]
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK))
            assert kind in (SETTINGS, HEADERS, DATA, WINDOW_UPDATE), (kind, payload)
            if of == stream and kind in (HEADERS, DATA) and flags & END_STREAM:
                return
        assert (piece := connection.recv(65536)), received
        received += piece


@pytest.mark.parametrize("kind,ask,most_kib", [("plain", ask_http1, 1.1), ("tls", ask_http1, 22), ("http2", ask_http2, 15)])
def test_an_idle_connection_keeps_little(idle_proxy, shared_origin, authority, kind, ask, most_kib):
    context = authority.client_context() if kind == "tls" else None

    def connect():
        one = socket.create_connection(("127.0.0.1", idle_proxy.ports[kind]), timeout=wire.DEADLINE_S)
        if context:
            one = context.wrap_socket(one, server_hostname="a.example")
        ask(one, 1)
        return one

    clients = [connect() for _ in range(WARM)]
    try:
        time.sleep(1.5)  # what is given back after a second is
        before = idle_proxy.rss_kib()
        clients += [connect() for _ in range(COUNT)]
        wait_until(lambda: (idle_proxy.rss_kib() - before) / COUNT <= most_kib, f"{kind}: at most {most_kib} KiB for each of {COUNT} idle connections")
        for one in clients[::50]:
            ask(one, 3)
    finally:
        for one in clients:
            one.close()
