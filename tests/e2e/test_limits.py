"""What is too long, too much or too many, and how the proxy says so. One listener for each limit, all small."""
# ctest: wires

import select

import pairing
import pytest
import wire
from origin import reply
from proxy import cluster, listener


def config(origin):
    routes = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    kinds = {
        "default": {}, "head": {"head_bytes": 1024}, "target": {"target_bytes": 256}, "headers": {"headers": 10},
        "body": {"body_bytes": 1000}, "connections": {"connections": 3}, "requests": {"requests_per_connection": 3},
    }
    return {"workers": 1, "clusters": [cluster(origin)],
            "listeners": [listener(routes, name, limits=limits) for name, limits in kinds.items()]}


def refused(proxy, origin, name, data, status):
    with proxy.client(name) as client:
        client.send(data)
        assert client.response().status == status
        pairing.expect_refused(client)
    assert origin.saw() == []


def head(extra="", target="/"):
    return f"GET {target} HTTP/1.1\r\nHost: a.example\r\n{extra}\r\n".encode()


def test_a_head_over_its_limit_is_answered_431(proxy, origin):
    refused(proxy, origin, "head", head(f"X-Long: {'x' * 1024}\r\n"), 431)


@pairing.needs_http1_down("HTTP/2 counts a head's bytes otherwise")
def test_a_head_at_its_limit_passes(proxy, origin):
    padding = 1024 - len(head("X-Pad: \r\n"))
    with proxy.client("head") as client:
        client.send(head(f"X-Pad: {'x' * padding}\r\n"))
        assert client.response().status == 200


@pairing.needs_http1_down("exact bytes")
def test_a_head_over_its_limit_is_refused_before_it_ends(proxy, origin):
    refused(proxy, origin, "head", b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Long: " + b"x" * 2000, 431)


def test_the_default_head_limit_is_64_kib(proxy, origin):
    refused(proxy, origin, "default", head(f"X-Long: {'x' * 66000}\r\n"), 431)
    with proxy.client("default") as client:
        client.send(head(f"X-Long: {'x' * 60000}\r\n"))
        assert client.response().status == 200


def test_a_target_over_its_limit_is_answered_414(proxy, origin):
    refused(proxy, origin, "target", head(target="/" + "x" * 256), 414)


def test_a_target_at_its_limit_passes(proxy, origin):
    with proxy.client("target") as client:
        assert client.get("/" + "x" * 255).status == 200


def test_the_default_target_limit_is_8_kib(proxy, origin):
    refused(proxy, origin, "default", head(target="/" + "x" * 8192), 414)


@pairing.needs_http1_down("exact bytes")
def test_an_endless_request_line_is_answered_414(proxy, origin):
    refused(proxy, origin, "default", b"GET /" + b"x" * 70000, 414)


def test_too_many_fields_are_answered_431(proxy, origin):
    refused(proxy, origin, "headers", head("X: 1\r\n" * 10), 431)
    with proxy.client("headers") as client:
        client.send(head("X: 1\r\n" * 9))
        assert client.response().status == 200


def test_the_default_field_limit_is_100(proxy, origin):
    refused(proxy, origin, "default", head("X: 1\r\n" * 100), 431)


def test_a_body_longer_than_allowed_is_answered_413_before_it_is_sent(proxy, origin):
    refused(proxy, origin, "body", b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1001\r\n\r\n", 413)


def test_a_chunked_body_that_grows_too_long_is_answered_413_and_never_completed_upstream(proxy, origin):
    with proxy.client("body") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b"x" * 256 + b"\r\n") * 5 + b"0\r\n\r\n")
        assert client.response().status == 413
        pairing.expect_refused(client)
    for connection, data in origin.since_reset():
        with pytest.raises(wire.Incomplete):
            wire.requests_in(data)
        origin.wait_for(lambda c=connection: c.closed, "the upstream connection's end")


def test_a_body_at_its_limit_passes(proxy, origin):
    with proxy.client("body") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
        assert client.response().status == 200
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")
        assert client.response().status == 200


@pairing.needs_clear
def test_connections_over_the_limit_are_closed_at_accept_and_make_room_when_others_leave(proxy, origin):
    clients = [proxy.client("connections") for _ in range(3)]
    assert [client.get().status for client in clients] == [200] * 3
    with proxy.client("connections") as further:
        further.send(head())
        assert further.rest() == b""
    assert clients[0].get().status == 200, "those inside are not disturbed"
    clients.pop().close()

    def room():
        with proxy.client("connections") as again:
            again.send(head())
            try:
                return again.response().status == 200
            except AssertionError:  # closed at once
                return False

    origin.wait_for(room, "room for another connection")
    for client in clients:
        client.close()


def test_a_connection_is_closed_after_its_last_request(proxy, origin):
    with proxy.client("requests") as client:
        first, second, third = (client.get() for _ in range(3))
        assert "close" not in first.list("Connection") + second.list("Connection")
        assert third.status == 200 and third.list("Connection") == ["close"]
        client.expect_closed()


@pairing.needs_http1_down("pipelining")
def test_requests_pipelined_behind_the_last_one_are_not_served(proxy, origin):
    with proxy.client("requests") as client:
        client.send(head() * 5)
        assert wire.status_of_replies(client.rest()) == [200] * 3
    assert len(origin.saw()) == 3


def test_an_upstream_connection_is_closed_after_its_last_request(start, origin):
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(origin, requests_per_connection=2)]})
    with proxy.client() as client:
        assert [client.get().status for _ in range(5)] == [200] * 5
    assert sorted(data.count(b"GET / ") for _, data in origin.since_reset()) == [1, 2, 2]


@pairing.needs_http1_up("one request at a time on a connection")
@pairing.needs_clear
def test_requests_wait_for_an_upstream_connection_up_to_a_bound(start, origin):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply())

    origin.handler = handler
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(origin, connections_max=2, pending_max=3)]})
    clients = [proxy.client() for _ in range(6)]
    for n, client in enumerate(clients):
        client.send(head(target=f"/{n}"))
        if n < 2:
            origin.wait_for(lambda: len(origin.saw()) == n + 1, "the request upstream")
    ready, _, _ = select.select([c.socket for c in clients], [], [], wire.DEADLINE_S)
    refused_one = [c for c in clients if c.socket in ready]
    assert [c.response().status for c in refused_one] == [503], "2 upstream, 3 waiting, one too many"
    origin.set_event(release)
    assert [c.response().status for c in clients if c not in refused_one] == [200] * 5
    assert len(origin.since_reset()) == 2
    for client in clients:
        client.close()


@pairing.needs_http1_up("one request at a time on a connection")
def test_no_more_idle_upstream_connections_are_kept_than_allowed(start, origin):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply())

    origin.handler = handler
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])],
                   "clusters": [cluster(origin, idle_max=1)]})
    clients = [proxy.client() for _ in range(4)]
    for client in clients:
        client.send(head())
    origin.wait_for(lambda: len(origin.saw()) == 4, "all requests upstream")
    origin.set_event(release)
    assert [c.response().status for c in clients] == [200] * 4
    connections = [c for c, _ in origin.since_reset()]
    origin.wait_for(lambda: sum(not c.closed for c in connections) == 1, "all but one to be closed")
    for client in clients:
        client.close()
