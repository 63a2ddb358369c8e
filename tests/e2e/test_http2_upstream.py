"""HTTP/2 towards endpoints: what is sent, what comes back, many requests on one connection, both bodies no faster than they are taken."""
# ctest: threads

import asyncio
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import h2.settings
import pytest
import wire
from certificates import Authority
from h2_origin import CANCEL, in_parallel, nghttpd
from processes import descriptors
from proxy import BUILD, SANITIZED, cluster, listener, to_origin

CONCURRENT, WINDOW = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS, h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
POST = b"POST /in HTTP/1.1\r\nHost: a.example\r\n"


def config(origin, **options):
    return to_origin(origin, cluster_options={"protocol": "http2", **options})


# --- requests ---


def test_a_requests_head_is_said_in_http2s_words(start, h2_origin):
    origin = h2_origin()
    with start(config(origin)).client() as client:
        response = client.get("/a/b?c=d", fields="X-Mixed-Case: Value\r\nCookie: a=1; b=2\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\n"
                              "Keep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: h2c\r\n")
    assert response.status == 200 and response.body == b"ok"
    stream = origin.only_stream()
    assert stream.fields[:4] == [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/a/b?c=d")]
    assert stream.get("x-mixed-case") == "Value" and stream.get("cookie") == "a=1; b=2"
    for gone in ("x-hop", "connection", "keep-alive", "upgrade", "host", "transfer-encoding"):
        assert stream.get(gone) is None, gone
    assert all(name == name.lower() for name, _ in stream.fields)
    assert stream.ended and not stream.body


def test_te_trailers_is_passed_on(start, h2_origin):
    origin = h2_origin()
    with start(config(origin)).client() as client:
        client.get(fields="TE: trailers\r\nConnection: TE\r\n")
    assert origin.only_stream().get("te") == "trailers"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole(start, h2_origin, chunked):
    body = bytes(range(256)) * 4096  # more than a window
    origin = h2_origin()
    with start(config(origin)).client() as client:
        if chunked:
            pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50_000]), body[i:i + 50_000]) for i in range(0, len(body), 50_000))
            client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\nX-Sum: 7\r\nContent-Length: 5\r\n\r\n")
        else:
            client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert client.response().status == 200
    stream = origin.only_stream()
    assert bytes(stream.body) == body and stream.ended
    assert stream.get("content-length") == (None if chunked else str(len(body)))
    assert stream.trailers == ([("x-sum", "7")] if chunked else None)


def test_a_long_head_goes_out_as_it_came(start, h2_origin):
    origin = h2_origin(settings={h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 1024 * 1024})
    proxy = start(to_origin(origin, {"limits": {"head_bytes": "300KiB"}}, {"protocol": "http2"}))
    fields = "".join(f"x-{i}: {chr(97 + i % 26) * 2500}\r\n" for i in range(90))
    with proxy.client() as client:
        assert client.get(fields=fields).status == 200
    assert sum(len(value) == 2500 for _, value in origin.only_stream().fields) == 90


def test_a_body_of_no_bytes_says_so(start, h2_origin):
    origin = h2_origin()
    with start(config(origin)).client() as client:
        client.send(POST + b"Content-Length: 0\r\n\r\n")
        assert client.response().status == 200
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert client.response().status == 200
    origin.settle()
    assert [s.get("content-length") for s in origin.streams] == ["0", None] and not any(s.body for s in origin.streams)


# --- responses ---


def test_a_response_with_trailers_keeps_them(start, h2_origin):
    async def handler(stream):
        stream.head(200, [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
        await stream.data(b"body", end=False)
        stream.trail([("x-sum", "7"), ("set-cookie", "c=3")])

    with start(config(h2_origin(handler))).client() as client:
        response = client.get()
    assert response.body == b"body" and response.trailers == [("x-sum", "7")] and response.all("set-cookie") == ["a=1", "b=2"]
    assert response.chunks


def test_a_unary_grpc_call_through_an_http1_client(start, h2_origin):
    async def handler(stream):
        await stream.whole()
        stream.head(200, [("content-type", "application/grpc")])
        await stream.data(bytes(stream.body), end=False)
        stream.trail([("grpc-status", "0"), ("grpc-message", "fine")])

    message = b"\0\0\0\0\5hello"
    origin = h2_origin(handler)
    with start(config(origin)).client() as client:
        client.send(b"POST /svc/Method HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/grpc\r\nTE: trailers\r\nConnection: TE\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(message) + message)
        response = client.response()
    assert response.body == message and response.trailers == [("grpc-status", "0"), ("grpc-message", "fine")]
    assert origin.only_stream().get("te") == "trailers"


def test_trailers_only(start, h2_origin):
    async def handler(stream):
        stream.head(200, [("content-type", "application/grpc"), ("grpc-status", "12")], end=True)

    with start(config(h2_origin(handler))).client() as client:
        response = client.get()
    assert response.body == b"" and response.get("grpc-status") == "12"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_content(start, h2_origin, status):
    async def handler(stream):
        stream.head(status, [("etag", '"x"')], end=True)

    with start(config(h2_origin(handler))).client() as client:
        for _ in range(2):
            response = client.get()
            assert response.status == status and response.get("etag") == '"x"' and not response.has("transfer-encoding")


@pytest.mark.parametrize("ends", [True, False])
def test_head_has_the_length_and_no_content(start, h2_origin, ends):
    async def handler(stream):
        stream.head(200, [("content-length", "5")], end=ends)
        if not ends:
            await stream.data(b"")

    with start(config(h2_origin(handler))).client() as client:
        for _ in range(2):
            client.send(b"HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert client.response("HEAD").get("content-length") == "5"


def test_informational_heads_come_before_the_final_one(start, h2_origin):
    async def handler(stream):
        for link in ("</a>", "</b>"):
            stream.head(103, [("link", link)])
        await stream.reply()

    with start(config(h2_origin(handler))).client() as client:
        response = client.get()
    assert [(each.status, each.get("link")) for each in response.informational] == [(103, "</a>"), (103, "</b>")] and response.body == b"ok"


def test_expect_continue_is_the_origins_to_answer(start, h2_origin):
    async def handler(stream):
        assert stream.get("expect") == "100-continue" and not stream.body
        stream.head(100)
        await stream.whole()
        await stream.reply(bytes(stream.body))

    with start(config(h2_origin(handler))).client() as client:
        client.send(POST + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        client.peek_for(b" 100 ")
        client.send(b"body")
        assert client.response().body == b"body"


def test_a_response_may_end_before_its_request(start, h2_origin):
    """What is left of the body is not sent; the connection serves on."""

    async def handler(stream):
        if stream.method == "POST":
            await stream.until(lambda: len(stream.body) >= 4)
            await stream.reply(b"enough", 413)
            await stream.until(lambda: stream.reset_code is not None)
        else:
            await stream.reply()

    origin = h2_origin(handler)
    proxy = start(config(origin))
    with proxy.client() as client:
        client.send(POST + b"Content-Length: 1000000\r\n\r\nbody")
        response = client.response()
        assert response.status == 413 and response.body == b"enough"
    with proxy.client() as client:
        assert client.get().status == 200
    origin.settle()
    assert len(origin.connections) == 1 and origin.streams[0].reset_code == 0


# --- a connection's streams ---


def test_many_requests_share_one_connection(start, h2_origin):
    """All are there at once before the first is answered."""
    here = []
    go = {}

    async def handler(stream):
        here.append(stream)
        go.setdefault("event", asyncio.Event())
        if len(here) == 40:
            go["event"].set()
        await go["event"].wait()
        await stream.reply(stream.path.encode())

    origin = h2_origin(handler)
    proxy = start(config(origin))

    def ask(index):
        with proxy.client() as client:
            return client.get(f"/{index}").body

    assert in_parallel(40, ask) == [f"/{i}".encode() for i in range(40)]
    origin.settle()
    assert len(origin.connections) == 1 and origin.connections[0].open_most == 40


def test_the_peers_bound_of_streams_is_kept(start, h2_origin):
    """Three allowed: other requests go to other connections, as many as the cluster may have, and wait for these."""

    async def handler(stream):
        await asyncio.sleep(0.02)
        await stream.reply()

    origin = h2_origin(handler, settings={CONCURRENT: 3})
    proxy = start(config(origin, connections_max=2))

    def ask(_):
        with proxy.client() as client:
            return [client.get().status for _ in range(3)]

    assert in_parallel(20, ask) == [[200] * 3] * 20
    origin.settle()
    assert len(origin.connections) == 2 and max(c.open_most for c in origin.connections) == 3


def test_one_stream_at_a_time(start, h2_origin):
    origin = h2_origin(settings={CONCURRENT: 1})
    proxy = start(config(origin, connections_max=1))

    def ask(_):
        with proxy.client() as client:
            return [client.get().status for _ in range(5)]

    assert in_parallel(10, ask) == [[200] * 5] * 10
    origin.settle()
    assert len(origin.connections) == 1 and origin.connections[0].open_most == 1


def test_our_own_bound_of_streams(start, h2_origin):
    async def handler(stream):
        await asyncio.sleep(0.02)
        await stream.reply()

    origin = h2_origin(handler)
    proxy = start(config(origin, streams_max=2, connections_max=1, pending_max=100))

    def ask(_):
        with proxy.client() as client:
            return client.get().status

    assert in_parallel(8, ask) == [200] * 8
    origin.settle()
    assert len(origin.connections) == 1 and origin.connections[0].open_most == 2


def test_more_than_may_wait_are_answered_503(start, h2_origin):
    origin = h2_origin()
    event = origin.event()

    async def handler(stream):
        await event.wait()
        await stream.reply()

    origin.handler = handler
    proxy = start(config(origin, streams_max=1, connections_max=1, pending_max=2))
    clients = [proxy.client() for _ in range(6)]
    clients[0].send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    origin.wait_for(lambda: origin.streams, "the first request")
    for client in clients[1:]:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert [client.response().status for client in clients[3:]] == [503] * 3
    origin.set_event(event)
    assert [client.response().status for client in clients[:3]] == [200] * 3
    for client in clients:
        client.close()


def test_who_waits_for_another_endpoint_gets_the_place_of_a_connection_that_is_idle(start, h2_origin):
    first, second = h2_origin(), h2_origin()
    event = first.event()

    async def handler(stream):
        await event.wait()
        await stream.reply(b"first")

    first.handler = handler
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "both"}])],
                   "clusters": [cluster(first, second, name="both", protocol="http2", connections_max=1)]})
    clients = [proxy.client() for _ in range(4)]
    for client in clients:  # the endpoints take turns
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    first.wait_for(lambda: first.streams or second.streams, "a request")
    first.set_event(event)
    assert sorted(client.response().body for client in clients) == [b"first", b"first", b"ok", b"ok"]
    for client in clients:
        client.close()


def test_who_waits_for_a_connection_holds_up_nobody_who_waits_for_a_stream(start, h2_origin):
    origins, events = [h2_origin(), h2_origin()], {}

    async def handler(stream):
        await events.setdefault(stream.path, asyncio.Event()).wait()
        await stream.reply(stream.path.encode())

    def let_go(origin, path):
        origin.loop.call_soon_threadsafe(lambda: events.setdefault(path, asyncio.Event()).set())

    for origin in origins:
        origin.handler = handler
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "both"}])],
                   "clusters": [cluster(*origins, name="both", protocol="http2", connections_max=1, streams_max=2)]})
    clients = []
    for number in range(1, 6):  # the endpoints take turns: one has 1 and 3, and 5 waits for it behind 2 and 4, which wait for the other
        clients.append(proxy.client())
        clients[-1].send(f"GET /{number} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        if number == 1:
            origins[0].wait_for(lambda: origins[0].streams or origins[1].streams, "the first request")
            owner = origins[0] if origins[0].streams else origins[1]
        elif number == 3:
            owner.wait_for(lambda: len(owner.streams) == 2, "the third request")
        else:
            time.sleep(0.05)
    let_go(owner, "/1")
    assert clients[0].response().body == b"/1"
    owner.wait_for(lambda: any(s.path == "/5" for s in owner.streams), "the fifth request")
    for path in ("/3", "/5"):
        let_go(owner, path)
    other = origins[1] if owner is origins[0] else origins[0]
    for path in ("/2", "/4"):
        let_go(other, path)
    assert [client.response().body for client in clients[1:]] == [b"/2", b"/3", b"/4", b"/5"]
    for client in clients:
        client.close()


def test_a_connection_ends_after_its_requests(start, h2_origin):
    origin = h2_origin()
    proxy = start(config(origin, requests_per_connection=3))
    with proxy.client() as client:
        assert [client.get().status for _ in range(7)] == [200] * 7
    origin.settle()
    assert [len(c.served) for c in origin.connections] == [3, 3, 1]
    origin.wait_for(lambda: all(c.lost for c in origin.connections[:2]), "the worn ones to be closed")
    assert [c.terminated for c in origin.connections[:2]] == [0, 0], "it says GOAWAY before it closes"


def test_an_idle_connection_is_closed(start, h2_origin):
    origin = h2_origin()
    proxy = start(config(origin, idle_timeout="100ms"))
    with proxy.client() as client:
        assert client.get().status == 200
        origin.wait_for(lambda: origin.connections[0].lost, "the idle connection to be closed")
        assert client.get().status == 200
    assert len(origin.connections) == 2


def test_a_client_that_goes_away_resets_its_stream_alone(start, h2_origin):
    origin = h2_origin()
    event = origin.event()

    async def handler(stream):
        if stream.path == "/slow":
            await stream.until(lambda: stream.reset_code is not None)
        else:
            await event.wait()
            await stream.reply()

    origin.handler = handler
    proxy = start(config(origin))
    with proxy.client() as stays, proxy.client() as goes:
        stays.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        goes.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: len(origin.streams) == 2, "both requests")
        goes.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it goes with a reset
        goes.close()
        slow = next(s for s in origin.streams if s.path == "/slow")
        origin.wait_for(lambda: slow.reset_code is not None, "the reset")
        assert slow.reset_code == CANCEL
        origin.set_event(event)
        assert stays.response().status == 200
    assert len(origin.connections) == 1


# --- bodies no faster than they are taken ---


def test_a_slow_reader_bounds_what_the_origin_can_send_and_holds_up_nobody(start, h2_origin):
    total = 64 * 1024 * 1024
    sent = {}

    async def handler(stream):
        if stream.path != "/big":
            return await stream.reply(b"x" * 300_000)
        stream.head(200, [("content-length", str(total))])
        sent["bytes"] = 0
        piece = b"y" * 65536
        while sent["bytes"] < total:
            if not await stream.data(piece, end=sent["bytes"] + len(piece) >= total):
                return
            sent["bytes"] += len(piece)

    origin = h2_origin(handler)
    proxy = start(config(origin))
    with proxy.client(receive_buffer=16 * 1024) as slow, proxy.client() as other:
        slow.send(b"GET /big HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: sent.get("bytes"), "the first bytes")
        before, rss = -1, proxy.rss_kib()
        while before != sent["bytes"]:  # until nothing moves
            before = sent["bytes"]
            for _ in range(10):
                assert other.get().body == b"x" * 300_000, "another stream of the same connection"
        assert before < 16 * 1024 * 1024, "socket buffers and a window, not the whole"
        assert proxy.rss_kib() - rss < 8 * 1024 or SANITIZED
        assert len(origin.connections) == 1
        response = slow.response()
        assert len(response.body) == total


def test_a_slow_origin_bounds_what_is_read_of_a_request(start, h2_origin):
    total = 32 * 1024 * 1024
    origin = h2_origin(eager=False)
    event = origin.event()

    async def handler(stream):
        if stream.method == "GET":
            return await stream.reply()
        await event.wait()
        while not stream.ended:
            stream.connection.acknowledge(stream)
            await stream.more()
        await stream.reply(str(len(stream.body)).encode())

    origin.handler = handler
    proxy = start(config(origin))
    pushed = {"bytes": 0}
    with proxy.client() as client, proxy.client() as other:
        def push():
            client.send(POST + b"Content-Length: %d\r\n\r\n" % total)
            piece = b"z" * 65536
            while pushed["bytes"] < total and client.send(piece):
                pushed["bytes"] += len(piece)

        client.socket.settimeout(4 * wire.DEADLINE_S)
        pusher = threading.Thread(target=push, daemon=True)
        pusher.start()
        origin.wait_for(lambda: origin.streams and len(origin.streams[0].body) == 65535, "a window's worth")
        before, rss = -1, proxy.rss_kib()
        while before != pushed["bytes"]:
            before = pushed["bytes"]
            for _ in range(20):
                assert other.get().status == 200
        assert before < 16 * 1024 * 1024 and len(origin.streams[0].body) == 65535
        assert proxy.rss_kib() - rss < 8 * 1024 or SANITIZED
        origin.set_event(event)
        pusher.join(4 * wire.DEADLINE_S)
        assert client.response().body == str(total).encode()


def test_a_window_of_one_byte_at_a_time(start, h2_origin):
    body = b"0123456789" * 20
    origin = h2_origin(settings={WINDOW: 1}, eager=False)

    async def handler(stream):
        while not stream.ended:
            stream.connection.acknowledge(stream)
            await stream.more()
        await stream.reply(bytes(stream.body))

    origin.handler = handler
    with start(config(origin)).client() as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert client.response().body == body


# --- what HTTP/2 does not carry ---


WEBSOCKET = ("Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: chat\r\n")


def open_websocket(client, fields=WEBSOCKET):
    client.send(f"GET /chat HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode())
    return client.response(body=False)


@pytest.mark.parametrize("who", ["client", "origin", "reset"])
def test_a_websocket_is_an_extended_connect(start, h2_origin, who):
    """RFC 8441: the origin sees CONNECT with a protocol, the client of HTTP/1.1 the 101 that answers its key. Ends are told to the other side."""
    async def handler(stream):
        stream.head(200, [("sec-websocket-protocol", "chat")])
        seen = 0
        while not stream.ended and stream.reset_code is None:
            if len(stream.body) > seen:
                piece = bytes(stream.body[seen:])
                seen += len(piece)
                await stream.data(piece.upper(), end=False)
                if b"bye" in piece:
                    return stream.reset(2) if who == "reset" else await stream.data(b"", end=True)
            else:
                await stream.more()
        await stream.data(b"", end=True)

    origin = h2_origin(handler, settings={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    with start(config(origin)).client() as client:
        response = open_websocket(client)
        assert response.status == 101 and response.get("upgrade") == "websocket" and response.list("connection") == ["upgrade"]
        assert response.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" and response.get("sec-websocket-protocol") == "chat"
        for piece in (b"hello", b"x" * 100_000):
            client.send(piece)
            assert client.read(len(piece)) == piece.upper()
        if who == "client":
            client.half_close()
        else:
            client.send(b"bye")
            assert client.read(3) == b"BYE"
        client.expect_closed()
    stream = origin.only_stream()
    assert stream.fields[:2] == [(":method", "CONNECT"), (":protocol", "websocket")] and stream.path == "/chat"
    assert stream.get("sec-websocket-version") == "13" and stream.get("sec-websocket-key") is None and stream.get("upgrade") is None


def test_a_websocket_that_the_origin_refuses(start, h2_origin):
    async def handler(stream):
        await stream.reply(b"not here", 403)

    origin = h2_origin(handler, settings={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    with start(config(origin)).client() as client:
        response = client.get("/chat", fields=WEBSOCKET)
        assert response.status == 403 and response.body == b"not here"


def test_an_endpoint_without_extended_connect_gets_no_websocket(start, h2_origin):
    origin = h2_origin()
    with start(config(origin)).client() as client:
        response = client.get("/chat", fields=WEBSOCKET)
        assert response.status == 502 and b"RFC 8441" in response.body
        assert client.get().status == 200
    assert len(origin.streams) == 1


def test_connect_and_other_upgrades_are_refused(start, h2_origin):
    origin = h2_origin()
    proxy = start(to_origin(origin, cluster_options={"protocol": "http2"}, route_options={"allow_connect": True}))
    with proxy.client() as client:
        response = client.get(fields="Connection: upgrade\r\nUpgrade: chat/2\r\n")
        assert response.status == 501 and b"HTTP/2" in response.body
        client.send(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
        assert client.response("CONNECT").status == 501
    assert not origin.streams


def test_an_upgrade_that_is_not_allowed_is_an_ordinary_request(start, h2_origin):
    made = to_origin(h2_origin(), cluster_options={"protocol": "http2"}, route_options={"allow_upgrade": False})
    with start(made).client() as client:
        assert client.get(fields="Connection: upgrade\r\nUpgrade: websocket\r\n").status == 200


# --- plugins see what they see on HTTP/1.1 ---


def test_a_plugin_repeats_no_more_than_it_asked_to_be_kept(start, h2_origin):
    async def handler(stream):
        await stream.whole()
        first = sum(s.path == stream.path for s in origin.streams) == 1
        await stream.reply(b"busy" if first else bytes(stream.body), 503 if first else 200)

    origin = h2_origin(handler)
    settings = {"methods": ["POST"], "replay_bytes": "1KiB", "backoff": {"base": "1ms", "max": "2ms"}, "budget": {"percent": 1000, "minimum": 1000}}
    proxy = start({"workers": 1, "plugins": [{"name": "again", "use": "retry", "config": settings}],
                   "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}], chain=["again"])],
                   "clusters": [cluster(origin, protocol="http2")]})
    with proxy.client() as client:
        for size, status in ((100, 200), (4000, 503)):
            body = b"b" * size
            client.send(b"POST /%d HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % (size, size) + body)
            response = client.response()
            assert response.status == status and response.body == (body if status == 200 else b"busy")


# --- peers that others wrote ---


def test_nghttpd_serves_files_and_echoes_uploads(start, tmp_path, curl):
    (tmp_path / "www").mkdir()
    big = bytes(range(256)) * 20_000
    (tmp_path / "www" / "big").write_bytes(big)
    with nghttpd(tmp_path / "www") as address:
        proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                       "clusters": [cluster(address, protocol="http2")]})
        url = f"http://127.0.0.1:{proxy.port}"
        run = lambda *args: subprocess.run([curl, "-sS", "--max-time", "30", *args], capture_output=True, check=True).stdout  # noqa: E731
        assert run(f"{url}/big") == big
        assert run("--data-binary", f"@{tmp_path}/www/big", f"{url}/echo") == big
        assert run("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{tmp_path}/www/big", f"{url}/echo") == big
        assert b" 404 " in run("-i", f"{url}/nothing").split(b"\r\n")[0]


def test_nghttpd_sends_trailers(start, tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(b"content")
    with nghttpd(tmp_path / "www", "--trailer", "x-check: 1") as address:
        proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                       "clusters": [cluster(address, protocol="http2")]})
        with proxy.client() as client:
            response = client.get("/file")
    assert response.body == b"content" and ("x-check", "1") in response.trailers


def test_nginx_ends_its_connections_under_load_and_nothing_fails(start, nginx_origin, tmp_path, wrk):
    """It says GOAWAY after each fifty requests."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(b"c" * 1000)
    with nginx_origin("keepalive_requests 50;", "http2") as address:
        proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                       "clusters": [cluster(address, protocol="http2")]})
        done = subprocess.run([wrk, "-t", "1", "-c", "20", "-d", "2s", f"http://127.0.0.1:{proxy.port}/file"], capture_output=True, text=True,
                              check=True).stdout
        assert "Socket errors" not in done and "Non-2xx" not in done, done
        assert int(re.search(r"(\d+) requests in", done)[1]) > 200


def test_load_without_a_failure(start, tmp_path, wrk):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(b"c" * 10_000)
    with nghttpd(tmp_path / "www") as address:
        proxy = start({"workers": 2, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                       "clusters": [cluster(address, protocol="http2")]})
        done = subprocess.run([wrk, "-t", "2", "-c", "100", "-d", "3s", f"http://127.0.0.1:{proxy.port}/file"], capture_output=True, text=True,
                              check=True).stdout
        assert "Socket errors" not in done and "Non-2xx" not in done, done
        assert int(re.search(r"(\d+) requests in", done)[1]) > 100


# --- TLS ---


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def context_for(leaf, *protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)
    context.set_alpn_protocols(list(protocols))
    return context


def test_over_tls_it_is_agreed_on_by_alpn(start, h2_origin, authority):
    origin = h2_origin(tls=context_for(authority.leaf("DNS:a.example", "DNS:b.example"), "h2", "http/1.1"))
    proxy = start(config(origin, tls={"ca": str(authority.certificate)}))
    body = bytes(range(256)) * 2000
    with proxy.client() as client:
        for _ in range(3):
            client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert client.response().status == 200
        assert client.get(host="b.example").status == 200
    origin.settle()
    assert all(bytes(s.body) == body for s in origin.streams[:3])
    assert [c.transport.get_extra_info("ssl_object").selected_alpn_protocol() for c in origin.connections] == ["h2", "h2"]
    assert [len(c.served) for c in origin.connections] == [3, 1], "a connection serves the name it was verified for"


def test_an_endpoint_whose_tls_knows_no_http2_is_told_apart(start, h2_origin, authority):
    origin = h2_origin(tls=context_for(authority.leaf("DNS:a.example"), "http/1.1"), greet=lambda connection: None, deaf=True)
    with start(config(origin, tls={"ca": str(authority.certificate)})).client() as client:
        response = client.get()
    assert response.status in (502, 503) and (b"HTTP/2" in response.body or b"TLS" in response.body), response.body


def test_an_endpoint_that_cannot_be_verified_serves_nothing(start, h2_origin, authority):
    origin = h2_origin(tls=context_for(authority.leaf("DNS:other.example"), "h2"))
    with start(config(origin, tls={"ca": str(authority.certificate)})).client() as client:
        response = client.get()
    assert response.status == 503 and b"TLS" in response.body and not origin.streams


def test_many_requests_share_a_tls_connection(start, h2_origin, authority):
    origin = h2_origin(tls=context_for(authority.leaf("DNS:a.example"), "h2"))
    proxy = start(config(origin, tls={"ca": str(authority.certificate)}))

    def ask(_):
        with proxy.client() as client:
            return [client.get().status for _ in range(5)]

    assert in_parallel(20, ask) == [[200] * 5] * 20
    origin.settle()
    assert len(origin.connections) == 1


# --- its life among generations ---


def test_a_drain_lets_streams_end(start, h2_origin):
    origin = h2_origin()
    event = origin.event()

    async def handler(stream):
        await event.wait()
        await stream.reply(b"last")

    origin.handler = handler
    proxy = start(config(origin))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.streams, "the request")
        proxy.signal()
        proxy.wait_for_line(" kernel draining")
        origin.set_event(event)
        assert client.response().body == b"last"
    assert proxy.wait() == 0
    origin.wait_for(lambda: origin.connections[0].lost, "the end")
    assert origin.connections[0].terminated == 0


def test_a_cluster_that_goes_closes_its_connections_once_they_are_unused(start, h2_origin):
    origin, next_origin = h2_origin(), h2_origin()
    event = origin.event()

    async def handler(stream):
        if stream.path == "/slow":
            await event.wait()
        await stream.reply(b"old")

    origin.handler = handler
    proxy = start(config(origin))
    with proxy.client() as slow, proxy.client() as client:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.streams, "the request")
        proxy.file.write_text(json.dumps(config(next_origin)))
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line(r"generation 2 is in force")
        origin.wait_for(lambda: client.get().body == b"ok", "the next generation")
        assert not origin.connections[0].lost
        origin.set_event(event)
        assert slow.response().body == b"old"
        origin.wait_for(lambda: origin.connections[0].lost, "the old connection's end")


def test_a_peer_that_has_gone_without_a_word_is_found_out(start, h2_origin):
    """Requests time out; while nothing comes the connection gets no more of them, and ends when a PING is not answered."""
    origin = h2_origin()
    proxy = start(to_origin(origin, cluster_options={"protocol": "http2", "connect_timeout": "300ms"}, route_options={"timeout": "200ms"}))
    with proxy.client() as client:
        assert client.get().status == 200
        before = descriptors(proxy.process.pid)
        origin.loop.call_soon_threadsafe(origin.connections[0].transport.pause_reading)
        origin.wait_for(lambda: not origin.connections[0].transport.is_reading(), "silence")
        assert client.get().status == 504
        assert client.get().status == 200, "on another connection"
        assert len(origin.connections) == 2
        origin.wait_for(lambda: descriptors(proxy.process.pid) == before, "its end")
        assert client.get().status == 200 and len(origin.connections) == 2


def test_a_slow_answer_is_not_a_dead_peer(start, h2_origin):
    async def handler(stream):
        if stream.path == "/slow":
            await stream.until(lambda: stream.reset_code is not None)
        else:
            await stream.reply()

    origin = h2_origin(handler)
    proxy = start(to_origin(origin, cluster_options={"protocol": "http2", "connect_timeout": "300ms"}, route_options={"timeout": "200ms"}))
    with proxy.client() as client:
        assert [client.get("/slow").status for _ in range(3)] == [504] * 3
        assert client.get().status == 200
    origin.settle()
    assert not any(c.lost for c in origin.connections)


# --- plugins' own requests ---


def test_a_plugins_calls_go_over_it(start, h2_origin):
    async def handler(stream):
        await stream.whole()
        await stream.reply(b"hello " + bytes(stream.body), fields=[("x-origin", "yes")])

    origin = h2_origin(handler)
    proxy = start({"workers": 1, "plugin_path": [str(BUILD / "hostile_plugins")], "plugins": [{"name": "calls", "use": "calls"}],
                   "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 404}}], chain=["calls"])],
                   "clusters": [cluster(origin, protocol="http2")]})
    with proxy.client() as client:
        for _ in range(3):
            answer = client.get(fields="x-call: origin POST /check\r\nx-call-body: question\r\n")
            assert answer.body.strip() == b"done 200 yes hello question", answer
    origin.settle()
    assert len(origin.connections) == 1 and origin.streams[0].get(":authority") == origin.address
