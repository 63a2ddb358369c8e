"""HTTP/2 on both sides: heads, bodies and trailers both ways, streams that answer as they are asked, ends and resets, WebSocket, load."""
# ctest: threads
# ctest: timeout 240

import asyncio
import re
import subprocess

import h2.settings
import pytest
from certificates import Authority
from conftest import tool
from h2_origin import CANCEL, in_parallel, nghttpd
from http2_client import Http2Client, head
from proxy import SANITIZED, cluster, listener, to_origin


def config(origin, **options):
    return to_origin(origin, cluster_options={"protocol": "http2", **options})


def test_a_message_both_ways(start, h2_origin):
    async def handler(stream):
        await stream.whole()
        stream.head(200, [("x-answer", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
        await stream.data(bytes(stream.body), end=False)
        stream.trail([("x-sum", "9")])

    body = bytes(range(256)) * 2000
    origin = h2_origin(handler)
    with Http2Client(start(config(origin)).port) as client:
        response = client.response(client.request(head("/a?b", "POST", fields=[("x-one", "1"), ("cookie", "c=1"), ("cookie", "d=2"), ("te", "trailers")]),
                                                  body, [("x-check", "7")]))
    assert response.status == 200 and bytes(response.body) == body and response.trailers == [("x-sum", "9")]
    assert response.all("set-cookie") == ["a=1", "b=2"] and response.all("via") == ["2 cleat"]
    stream = origin.only_stream()
    assert stream.fields[:4] == [(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "/a?b")]
    assert bytes(stream.body) == body and stream.trailers == [("x-check", "7")] and stream.get("te") == "trailers" and stream.all("via") == ["2 cleat"]
    assert stream.get("host") is None and "; ".join(stream.all("cookie")) == "c=1; d=2"


def test_a_conversation(start, h2_origin):
    """As gRPC's streaming calls of both kinds at once: each message is answered before the next is sent; the status comes in trailers."""
    async def handler(stream):
        stream.head(200, [("content-type", "application/grpc")])
        seen = 0
        while not stream.ended or len(stream.body) > seen:
            if len(stream.body) == seen:
                await stream.more()
                continue
            piece = bytes(stream.body[seen:])
            seen += len(piece)
            await stream.data(piece.upper(), end=False)
        stream.trail([("grpc-status", "0")])

    origin = h2_origin(handler)
    with Http2Client(start(config(origin)).port) as client:
        number = client.start(head("/svc/Chat", "POST", fields=[("content-type", "application/grpc"), ("te", "trailers")]), end=False)
        stream = client.streams[number]
        for i in range(20):
            said = f"message {i} ".encode()
            before = len(stream.body)
            client.data(number, said)
            client.wait(lambda: len(stream.body) == before + len(said), "the answer")
        client.data(number, b"", end=True)
        client.response(number)
    assert stream.status == 200 and stream.trailers == [("grpc-status", "0")] and bytes(stream.body).count(b"MESSAGE") == 20


def test_a_clients_reset_reaches_the_origin(start, h2_origin):
    async def handler(stream):
        await stream.until(lambda: stream.reset_code is not None)

    origin = h2_origin(handler)
    with Http2Client(start(config(origin)).port) as client:
        number = client.start(head("/slow"))
        origin.wait_for(lambda: origin.streams, "the request")
        client.h2.reset_stream(number, CANCEL)
        client.flush()
        origin.wait_for(lambda: origin.streams[0].reset_code is not None, "the reset")
        assert origin.streams[0].reset_code == CANCEL
    assert len(origin.connections) == 1


def test_a_response_that_breaks_off_is_reset(start, h2_origin):
    async def handler(stream):
        stream.head(200)
        await stream.data(b"half", end=False)
        await asyncio.sleep(0.05)
        stream.reset(2)

    with Http2Client(start(config(h2_origin(handler))).port) as client:
        response = client.get()
        assert response.reset is not None and not response.ended and bytes(response.body) == b"half"


def test_one_clients_unread_stream_holds_up_no_other(start, h2_origin):
    total = 8 * 1024 * 1024

    async def handler(stream):
        if stream.path == "/big":
            stream.head(200)
            return await stream.data(b"b" * total)
        await stream.reply(b"s" * 100_000)

    origin = h2_origin(handler)
    proxy = start(config(origin))
    with Http2Client(proxy.port, read_bodies=False) as slow, Http2Client(proxy.port) as quick:
        slow.start(head("/big"))
        origin.wait_for(lambda: origin.streams, "the request")
        for _ in range(30):
            assert len(quick.get("/small").body) == 100_000
    assert len(origin.connections) == 1 and max(len(c.served) for c in origin.connections) == 31


def test_a_websocket_over_both(start, h2_origin):
    async def handler(stream):
        stream.head(200, [("sec-websocket-protocol", "chat")])
        seen = 0
        while not stream.ended:
            if len(stream.body) > seen:
                piece = bytes(stream.body[seen:])
                seen += len(piece)
                await stream.data(piece.upper(), end=False)
            else:
                await stream.more()
        await stream.data(b"", end=True)

    origin = h2_origin(handler, settings={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    with Http2Client(start(config(origin)).port) as client:
        client.wait(lambda: client.settled, "SETTINGS")
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.example"), (":path", "/chat"),
                  ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")]
        number = client.start(fields, end=False)
        stream = client.streams[number]
        client.wait(lambda: stream.status is not None, "the answer")
        assert stream.status == 200 and stream.all("sec-websocket-protocol") == ["chat"] and not stream.all("sec-websocket-accept")
        client.data(number, b"hello")
        client.wait(lambda: bytes(stream.body) == b"HELLO", "the echo")
        client.data(number, b"", end=True)
        assert client.response(number).ended
    assert origin.only_stream().get(":protocol") == "websocket"


def test_many_clients_share_one_connection(start, h2_origin):
    origin = h2_origin()
    proxy = start(config(origin))

    def ask(_):
        with Http2Client(proxy.port) as client:
            numbers = [client.request(head(f"/{i}")) for i in range(5)]
            return [client.response(number).status for number in numbers]

    assert in_parallel(10, ask) == [[200] * 5] * 10
    origin.settle()
    assert len(origin.connections) == 1 and len(origin.streams) == 50


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("clients, streams", [(100, 100), (4, 10)])
def test_load_without_a_failure(start, tmp_path, clients, streams, tls):
    h2load = tool("h2load")
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(b"c" * 1000)
    requests = 2_000 if SANITIZED else 20_000
    of_listener, of_cluster, leaf = {}, {}, None
    if tls:
        authority = Authority(tmp_path / "ca")
        leaf = authority.leaf("DNS:a.example")
        of_listener, of_cluster = {"tls": leaf.pair()}, {"tls": {"ca": str(authority.certificate), "server_name": "a.example"}}
    with nghttpd(tmp_path / "www", tls=leaf) as address:
        proxy = start({"workers": 2, "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}], **of_listener)],
                       "clusters": [cluster(address, protocol="http2", pending_max=100_000, connect_timeout="20s", **of_cluster)]})
        url = f"http{'s' if tls else ''}://127.0.0.1:{proxy.port}/file"
        done = subprocess.run([h2load, "-c", str(clients), "-m", str(streams), "-n", str(requests), url], capture_output=True, text=True,
                              timeout=120).stdout
    assert re.search(rf"{requests} succeeded, 0 failed, 0 errored, 0 timeout", done), done
    assert re.search(rf"{requests} 2xx", done), done
