"""Tunnels on streams of HTTP/2: CONNECT, and WebSocket by extended CONNECT (RFC 8441), which is an upgrade for HTTP/1.1 behind."""

import base64
import hashlib

import pairing
import pytest
from http2_client import CANCEL, NO_ERROR, Http2Client, head
from proxy import cluster, listener

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECT_ERROR = 10


def config(origin):
    routes = [{"match": {"path": "/plain"}, "cluster": "origin", "allow_upgrade": False}, {"match": {"prefix": "/"}, "cluster": "origin", "allow_connect": True}]
    refuses = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 1, "listeners": [listener(routes), listener(refuses, name="refuses")], "clusters": [cluster(origin, requests_per_connection=1)]}  # each test has connections of its own


def connect(authority="a.example:443"):
    return [(":method", "CONNECT"), (":authority", authority)]


def websocket(path="/chat", protocol="websocket", fields=()):
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path), (":authority", "a.example"),
            ("sec-websocket-version", "13"), ("sec-websocket-protocol", "talk"), *fields]


def accept(request):
    (key,) = request.all("Sec-WebSocket-Key")
    assert len(base64.b64decode(key)) == 16
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


async def echo(connection):
    while data := await connection.read_some():
        connection.send(data.upper())
    connection.send(b"bye")
    connection.close()


async def upgrade(connection):
    request = await connection.request()
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: talk\r\n" +
                    f"Sec-WebSocket-Accept: {accept(request)}\r\n\r\n".encode())
    await echo(connection)


@pytest.fixture
def client(proxy):
    with Http2Client(proxy.ports["in"]) as one:
        one.wait(lambda: one.settled, "the settings")
        yield one


def talk(client, number):
    stream = client.streams[number]
    client.wait(lambda: stream.status is not None, "the response's head")
    assert stream.status == 200 and not stream.ended
    for word in (b"hello", b"x" * 200_000):
        before = len(stream.body)
        client.data(number, word)
        client.wait(lambda: len(stream.body) == before + len(word), "the echo")
        assert stream.body[before:] == word.upper()
    if pairing.TLS:  # the origin's TLS cannot close one half
        return stream
    client.data(number, b"", end=True)
    assert client.response(number).ended and stream.body.endswith(b"bye")
    return stream


def test_connect_is_a_tunnel(client, origin):
    origin.on_connection = echo
    talk(client, client.start(connect(), end=False))


def test_connect_is_refused_where_no_route_allows_it(proxy, origin):
    with Http2Client(proxy.ports["refuses"]) as client:
        number = client.start(connect(), end=False)
        stream = client.response(number)
        assert stream.status == 405 and stream.ended
        client.wait(lambda: stream.reset is not None, "the reset")
        assert stream.reset == NO_ERROR


def test_websocket_is_offered(client, origin):
    assert client.h2.remote_settings.get(8) == 1


def test_websocket_is_an_upgrade_behind(client, origin):
    origin.on_connection = upgrade
    number = client.start(websocket(fields=[("sec-websocket-key", "mine"), ("origin", "http://a.example")]), end=False)
    client.data(number, b"")  # as early as it may come
    stream = talk(client, number)
    assert stream.all("sec-websocket-protocol") == ["talk"]
    assert not {"upgrade", "connection", "sec-websocket-accept"} & {name for name, _ in stream.fields}
    request = origin.connections[-1].requests[0]
    assert (request.method, request.target, request.all("Upgrade"), request.all("Connection")) == ("GET", "/chat", ["websocket"], ["upgrade"])
    assert request.all("Host") == ["a.example"] and request.all("sec-websocket-version") == ["13"] and request.all("origin") == ["http://a.example"]


def test_several_tunnels_and_requests_on_one_connection(client, origin):
    async def serve(connection):
        request = await connection.request()
        if request.target == "/other":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await connection.until_closed()
            return
        connection.send(f"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept(request)}\r\n\r\n".encode())
        await echo(connection)

    origin.on_connection = serve
    numbers = [client.start(websocket(), end=False) for _ in range(5)]
    assert bytes(client.get("/other").body) == b"ok"
    for number in numbers:
        talk(client, number)


def test_a_key_that_is_not_answered_is_no_websocket(client, origin):
    async def wrong(connection):
        await connection.request()
        connection.send(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n")
        await connection.until_closed()

    origin.on_connection = wrong
    stream = client.response(client.start(websocket(), end=False))
    assert (stream.status, stream.reset) == (None, CONNECT_ERROR)


@pytest.mark.parametrize("path", ["/chat", "/plain"])
@pytest.mark.parametrize("status,wanted", [("200 OK", 502), ("204 No Content", 502), ("403 Forbidden", 403), ("302 Found", 302)])
def test_an_endpoint_that_does_not_switch(client, origin, path, status, wanted):
    async def handler(connection, request):
        assert (request.all("Upgrade") == []) == (path == "/plain")
        connection.send(f"HTTP/1.1 {status}\r\n\r\n".encode() if status[:3] == "204" else f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno".encode())

    origin.handler = handler
    stream = client.response(client.start(websocket(path), end=False))
    assert (stream.status, stream.ended) == (wanted, True)


@pytest.mark.parametrize("protocol,status", [("h2c", 501), ("connect-udp", 501), ("", 501)])
def test_protocols_that_are_not_carried(client, origin, protocol, status):
    assert client.response(client.start(websocket(protocol=protocol), end=False)).status == status
    assert origin.saw() == []


def test_a_client_that_resets_its_tunnel_closes_it(client, origin):
    origin.on_connection = upgrade
    number = client.start(websocket(), end=False)
    client.wait(lambda: client.streams[number].status == 200, "the tunnel")
    client.h2.reset_stream(number, CANCEL)
    client.flush()
    origin.wait_for(lambda: origin.connections[-1].lost, "the far end to be closed")
    assert origin.connections[-1].was_reset


def test_an_endpoint_that_resets_its_tunnel(client, origin):
    async def reset(connection):
        request = await connection.request()
        connection.send(f"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept(request)}\r\n\r\n".encode())
        await connection.read_some()
        connection.reset()

    origin.on_connection = reset
    number = client.start(websocket(), end=False)
    client.wait(lambda: client.streams[number].status == 200, "the tunnel")
    client.data(number, b"x")
    stream = client.response(number)
    assert stream.reset == CONNECT_ERROR and not stream.ended
