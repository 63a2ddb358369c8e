"""Every wait of the proxy ends: which deadline, with which answer. One listener for each kind of timeout, all short."""
# ctest: threads
# ctest: wires

import asyncio
import pathlib
import re
import time

import pairing
import pytest
import wire
from origin import ClosedPort, DeafPort, reply, switched
from proxy import cluster, listener

deaf = DeafPort()
SHORT = "300ms"
SHORT_S = 0.3
SLACK_S = 8.0  # how late an instrumented proxy on a busy machine may be; what is tested is which answer comes


def config(origin):
    routes = [
        {"match": {"prefix": "/deaf"}, "cluster": "deaf"},
        {"match": {"prefix": "/quick"}, "cluster": "origin", "timeout": SHORT},
        {"match": {"prefix": "/patient"}, "cluster": "origin", "timeout": "30s"},
        {"match": {"prefix": "/"}, "cluster": "origin"},
    ]
    kinds = {name: {name: SHORT} for name in ("head", "idle", "body", "request", "tunnel_idle")}
    kinds["default"] = {}
    return {"workers": 1,
            "listeners": [listener(routes, name, timeouts=timeouts) for name, timeouts in kinds.items()],
            "clusters": [cluster(origin),
                         cluster(deaf.address, name="deaf", connect_timeout=SHORT)]}


def never(origin):
    """The origin takes the request and says nothing."""

    async def handler(connection, _):
        await connection.until_closed()

    origin.handler = handler


class Clock:
    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            took = time.monotonic() - self.began
            assert SHORT_S * 0.9 <= took < SHORT_S + SLACK_S, f"after {took:.2f} s, wanted {SHORT_S}"


@pairing.needs_http1_down("exact bytes")
def test_a_head_that_began_behind_a_request_is_a_head(proxy, origin):
    with proxy.client("head") as client, Clock():
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HT")
        assert wire.status_of_replies(client.rest()) == [200, 408]


@pairing.needs_http1_down("exact bytes")
@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Slow: "])
def test_a_head_that_never_ends_is_answered_408(proxy, origin, sent):
    with proxy.client("head") as client, Clock():
        client.send(sent)
        data = client.rest()
    if sent:
        assert wire.status_of_replies(data) == [408]
    else:  # nothing was asked, so silence is right too
        assert wire.status_of_replies(data) in ([408], [])
    assert origin.saw() == []


@pairing.needs_http1_down("exact bytes")
def test_a_head_in_drips_does_not_extend_its_deadline(proxy, origin):
    with proxy.client("head", deadline=SHORT_S + SLACK_S) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n")
        began = time.monotonic()
        client.socket.settimeout(0.05)
        while time.monotonic() - began < SHORT_S + SLACK_S:
            client.send(b"X-Drip: 1\r\n")
            try:
                if piece := client.socket.recv(4096):
                    client.feed.data += piece
                else:
                    break
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
        assert time.monotonic() - began < SHORT_S + SLACK_S
        assert b"HTTP/1.1 408 " in client.feed.data
    assert origin.saw() == []


def test_an_idle_connection_is_closed_without_a_word(proxy):
    with proxy.client("idle") as client:
        assert client.get().status == 200
        with Clock():
            client.expect_closed()


def test_a_connection_in_use_is_not_idle(proxy, origin):
    async def handler(connection, _):
        await asyncio.sleep(SHORT_S * 2)
        connection.send(reply())

    origin.handler = handler
    with proxy.client("idle") as client:
        assert client.get().status == 200


def test_a_request_that_takes_too_long_is_answered_504(proxy, origin):
    never(origin)
    with proxy.client("request") as client, Clock():
        assert client.get().status == 504


def test_the_upstream_connection_of_a_504_is_not_used_again(proxy, origin):
    async def late(connection, request):
        if request.target == "/late":
            await connection.until_closed()
        connection.send(reply(b"right"))

    origin.handler = late
    with proxy.client("request") as client:
        assert client.get("/late").status == 504
    with proxy.client("request") as client:
        assert client.get("/next").body == b"right"
    used = [c for c, data in origin.since_reset() if b"GET /late " in data]
    assert len(used) == 1 and b"GET /next " not in used[0].received
    origin.wait_for(lambda: used[0].closed, "the abandoned upstream connection's end")


def test_a_routes_own_timeout_is_shorter(proxy, origin):
    never(origin)
    with proxy.client("default") as client, Clock():
        assert client.get("/quick").status == 504


def test_a_routes_own_timeout_is_longer(proxy, origin):
    async def handler(connection, _):
        await asyncio.sleep(SHORT_S * 2)
        connection.send(reply(b"patience"))

    origin.handler = handler
    with proxy.client("request") as client:
        assert client.get("/patient").body == b"patience"


def test_a_response_that_begins_and_never_ends_is_cut_off(proxy, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        await connection.until_closed()

    origin.handler = handler
    for name in ("request", "body"):
        with proxy.client(name) as client, Clock():
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            with pytest.raises(wire.Incomplete):
                client.response()


def test_a_request_body_that_stops_is_answered_408_and_never_completed_upstream(proxy, origin):
    with proxy.client("body") as client, Clock():
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nbegun")
        assert wire.status_of_replies(client.rest()) == [408]
    for connection, data in origin.since_reset():
        with pytest.raises(wire.Incomplete):
            wire.requests_in(data)
        origin.wait_for(lambda c=connection: c.closed, "the upstream connection's end")


@pairing.needs_http1_up("an endpoint that does not read")
def test_a_request_body_that_the_endpoint_does_not_take_is_answered_504(proxy, origin):
    async def head_handler(connection, _):
        connection.transport.pause_reading()
        await connection.until_closed()

    origin.head_handler = head_handler
    size = 64 * 1024 * 1024
    with proxy.client("body") as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {size}\r\n\r\n".encode())
        client.socket.settimeout(SHORT_S)
        piece, sent = b"x" * 65536, 0
        with pytest.raises(OSError):
            while sent < size:
                sent += client.socket.send(piece)
        client.socket.settimeout(wire.DEADLINE_S)
        assert client.response().status == 504


@pairing.measures_time
def test_waiting_for_an_endpoint_costs_nothing_after_the_bodies_timeout(proxy, origin):
    """Its deadline had passed, and was looked at in every turn of the clock: 125 times a second for each exchange."""
    answers = origin.event()

    async def handler(connection, _):
        await answers.wait()
        connection.send(reply())

    origin.handler = handler

    def turns():
        threads = pathlib.Path(f"/proc/{proxy.process.pid}/task").iterdir()
        return {one.name: int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (one / "status").read_text(), re.M)[1]) for one in threads}

    with proxy.client("body") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        time.sleep(2 * SHORT_S)
        before = turns()
        time.sleep(1)
        after = turns()
        assert max(after[one] - before[one] for one in before) < 40
        origin.set_event(answers)
        assert client.response().status == 200


def test_a_connect_that_hangs_is_answered_503(proxy):
    with proxy.client("default") as client, Clock():
        assert client.get("/deaf").status == 503


def test_a_connect_that_is_refused_is_answered_503_at_once(start):
    closed = ClosedPort()
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(closed.address)]})
    with proxy.client() as client:
        assert [client.get().status for _ in range(3)] == [503] * 3, "and the connection stays"
    closed.close()


def test_a_pooled_upstream_connection_is_closed_after_its_idle_time(start, origin):
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(origin, idle_timeout=SHORT)]})
    with proxy.client() as client:
        assert client.get().status == 200
        connection = origin.since_reset()[0][0]
        with Clock():
            origin.wait_for(lambda: connection.closed, "the pooled connection's end")
        assert client.get().status == 200
    assert len(origin.since_reset()) == 2


def test_a_silent_tunnel_is_closed(proxy, origin):
    async def handler(connection, request):
        connection.send(switched(request))
        await connection.until_closed()

    origin.handler = handler
    with proxy.client("tunnel_idle") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
        assert client.response().status == 101
        with Clock():
            client.expect_closed()
