"""The relays that put HTTP/2 between the suite and the proxy: they translate, they refuse what cannot be said, and what ends on one side ends on the
other. Without a proxy: relay_down speaks to an origin of hyper-h2, and to relay_up."""

import contextlib
import socket

import pairing
import pytest
import relay_down
import relay_up
import wire
from origin import RecordingOrigin, listen, reply


@pytest.fixture
def down(h2_origin):
    """down(handler): a client whose relay speaks to an origin of HTTP/2."""
    with contextlib.ExitStack() as stack:

        def make(handler=None):
            relay = relay_down.Relay(h2_origin(handler).port)
            stack.callback(relay.close)
            return stack.enter_context(wire.Client(relay.port))

        yield make


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nTE: gzip\r\n\r\n"])
def test_a_request_that_cannot_be_said_in_http2_is_answered_599(down, request_bytes):
    client = down()
    client.send(request_bytes)
    assert client.response().status == 599
    client.expect_closed()


def test_a_chunk_extension_ends_the_connection(down):
    client = down()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n")
    client.expect_closed()


def test_a_request_is_said_in_http2(down):
    seen = []

    async def handler(stream):
        await stream.whole()
        seen.append((stream.fields, bytes(stream.body), stream.trailers))
        await stream.reply(b"answer", 201, [("x-a", "caf\xe9")])

    client = down(handler)
    head = b"POST /x?y HTTP/1.1\r\nHost: A.example\r\nX-One: 1\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(2):
        client.send(head + b"3\r\nabc\r\n0\r\nX-T: t\r\n\r\n")
        response = client.response()
        assert (response.status, response.body) == (201, b"answer")
    fields = [(":method", "POST"), (":scheme", pairing.SCHEME), (":authority", "A.example"), (":path", "/x?y"), ("x-one", "1"), ("cookie", "a=b")]
    assert seen == [(fields, b"abc", [("x-t", "t")])] * 2


def test_a_reset_stream_cuts_the_response_off(down):
    async def handler(stream):
        stream.head(200, [("content-length", "10")])
        await stream.data(b"begun", end=False)
        stream.reset(2)

    client = down(handler)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(wire.Incomplete):
        client.response()


@pytest.fixture
def both():
    """A client, and the recording origin behind both relays."""
    recording, failures = RecordingOrigin(), []
    up = relay_up.Relay(listen(), recording.port, failures)
    recording.call(up.serve())
    down = relay_down.Relay(int(up.address.rpartition(":")[2]))
    with wire.Client(down.port) as client:
        yield client, recording
    down.close()
    recording.loop.call_soon_threadsafe(up.close)
    recording.close()
    assert not failures


def test_there_and_back(both):
    client, recording = both
    for size in (1, 70_000, 1_000_000):
        body = bytes(range(256)) * (size // 256 + 1)

        async def echo(connection, request):
            connection.send(b"HTTP/1.1 103 Early\r\nX-I: 1\r\n\r\n" + reply(request.body, fields="X-B: 2\r\nX-B: 3\r\n"))

        recording.handler = echo
        client.send(f"PUT /{size} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        response = client.response()
        assert (response.status, response.body, response.all("X-B"), [i.status for i in response.informational]) == (200, body, ["2", "3"], [103])
    assert len(recording.since_reset()) == 1, "one connection after another"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nKeep-Alive: 1\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: x-a\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", b""])
def test_an_answer_that_cannot_be_said_in_http2_resets_the_stream(both, answer):
    client, recording = both

    async def handler(connection, _):
        connection.send(answer)
        connection.close()

    recording.handler = handler
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    client.expect_closed()


def test_a_client_that_leaves_ends_the_connection_behind(both):
    client, recording = both
    arrived = []

    async def handler(connection, _):
        arrived.append(connection)
        await connection.until_closed()

    recording.handler = handler
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    recording.wait_for(lambda: arrived, "the request")
    client.socket.shutdown(socket.SHUT_RDWR)
    recording.wait_for(lambda: arrived[0].closed, "the end of the connection to the origin")
