"""Every pairing of HTTP/1.1 and HTTP/2: a client, a first proxy, a second one, an origin of HTTP/1.1. The client's wire and the one between
the proxies are each of both kinds, and nothing of a message depends on it."""
# ctest: serial
# ctest: timeout 240

import base64
import hashlib
import os
import re
import subprocess
import time

import pairing
import proxy as proxies
import pytest
import wire
from conftest import tool
from http2_client import CANCEL, Http2Client, head
from origin import reply
from pairing import SCHEME
from proxy import SANITIZED, cluster, listener, to_origin

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WIRES = ["http1", "http2"]


def to_back(back, middle):
    """The configuration of a proxy before another one."""
    address = f"127.0.0.1:{back.port}"
    if pairing.TLS:
        pairing.origins.add(address)
    return {"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "back"}])],
            "clusters": [cluster(address, name="back", protocol=middle, pending_max=10_000)]}


@pytest.fixture(scope="module", params=WIRES)
def chain(request, shared_origin, tmp_path_factory):
    """The proxy that clients talk to; `request.param` is spoken between it and the one before the origin."""
    env = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=4".lstrip(":")}  # else what is freed counts as memory in use
    config = to_origin(shared_origin, cluster_options={"connections_max": 64, "pending_max": 10_000})
    with proxies.running(config, tmp_path_factory.mktemp("back"), env) as back:
        with proxies.running(to_back(back, request.param), tmp_path_factory.mktemp("front"), env) as proxy:
            proxy.back, proxy.middle = back, request.param
            yield proxy


class Over1:
    """One request over HTTP/1.1, answered as Over2 answers it."""

    def __init__(self, port):
        self.port = port

    def ask(self, method="GET", path="/", body=None, fields=(), trailers=None, length=True):
        with wire.Client(self.port) as client:
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields) + ("TE: trailers\r\nConnection: TE\r\n" if trailers else "")
            data = b""
            if body is not None and length and trailers is None:
                lines, data = lines + f"Content-Length: {len(body)}\r\n", body
            elif body is not None:
                lines += "Transfer-Encoding: chunked\r\n"
                data = (f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"") + b"0\r\n"
                data += "".join(f"{name}: {value}\r\n" for name, value in trailers or ()).encode() + b"\r\n"
            client.send(f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n".encode() + data)
            response = client.response(method)
            return response.status, response.body, [one.status for one in response.informational], list(response.trailers or [])


class Over2:
    def __init__(self, port):
        self.port = port

    def ask(self, method="GET", path="/", body=None, fields=(), trailers=None, length=True):
        fields = [*fields, *([("te", "trailers")] if trailers else []), *([("content-length", str(len(body)))] if body is not None and length else [])]
        with Http2Client(self.port) as client:
            stream = client.response(client.request(head(path, method, fields=fields), body, trailers))
            assert stream.ended
            return stream.status, bytes(stream.body), stream.informational, stream.trailers


@pytest.fixture(params=WIRES)
def client(request, chain, origin):
    return {"http1": Over1, "http2": Over2}[request.param](chain.port)


def lower(pairs):
    return [(name.lower(), value) for name, value in pairs]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND"])
def test_methods(client, origin, method):
    assert client.ask(method) == (200, b"" if method == "HEAD" else b"ok", [], [])
    assert origin.only_request().method == method


@pytest.mark.parametrize("size", [0, 5, 70_000, 2_000_000])
@pytest.mark.parametrize("length", [True, False])
def test_bodies_both_ways(client, origin, size, length):
    async def handler(connection, request):
        connection.send(reply(request.body) if length else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (
            f"{len(request.body):x}\r\n".encode() + request.body + b"\r\n" if request.body else b"") + b"0\r\n\r\n")

    origin.handler = handler
    body = bytes(i % 253 for i in range(size))
    status, got, _, _ = client.ask("POST", "/b", body, length=length)
    assert status == 200 and got == body
    assert origin.only_request().body == body


def test_trailers_both_ways(client, origin):
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n")

    origin.handler = handler
    status, body, _, trailers = client.ask("POST", "/t", b"hello", trailers=[("x-a", "b")], length=False)
    assert (status, body, lower(trailers)) == (200, b"ok", [("x-sum", "1")])
    request = origin.only_request()
    assert request.body == b"hello" and lower(request.trailers) == [("x-a", "b")]


def test_informational_heads(client, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply())

    origin.handler = handler
    assert client.ask() == (200, b"ok", [103], [])


@pytest.mark.parametrize("status", [204, 304, 404, 503])
def test_statuses(client, origin, status):
    async def handler(connection, _):
        connection.send(f"HTTP/1.1 {status} X\r\n".encode() + (b"\r\n" if status in (204, 304) else b"Content-Length: 1\r\n\r\nx"))

    origin.handler = handler
    assert client.ask()[:2] == (status, b"" if status in (204, 304) else b"x")


def test_fields(client, origin):
    assert client.ask(fields=[("x-one", "1"), ("cookie", "a=1; b=2"), ("accept", "a, b"), ("x-empty", "")])[0] == 200
    request = origin.only_request()
    assert [request.all(name) for name in ("x-one", "cookie", "accept", "x-empty")] == [["1"], ["a=1; b=2"], ["a, b"], [""]]
    assert request.all("Host") == ["a.example"] and len(request.list("Via")) == 2


def test_both_bodies_at_once(chain, origin):
    """Each piece is answered before the next is sent."""
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        last = b""
        while not last.endswith(b"0\r\n\r\n"):
            last = await connection.read_some()
            connection.send(f"{len(last):x}\r\n".encode() + last.upper() + b"\r\n")
        connection.send(b"0\r\nX-Sum: 1\r\n\r\n")

    origin.head_handler = handler
    with Http2Client(chain.port) as client:
        number = client.start(head("/both", "POST"), end=False)
        stream = client.streams[number]
        for i in range(20):
            client.data(number, f"piece{i}".encode())
            client.wait(lambda: f"PIECE{i}\r\n".encode() in stream.body, "the answer to it")
            assert not stream.ended
        client.data(number, b"", end=True)
        assert client.response(number).trailers == [("x-sum", "1")]


def accepted(request):
    (key,) = request.all("Sec-WebSocket-Key")
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())


async def upper(connection):
    request = await connection.request()
    connection.send(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + accepted(request) + b"\r\n\r\n")
    while data := await connection.read_some():
        connection.send(data.upper())
    connection.send(b"bye")
    connection.close()


@pytest.mark.parametrize("middle", WIRES)
@pytest.mark.parametrize("outer", WIRES)
def test_websocket(start_origin, start, outer, middle):
    far = start_origin()
    far.on_connection = upper
    front = start(to_back(start(to_origin(far)), middle))
    words = [b"hello", b"x" * 300_000]
    if outer == "http1":
        with wire.Client(front.port) as client:
            client.send(b"GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            response = client.response()
            assert response.status == 101 and response.all("Sec-WebSocket-Accept") == [
                base64.b64encode(hashlib.sha1(("AAAAAAAAAAAAAAAAAAAAAA==" + GUID).encode()).digest()).decode()]
            for word in words:
                client.send(word)
                assert client.read(len(word)) == word.upper()
            if pairing.TLS:  # it cannot close one half
                return
            client.half_close()
            assert client.rest() == b"bye"
        return
    with Http2Client(front.port) as client:
        client.wait(lambda: client.settled, "the settings")
        number = client.start([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", "a.example"),
                               ("sec-websocket-version", "13")], end=False)
        stream = client.streams[number]
        client.wait(lambda: stream.status is not None, "the response's head")
        assert stream.status == 200
        for word in words:
            before = len(stream.body)
            client.data(number, word)
            client.wait(lambda: len(stream.body) == before + len(word), "the echo")
        if pairing.TLS:
            return
        client.data(number, b"", end=True)
        assert bytes(client.response(number).body) == b"".join(words).upper() + b"bye"


def test_a_reset_goes_all_the_way(chain, origin):
    if chain.middle == "http1":
        pytest.skip("HTTP/1.1 has no reset: a proxy that closes may be one that only sends no more")

    async def handler(connection, request):
        if request.target == "/wait":
            await connection.until_closed()
        else:
            connection.send(reply())

    origin.handler = handler
    with Http2Client(chain.port) as client:
        number = client.request(head("/wait"))
        origin.wait_for(lambda: origin.saw(), "the request at the origin")
        (waiting, _), = origin.since_reset()
        client.h2.reset_stream(number, CANCEL)
        client.flush()
        origin.wait_for(lambda: waiting.closed, "the origin's connection to be closed")
        assert client.get("/after").status == 200


def test_h2load(chain, origin):
    done = subprocess.run([tool("h2load"), "-n", "5000", "-c", "10", "-m", "50", f"{SCHEME}://127.0.0.1:{chain.port}/"], capture_output=True, text=True, timeout=120)
    assert re.search(r"requests: 5000 total, .* 5000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout


def test_a_slow_reader_holds_back_the_origin_through_both(chain, origin, curl):
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n")
        for _ in range(60):
            if not await connection.send_slowly(b"x" * 1_000_000):
                return

    origin.handler = handler
    memory = chain.rss_kib() + chain.back.rss_kib()
    reading = subprocess.Popen([curl, "-sSk", "--http2-prior-knowledge", "--limit-rate", "20M", "-o", "/dev/null", "-w", "%{size_download}",
                                f"{SCHEME}://127.0.0.1:{chain.port}/big"], stdout=subprocess.PIPE, text=True)
    most = memory
    while reading.poll() is None:
        most = max(most, chain.rss_kib() + chain.back.rss_kib())
        time.sleep(0.05)
    assert reading.stdout.read() == "60000000"
    print(f"a slow reader of 60 MB through two proxies: {most - memory} KiB")
    assert most - memory < (48 if SANITIZED else 8) * 1024
