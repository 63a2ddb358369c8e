"""SIGTERM: what is in flight is finished, what is idle is closed, nothing new is taken, and the exit code is 0."""
# ctest: threads

import signal
import socket
import time

import pytest
import wire
from origin import reply
from proxy import to_origin


def held(origin):
    """The origin answers once the returned event is set."""
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"finished"))

    origin.handler = handler
    return release


def in_flight(proxy, origin, target="/"):
    client = proxy.client()
    client.send(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
    origin.wait_for(lambda: origin.saw(), "the request upstream")
    return client


def refuses(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as probe:
            probe.settimeout(2)
            return probe.recv(1) == b""
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_in_flight_is_finished_before_the_end(start, origin, workers):
    proxy = start(to_origin(origin, workers=workers))
    release = held(origin)
    client = in_flight(proxy, origin)
    proxy.signal()
    origin.wait_for(lambda: refuses(proxy.port), "the listener to be closed")
    assert proxy.process.poll() is None
    origin.set_event(release)
    response = client.response()
    assert (response.status, response.body, response.list("Connection")) == (200, b"finished", ["close"])
    client.expect_closed()
    assert proxy.wait() == 0


def test_idle_connections_are_closed_soon(start, origin):
    proxy = start(to_origin(origin, {"timeouts": {"idle": "60s", "drain": "60s"}}))
    clients = [proxy.client() for _ in range(5)]
    assert [client.get().status for client in clients] == [200] * 5
    silent = proxy.client()  # has not asked for anything yet
    began = time.monotonic()
    proxy.signal()
    for client in [*clients, silent]:
        client.expect_closed()
    assert proxy.wait() == 0
    assert time.monotonic() - began < 20


def test_a_request_that_was_on_its_way_when_the_drain_began_is_answered(start, origin):
    # Closing a connection between two requests loses the one that the client has just sent.
    proxy = start(to_origin(origin))
    with proxy.client() as client, proxy.client() as silent:
        assert client.get().list("Connection") == []
        proxy.signal()
        proxy.wait_for_line(" kernel draining")
        for each in (client, silent):
            response = each.get()
            assert response.status == 200 and response.list("Connection") == ["close"]
            each.expect_closed()
    assert proxy.wait() == 0


def test_a_client_that_was_told_it_may_go_on_gets_one_more_answer(start, origin):
    release = origin.event()

    async def handler(connection, request):
        if request.target != "/long":
            return connection.send(reply(b"short"))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        await release.wait()
        connection.send(b"after")

    origin.handler = handler
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        client.send(b"GET /long HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.peek_for(b"first")  # and the head, which does not say that the connection will be closed
        proxy.signal()
        origin.wait_for(lambda: refuses(proxy.port), "the listener to be closed")
        origin.set_event(release)
        assert client.response().body == b"firstafter"
        response = client.get()
        assert response.body == b"short" and response.list("Connection") == ["close"]
        client.expect_closed()
    assert proxy.wait() == 0


def test_a_proxy_without_connections_ends_at_once(start, origin):
    proxy = start(to_origin(origin))
    proxy.signal()
    assert proxy.wait(10) == 0


def test_the_interrupt_key_drains_too(start, origin):
    proxy = start(to_origin(origin))
    proxy.signal(signal.SIGINT)
    assert proxy.wait(10) == 0


def test_a_download_in_flight_is_finished(start, origin):
    release = origin.event()

    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await release.wait()
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")

    origin.handler = handler
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.peek_for(b"first")
        proxy.signal()
        origin.wait_for(lambda: refuses(proxy.port), "the listener to be closed")
        origin.set_event(release)
        assert client.response().body == b"firstsecond"
        client.expect_closed()
    assert proxy.wait() == 0


def test_an_upload_in_flight_is_finished(start, origin):
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf ")
        origin.wait_for(lambda: origin.since_reset(), "the request's first half")
        proxy.signal()
        origin.wait_for(lambda: refuses(proxy.port), "the listener to be closed")
        client.send(b"whole")
        response = client.response()
        assert response.status == 200 and response.list("Connection") == ["close"]
        client.expect_closed()
    assert origin.only_request().body == b"half whole"
    assert proxy.wait() == 0


def test_requests_pipelined_behind_the_one_in_flight_are_not_begun(start, origin):
    proxy = start(to_origin(origin))
    release = held(origin)
    client = proxy.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n" * 3)
    origin.wait_for(lambda: origin.saw(), "the first request upstream")
    proxy.signal()
    origin.wait_for(lambda: refuses(proxy.port), "the listener to be closed")
    origin.set_event(release)
    assert wire.status_of_replies(client.rest()) == [200]
    assert proxy.wait() == 0
    assert len(origin.saw()) == 1


def test_what_takes_longer_than_the_drain_time_is_cut_off(start, origin):
    proxy = start(to_origin(origin, {"timeouts": {"drain": "300ms"}}))
    held(origin)
    client = in_flight(proxy, origin)
    proxy.signal()
    data = client.rest()
    assert data == b"" or wire.status_of_replies(data) in ([503], [504])
    assert proxy.wait(15) == 0


def test_a_tunnel_ends_with_the_drain_time(start, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await connection.read_some():
            connection.send(data)

    origin.handler = handler
    proxy = start(to_origin(origin, {"timeouts": {"drain": "300ms"}}))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.response().status == 101
        proxy.signal()
        client.send(b"still here")
        client.rest()
    assert proxy.wait(15) == 0
