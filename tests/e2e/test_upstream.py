"""Origins that fail, and the pool of connections to them: what is answered, what is sent again, what is never used again."""
# ctest: threads
# ctest: wires

import asyncio

import pairing
import pytest
import wire
from origin import ClosedPort, reply
from proxy import cluster, listener, to_origin

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody"


def answer_once(origin, data, close=True):
    """The next request is answered with these bytes; later ones are well served."""
    used = []

    async def handler(connection, request):
        if used:
            connection.send(reply(b"well"))
            return
        used.append(connection)
        connection.send(data)
        if close == "reset":
            await asyncio.sleep(0)
            connection.reset()
        elif close:
            connection.close()

    origin.handler = handler
    return used


def test_a_refused_connection_is_answered_503(start):
    closed = ClosedPort()
    proxy = start(to_origin(closed))
    with proxy.client() as client:
        for data in (GET, POST):
            client.send(data)
            assert client.response().status == 503
    closed.close()


def test_another_endpoint_serves_when_asked_next(start, origin):
    closed = ClosedPort()
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(closed, origin)]})
    with proxy.client() as client:
        assert sorted(client.get().status for _ in range(4)) == [200, 200, 503, 503]
    closed.close()


@pairing.needs_http1_up("exact bytes")
@pytest.mark.parametrize("data", [b"SSH-2.0-nothing of the kind\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"\0\0\0\0"])
def test_a_broken_reply_is_answered_502(proxy, origin, data):
    answer_once(origin, data)
    with proxy.client() as client:
        assert client.get().status == 502
        assert client.get().body == b"well", "the client's connection is not the origin's fault"


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nContent-Le"])
@pytest.mark.parametrize("how", [True, "reset"])
def test_a_reply_that_ends_inside_its_head_is_answered_502(proxy, origin, data, how):
    answer_once(origin, data, how)
    with proxy.client() as client:
        assert client.get().status == 502


@pytest.mark.parametrize("how", [True, "reset"])
def test_a_new_connection_that_closes_without_a_reply_is_answered_502(start, start_origin, how):
    origin = start_origin()
    answer_once(origin, b"", how)
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        assert client.get().status == 502
        assert client.get().body == b"well"


def close_when_reused(origin, how):
    """The first request of a connection is well served; at the second the connection ends without a word."""

    async def on_connection(connection):
        await connection.request()
        connection.send(reply(b"served"))
        await connection.read_some()  # the proxy has chosen this connection again
        connection.reset() if how == "reset" else connection.close()

    origin.on_connection = on_connection


@pairing.needs_http1_up("a connection kept alive")
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_get_on_a_stale_connection_is_sent_again_once(start, start_origin, how):
    origin = start_origin()
    close_when_reused(origin, how)
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        assert [client.get().body for _ in range(2)] == [b"served"] * 2
    assert [data.count(b"GET / ") for _, data in origin.since_reset()] == [2, 1]


@pairing.needs_http1_up("a connection kept alive")
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_post_on_a_stale_connection_is_never_sent_twice(start, start_origin, how):
    origin = start_origin()
    close_when_reused(origin, how)
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        assert client.get().body == b"served"
        client.send(POST)
        assert client.response().status == 502
    assert [data.count(b"POST / ") for _, data in origin.since_reset()] == [1]


@pairing.needs_http1_up("a connection kept alive")
def test_a_get_is_not_sent_again_for_ever(start, start_origin):
    """Every pooled connection is stale, and new ones close too: one replay, then the truth."""
    origin = start_origin()
    close_when_reused(origin, "close")
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        assert client.get().status == 200

        async def hang_up(connection):
            await connection.request()
            connection.close()

        origin.on_connection = hang_up
        assert client.get().status == 502
    assert sum(data.count(b"GET / ") for _, data in origin.since_reset()) == 3


@pairing.needs_http1_up("a connection kept alive")
def test_a_connection_the_origin_closed_while_idle_is_not_used(start, start_origin):
    origin = start_origin()

    async def on_connection(connection):
        await connection.request()
        connection.send(reply())
        connection.close()

    origin.on_connection = on_connection
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        for _ in range(5):
            client.send(POST)
            assert client.response().status == 200
            last = origin.connections[-1]
            origin.wait_for(lambda: last.lost or last.closed, "the proxy to see the close")


@pairing.needs_http1_up("what Connection says")
def test_connection_close_from_the_origin_is_believed(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(b"last", fields="Connection: close\r\n"))

    origin.handler = handler
    with proxy.client() as client:
        response = client.get()
        assert response.body == b"last" and not response.has("Connection"), "the origin's wish is about its own connection"
        assert client.get().body == b"last"
    assert len(origin.since_reset()) == 2


@pairing.needs_http1_up("exact bytes")
def test_bytes_after_a_reply_spoil_the_connection(proxy, origin):
    poison = reply(b"poison")
    used = answer_once(origin, reply(b"first") + poison, close=False)
    with proxy.client() as client:
        assert client.get().body == b"first"
        assert client.get().body == b"well"
    origin.wait_for(lambda: used[0].closed, "the spoilt connection's end")


@pairing.needs_http1_up("exact bytes")
def test_bytes_after_a_reply_that_fills_a_read_spoil_the_connection(start, start_origin):
    """One read takes the reply and no more: what lies behind it has been told of already."""
    size = 68 * 1024  # Worker::kScratchBytes
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size - 42}\r\n\r\n".encode()
    assert len(head) == 42

    async def handler(connection, request):
        connection.send(head + b"x" * (size - 42) + reply(b"poison") if request.target == "/long" else reply(b"well"))

    proxy = start(to_origin(start_origin(handler=handler)))
    for _ in range(5):  # now and then the bytes come in two reads
        with proxy.client() as client:
            assert len(client.get("/long").body) == size - 42
            assert client.get("/").body == b"well"


@pairing.needs_http1_up("exact bytes")
def test_bytes_on_an_idle_connection_spoil_it(proxy, origin):
    """A reply to a request that was never sent must not answer the next one."""
    with proxy.client() as client:
        assert client.get().body == b"ok"
        connection = origin.since_reset()[0][0]
        origin.loop.call_soon_threadsafe(connection.send, reply(b"unasked"))
        origin.wait_for(lambda: connection.closed, "the spoilt connection's end")
        assert client.get().body == b"ok"
    assert len(origin.since_reset()) == 2


@pairing.needs_clear
def test_an_early_final_response_ends_the_upload(proxy, origin):
    """The origin refuses after the head and reads no body: the client gets that answer, not a 502."""

    async def head_handler(connection, _):
        connection.send(reply(b"no", "403 Forbidden", "Connection: close\r\n"))
        connection.half_close()
        await connection.until_closed()

    origin.head_handler = head_handler
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 100_000)
        response = client.response()
        assert (response.status, response.body) == (403, b"no")
    connection = origin.since_reset()[0][0]
    origin.wait_for(lambda: connection.closed, "the upstream connection's end")


def test_request_and_response_bodies_pass_at_the_same_time(proxy, origin):
    """The origin gives back each piece as it comes; the client sends the next one only when it has the last. Both connections go on."""

    async def head_handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        data = b""
        while not data.endswith(b"\r\n0\r\n\r\n") and not connection.feed.eof:
            piece = await connection.read_some()
            data += piece
            connection.send(piece)

    origin.head_handler = head_handler
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.peek_for(b"\r\n\r\n")
        for n in range(20):
            client.send(b"8\r\npiece %02d\r\n" % n)
            client.peek_for(b"piece %02d\r\n" % n)
        client.send(b"0\r\n\r\n")
        assert client.response().body == b"".join(b"piece %02d" % n for n in range(20))
        origin.head_handler = None
        assert client.get().status == 200
    assert len(origin.since_reset()) == 1


def test_an_early_response_with_the_body_still_coming_does_not_desynchronise(proxy, origin):
    """The whole body is sent after the early answer; what it contains must never be taken for a request."""

    async def head_handler(connection, head):
        connection.send(reply(b"early"))
        await connection.body_of(head)

    origin.head_handler = head_handler
    inner = b"GET /inner HTTP/1.1\r\nHost: a.example\r\n\r\n"
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(inner))
        assert client.response().body == b"early"
        client.send(inner)
        client.send(b"GET /after HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.half_close()
        rest = client.rest()
        assert wire.status_of_replies(rest) in ([], [200])
    for _, data in origin.since_reset():
        try:
            seen = wire.requests_in(data)
        except wire.Incomplete:
            continue  # the upload was cut off: right too
        assert {r.target for r in seen} <= {"/", "/after"} and seen[0].body in (inner, b"")


def test_a_slow_origin_does_not_hold_up_others(proxy, origin):
    release = origin.event()

    async def handler(connection, request):
        if request.target == "/slow":
            await release.wait()
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    with proxy.client() as slow, proxy.client() as quick:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the slow request")
        assert [quick.get(f"/{n}").body for n in range(10)] == [b"/%d" % n for n in range(10)]
        origin.set_event(release)
        assert slow.response().body == b"/slow"


def test_many_connections_at_once_each_get_their_own_answer(start, origin):
    async def handler(connection, request):
        await asyncio.sleep(0)
        connection.send(reply(request.target.encode() * 100))

    origin.handler = handler
    proxy = start(to_origin(origin, workers=2))
    clients = [proxy.client() for _ in range(64)]
    for round_ in range(5):
        for n, client in enumerate(clients):
            client.send(f"GET /{n}-{round_} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        for n, client in enumerate(clients):
            assert client.response().body == f"/{n}-{round_}".encode() * 100
    for client in clients:
        client.close()
