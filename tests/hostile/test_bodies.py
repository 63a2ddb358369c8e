"""Bodies that plugins read and change, in both directions, streamed and whole; framed anew, and held back where the plugin asks."""

import pytest
from hostile import PLUGINS, asks, in_chain, instance, post
from origin import reply
from proxy import cluster, listener
from wire import Incomplete

BIG = bytes(range(256)) * 2000  # 512,000 bytes, below the bound of whole bodies
CHANGES = {
    "none": lambda body: body,
    "upper": lambda body: body.upper(),
    "append": lambda body: body + b"[text]",
    "prepend": lambda body: b"[text]" + body,
    "replace": lambda body: b"[text]",
    "empty": lambda body: b"",
    "hold": lambda body: body,
}


def config(origin):
    """A listener for each part, mode and change: request/stream/upper."""
    plugins, listeners = [], []
    for part in ("request", "response"):
        for mode in ("stream", "whole"):
            for change in [*CHANGES, "drain", "fail"]:
                name = f"{part}_{mode}_{change}"
                plugins.append(instance(name, "bodies", config={"part": part, "mode": mode, "change": change}))
                listeners.append(listener([{"match": {"prefix": "/"}, "cluster": "origin"}], name=name, chain=[name]))
    return {"workers": 1, "plugin_path": [str(PLUGINS)], "plugins": plugins, "listeners": listeners, "clusters": [cluster(origin)]}


async def echo(connection, request):
    connection.send(reply(request.body))


@pytest.mark.parametrize("body", [b"a", b"small body", BIG], ids=["one", "small", "big"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mode", ["stream", "whole"])
@pytest.mark.parametrize("part", ["request", "response"])
def test_a_changed_body_arrives_changed_and_well_framed(part, mode, change, body, proxy, origin):
    if change == "hold" and len(body) > 1000:
        body = body[:100_000]  # 5 ms for each piece
    origin.handler = echo
    response = post(proxy, body, listener=f"{part}_{mode}_{change}")
    assert response.status == 200
    assert response.body == CHANGES[change](body)
    request = origin.only_request()
    assert request.body == (CHANGES[change](body) if part == "request" else body)
    changed = request if part == "request" else response
    if mode == "whole":
        assert changed.get("content-length") == str(len(changed.body))


@pytest.mark.parametrize("mode", ["stream", "whole"])
@pytest.mark.parametrize("part", ["request", "response"])
def test_draining_takes_bytes_off_each_piece(part, mode, proxy, origin):
    origin.handler = echo
    body = post(proxy, b"0123456789", listener=f"{part}_{mode}_drain").body
    if mode == "whole":
        assert body == b"123456789"
    else:
        assert b"0123456789".endswith(body) or len(body) < 10


@pytest.mark.parametrize("mode", ["stream", "whole"])
def test_a_chunked_request_is_seen_like_any_other(mode, proxy, origin):
    origin.handler = echo
    with proxy.client(f"request_{mode}_upper") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"4\r\ndefg\r\n0\r\n\r\n")
        assert client.response().body == b"ABCDEFG"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("part", ["request", "response"])
def test_where_there_is_no_body_none_appears(part, method, proxy, origin):
    async def without(connection, request):
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n" if request.method == "GET" else b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")

    origin.handler = without
    with proxy.client(f"{part}_whole_upper") as client:
        client.send(f"{method} / HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        assert client.response(method).status in (200, 204)
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.response().status == 204


def test_whole_request_bodies_are_seen_once_and_before_the_head_goes_out(proxy, origin):
    origin.handler = echo
    response = post(proxy, b"x" * 200_000, listener="request_whole_none")
    assert response.get("x-request_whole_none") == "pieces=1 bytes=200000 end=1"


def test_streamed_request_bodies_end_once(proxy, origin):
    origin.handler = echo
    seen = post(proxy, b"x" * 200_000, listener="request_stream_none").get("x-request_stream_none")
    assert seen.endswith("bytes=200000 end=1"), seen


@pytest.mark.parametrize("mode", ["stream", "whole"])
@pytest.mark.parametrize("part", ["request", "response"])
def test_a_body_hook_that_fails_leaves_no_whole_message(part, mode, proxy, origin):
    try:
        response = post(proxy, b"x" * 100_000, listener=f"{part}_{mode}_fail")
        assert response.status == 500
    except Incomplete:
        assert mode == "stream"
    except AssertionError as closed:
        assert mode == "stream" and "closed without a response" in str(closed)
    if (part, mode) == ("request", "whole"):
        assert origin.saw() == []


# --- whole bodies and the bound, replies from the body


@pytest.mark.parametrize("part,status", [("request", 413), ("response", 502)])
def test_a_body_over_the_bound_is_refused(part, status, start, origin):
    async def two_mib(connection, request):
        connection.send(reply(b"y" * 2_000_000))

    origin.handler = two_mib
    proxy = start(in_chain(origin, instance("it", "bodies", config={"part": part, "mode": "whole", "bytes_max": "64KiB"})))
    body = b"x" * (65_537 if part == "request" else 10)
    assert post(proxy, body).status == status
    if part == "request":
        assert origin.saw() == []
        assert post(proxy, b"x" * 65_536).status == 200


def test_more_than_the_listener_allows_cannot_be_asked_for(start, origin):
    proxy = start(in_chain(origin, instance("it", "bodies", config={"mode": "whole", "bytes_max": "2MiB"}), limits={"body_buffer": "1MiB"}))
    assert post(proxy, b"x").status == 500
    proxy.wait_for_line(r"plugin/it ")


def test_a_plugin_may_reply_once_it_has_the_whole_body(start, origin):
    proxy = start(in_chain(origin, instance("it", "bodies", config={"mode": "whole", "change": "reply_if_bad"})))
    with proxy.client() as client:
        for body, status in ((b"all good", 200), (b"this is bad", 422), (b"good again", 200)):
            client.send(f"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            assert client.response().status == status
    assert [request.body for request in origin.saw()] == [b"all good", b"good again"]


def test_later_plugins_see_what_earlier_ones_made(start, origin):
    """Request: in the order of the chain. Response: in reverse."""
    origin.handler = echo
    first = instance("first", "bodies", config={"change": "append", "text": "-first", "mode": "whole"})
    second = instance("second", "bodies", config={"change": "append", "text": "-second", "mode": "stream"})
    third = instance("third", "bodies", config={"part": "response", "change": "append", "text": "-third", "mode": "stream"})
    fourth = instance("fourth", "bodies", config={"part": "response", "change": "append", "text": "-fourth", "mode": "whole"})
    proxy = start(in_chain(origin, first, second, third, fourth))
    assert post(proxy, b"body").body == b"body-first-second-fourth-third"
    assert origin.only_request().body == b"body-first-second"


def test_a_held_body_holds_the_sender(start, origin):
    """A request body of which no piece is let on for ever: the sender gets its bytes into buffers, not through."""
    proxy = start(in_chain(origin, instance("it", "never_resumes"), timeouts={"suspend": "1s", "body": "10s"}))
    with proxy.client() as client:
        client.socket.settimeout(0.3)
        client.send(f"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000000\r\n{asks(hook='on_request_body')}\r\n".encode())
        sent = 0
        try:
            while sent < 100_000_000:
                sent += client.socket.send(b"x" * 65536)
        except OSError:
            pass
        assert sent < 50_000_000


# --- the piece at hand, while its hook is suspended


def held(origin, start, mode, part="request"):
    plugins = [instance("later", "bodies", config={"part": part, "mode": mode, "change": "later"}), instance("peek", "bodies", config={"change": "peek"})]
    return start(in_chain(origin, *plugins))


@pytest.mark.parametrize("mode", ["stream", "whole"])
@pytest.mark.parametrize("part", ["request", "response"])
def test_a_piece_is_changed_while_its_hook_is_suspended(start, origin, part, mode):
    origin.handler = echo
    proxy = held(origin, start, mode, part)
    response = post(proxy, b"some text")
    assert response.status == 200
    assert response.body.replace(b"[text]", b"") == b"SOME TEXT" and response.body.endswith(b"[text]")


def test_a_held_piece_is_not_for_another_instance(start, origin):
    origin.handler = echo
    assert post(held(origin, start, "whole"), b"some text").body == b"SOME TEXT[text]"
    assert origin.only_request().get("x-peek") == "-6 0"  # CLEAT_WRONG_PHASE, and nothing to be seen


def test_there_is_no_piece_while_the_trailers_are_held(start, origin):
    origin.handler = echo
    with held(origin, start, "stream").client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: x-own\r\n\r\n3\r\nabc\r\n0\r\nx-own: 1\r\n\r\n")
        assert client.response().status == 200
    trailers = dict((name.lower(), value) for name, value in origin.only_request().trailers)
    assert trailers["x-later"] == "-6"
