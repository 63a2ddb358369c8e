"""Upgrade and CONNECT: when bytes pass unread, and when they must not."""
# ctest: threads
# ctest: wires

import asyncio
import threading

import pairing
import pytest
import relay_up
import wire
from origin import ClosedPort, listen, reply, switched
from proxy import cluster, listener, to_origin

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"


def config(origin):
    return {"workers": 1, "clusters": [cluster(origin)], "listeners": [listener([
        {"match": {"prefix": "/closed"}, "cluster": "origin", "allow_upgrade": False},
        {"match": {"host": "tunnel.example"}, "cluster": "origin", "allow_connect": True},
        {"match": {"prefix": "/"}, "cluster": "origin"},
    ])]}


async def switch(connection, request):
    """Agrees to the upgrade, then echoes in capitals until the client is done."""
    connection.send(switched(request, "X-Agreed: yes\r\n"))
    while data := await connection.read_some():
        connection.send(data.upper())
    connection.send(b"BYE")


def test_an_upgrade_is_offered_upstream_and_then_bytes_pass(proxy, origin):
    origin.handler = switch
    with proxy.client() as client:
        client.send(UPGRADE)
        response = client.response()
        assert (response.status, response.get("Upgrade"), response.get("X-Agreed")) == (101, "websocket", "yes")
        assert [v.lower() for v in response.list("Connection")] == ["upgrade"]
        for data in (b"hello", b"\0\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            client.send(data)
            assert client.read(len(data)) == data.upper()
    request, _ = wire.run_over(origin.since_reset()[0][1], wire.read_request)
    assert request.get("Upgrade") == "websocket" and [v.lower() for v in request.list("Connection")] == ["upgrade"]


def test_bytes_sent_along_with_the_upgrade_pass_after_the_switch(proxy, origin):
    origin.handler = switch
    with proxy.client() as client:
        client.send(UPGRADE + b"eager")
        assert client.response().status == 101
        assert client.read(5) == b"EAGER"


def test_bytes_sent_along_with_the_101_pass(proxy, origin):
    async def handler(connection, request):
        connection.send(switched(request) + b"first words")
        await connection.until_closed()

    origin.handler = handler
    with proxy.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.read(11) == b"first words"


def test_a_half_close_passes_through_a_tunnel_both_ways(proxy, origin):
    origin.handler = switch
    with proxy.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        client.send(b"last")
        client.half_close(tunnel=True)
        assert client.rest() == b"LASTBYE"
    connection = origin.since_reset()[0][0]
    origin.wait_for(lambda: connection.lost, "the upstream connection's end")


def test_a_close_by_the_origin_ends_the_tunnel(proxy, origin):
    async def handler(connection, request):
        connection.send(switched(request) + b"bye")
        connection.close()

    origin.handler = handler
    with proxy.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.rest() == b"bye"


def test_a_large_volume_passes_both_ways_at_once(proxy, origin):
    origin.handler = switch
    data = b"abcdefgh" * 250_000
    with proxy.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.read_while_sending(data, len(data)) == data.upper()


def test_a_refused_upgrade_is_an_ordinary_answer_and_the_connection_stays(proxy, origin):
    async def handler(connection, request):
        connection.send(reply(b"no", "426 Upgrade Required") if request.has("Upgrade") else reply(b"yes"))

    origin.handler = handler
    with proxy.client() as client:
        client.send(UPGRADE)
        assert (lambda r: (r.status, r.body))(client.response()) == (426, b"no")
        assert client.get().body == b"yes"


def test_an_upgrade_is_not_offered_where_the_route_forbids_it(proxy, origin):
    with proxy.client() as client:
        client.send(UPGRADE.replace(b"/chat", b"/closed"))  # a 200 would agree, on a stream of HTTP/2
        assert client.response().status == (502 if pairing.DOWN else 200)
    request = origin.only_request()
    assert not request.has("Upgrade") and not request.has("Connection")


@pairing.needs_http1_down("what Connection says")
def test_an_upgrade_without_its_connection_option_is_not_offered(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n")
        assert client.response().status == 200
    assert not origin.only_request().has("Upgrade")


@pairing.needs_http1_down("HTTP/1.0")
def test_an_upgrade_of_an_old_client_is_not_offered(proxy, origin):
    with proxy.client() as client:
        client.send(UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.response().status == 200
    assert not origin.only_request().has("Upgrade")


@pairing.needs_http1_up("HTTP/2 has no 101")
def test_a_101_that_nobody_asked_for_is_answered_502(proxy, origin):
    async def handler(connection, request):
        connection.send(switched(request))
        await connection.until_closed()

    origin.handler = handler
    with proxy.client() as client:
        assert client.get().status == 502
        assert client.get("/closed").status == 502


@pairing.needs_http1_up("HTTP/2 has no 101")
def test_a_101_to_another_protocol_than_asked_for_is_answered_502(proxy, origin):
    async def handler(connection, request):
        connection.send(switched(request, protocol="h2c"))
        await connection.until_closed()

    origin.handler = handler
    with proxy.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 502


# --- real WebSocket peers


@pytest.fixture
def websockets():
    return pytest.importorskip("websockets", reason="SKIPPED: no Python module websockets (tests/install installs it)")


@pytest.fixture
def websocket_origin(websockets):
    """A real WebSocket server that answers each message with itself; yields its address."""
    loop = asyncio.new_event_loop()

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async def serve():
        return await websockets.serve(echo, "127.0.0.1", 0, max_size=None)

    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port, failures = server.sockets[0].getsockname()[1], []
    address = f"127.0.0.1:{port}"
    if pairing.UP:
        relay = relay_up.Relay(listen(), port, failures)
        asyncio.run_coroutine_threadsafe(relay.serve(), loop).result(wire.DEADLINE_S)
        address = relay.address
        pairing.origins.add(address)
    yield address
    assert not failures, failures

    async def end():
        if pairing.UP:
            relay.close()
        server.close()
        await server.wait_closed()

    asyncio.run_coroutine_threadsafe(end(), loop).result(wire.DEADLINE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(wire.DEADLINE_S)
    loop.close()


def test_a_real_websocket_client_talks_to_a_real_server(websockets, websocket_origin, start):
    proxy = start(to_origin(type("Origin", (), {"address": websocket_origin})))

    async def talk():
        async with websockets.connect(f"{pairing.WS}://127.0.0.1:{proxy.port}/chat", max_size=None, **pairing.of_websocket()) as socket:
            for message in ["hello", "ünï", b"\0\1\2" * 1000, "x" * 1_000_000]:
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())
        assert socket.close_code == 1000

    async def many():
        await asyncio.gather(*(talk() for _ in range(8)))

    asyncio.run(asyncio.wait_for(many(), 2 * wire.DEADLINE_S))


def test_a_real_websocket_client_is_told_when_the_origin_is_gone(websockets, start, start_origin):
    origin = start_origin()
    proxy = start(to_origin(origin))

    async def talk():
        with pytest.raises(websockets.exceptions.InvalidStatusCode) as refused:
            await websockets.connect(f"{pairing.WS}://127.0.0.1:{proxy.port}/chat", **pairing.of_websocket())
        assert refused.value.status_code == (502 if pairing.DOWN or pairing.UP else 200), "the origin answered like any other request"

    asyncio.run(asyncio.wait_for(talk(), wire.DEADLINE_S))


# --- CONNECT


def test_connect_is_refused_where_no_route_allows_it(proxy, origin):
    with proxy.client() as client:
        client.send(b"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n")
        assert client.response().status == 405
    assert origin.saw() == []


@pairing.needs_http1_down("exact bytes")
def test_bytes_behind_a_refused_connect_are_not_taken_for_a_request(proxy, origin):
    with proxy.client() as client:
        client.send(b"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\nGET /inner HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert wire.status_of_replies(client.rest()) == [405]
    assert origin.saw() == []


@pairing.needs_http1_up("the proxy sends no CONNECT over HTTP/2")
def test_connect_opens_a_tunnel_where_a_route_allows_it(proxy, origin, start, start_origin):
    other = start_origin()

    async def on_connection(connection):
        while data := await connection.read_some():
            connection.send(data.upper())

    other.on_connection = on_connection
    tunnel = start({"workers": 1, "clusters": [cluster(other)],
                    "listeners": [listener([{"match": {"host": "tunnel.example"}, "cluster": "origin", "allow_connect": True}])]})
    with tunnel.client() as client:
        client.send(b"CONNECT tunnel.example:443 HTTP/1.1\r\nHost: tunnel.example:443\r\n\r\n")
        response = client.response("CONNECT")
        assert response.status == 200 and not response.has("Content-Length")
        client.send(b"\x16\x03\x01 raw bytes\r\n\r\n")
        assert client.read(17) == b"\x16\x03\x01 RAW BYTES\r\n\r\n"
        client.half_close(tunnel=True)
        client.expect_closed()


def test_connect_to_an_endpoint_that_is_gone_is_answered_503(start):
    closed = ClosedPort()
    proxy = start({"workers": 1, "clusters": [cluster(closed)],
                   "listeners": [listener([{"match": {"host": "tunnel.example"}, "cluster": "origin", "allow_connect": True}])]})
    with proxy.client() as client:
        client.send(b"CONNECT tunnel.example:443 HTTP/1.1\r\nHost: tunnel.example:443\r\n\r\n")
        assert client.response().status == 503
    closed.close()
