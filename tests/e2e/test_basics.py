"""Messages through the proxy, both ways: persistence, pipelining, framing, trailers, interim responses, old versions."""
# ctest: threads
# ctest: wires

import asyncio

import pairing
import pytest
import wire
from origin import reply
from proxy import to_origin


def config(origin):
    return to_origin(origin, {"timeouts": {"idle": "20s"}})


def request(method="GET", target="/", fields="", body=b"", host="a.example", version="1.1"):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/{version}\r\nHost: {host}\r\n{length}{fields}\r\n".encode("latin-1") + body


def lowered(fields):
    return [(name.lower(), value) for name, value in fields]


def answer(origin, data, close=False):
    """The origin answers every request with exactly these bytes."""

    async def handler(connection, _):
        connection.send(data)
        if close:
            connection.close()

    origin.handler = handler


# --- persistence and order


def test_one_connection_carries_many_requests(proxy, origin):
    with proxy.client() as client:
        for n in range(20):
            response = client.get(f"/{n}")
            assert (response.status, response.body) == (200, b"ok")
            assert "close" not in response.list("Connection")
    assert [r.target for r in origin.saw()] == [f"/{n}" for n in range(20)]
    assert len(origin.since_reset()) == 1, "one pooled upstream connection was enough"


@pairing.needs_http1_down("pipelining")
def test_pipelined_requests_are_answered_in_order(proxy, origin):
    async def handler(connection, request):
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    with proxy.client() as client:
        client.send(b"".join(request(target=f"/{n}") for n in range(30)))
        assert [client.response().body for _ in range(30)] == [b"/%d" % n for n in range(30)]


@pairing.needs_http1_down("pipelining")
def test_a_slow_first_answer_is_not_overtaken_by_the_pipelined_second(proxy, origin):
    release = origin.event()

    async def handler(connection, request):
        if request.target == "/slow":
            await release.wait()
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    with proxy.client() as client:
        client.send(request(target="/slow") + request(target="/fast"))
        origin.wait_for(lambda: origin.saw(), "the first request")
        origin.set_event(release)
        assert [client.response().body, client.response().body] == [b"/slow", b"/fast"]


@pairing.needs_http1_down("pipelining")
def test_pipelined_requests_with_bodies_keep_their_borders(proxy, origin):
    async def handler(connection, request):
        connection.send(reply(request.body))

    origin.handler = handler
    chunked = request("POST", fields="Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n"
    with proxy.client() as client:
        client.send(request("POST", body=b"one") + chunked + request("POST", body=b"GET / HTTP/1.1\r\n\r\n") + request())
        assert [client.response().body for _ in range(4)] == [b"one", b"abc", b"GET / HTTP/1.1\r\n\r\n", b""]
    assert len(origin.saw()) == 4


@pairing.needs_http1_down("exact bytes")
def test_a_request_that_arrives_byte_by_byte_is_understood(proxy, origin):
    with proxy.client() as client:
        for byte in request("POST", body=b"body"):
            client.send(bytes([byte]))
        assert client.response().status == 200
    assert origin.only_request().body == b"body"


@pairing.needs_http1_down("what Connection says")
def test_connection_close_is_answered_and_the_connection_closed(proxy, origin):
    with proxy.client() as client:
        response = client.get(fields="Connection: close\r\n")
        assert (response.status, response.list("Connection")) == (200, ["close"])
        client.expect_closed()
    assert not origin.only_request().has("Connection"), "the client's wish is about its own connection"


@pairing.needs_http1_down("what Connection says")
def test_nothing_after_a_request_with_connection_close_is_served(proxy, origin):
    with proxy.client() as client:
        client.send(request(fields="Connection: close\r\n") + request(target="/second"))
        assert client.response().status == 200
        client.expect_closed()
    assert [r.target for r in origin.saw()] == ["/"]


# --- request bodies


@pytest.mark.parametrize("size", [1, 1000, 65536, 1_000_000])
def test_a_request_body_with_a_length_passes_whole(proxy, origin, size):
    body = bytes(range(256)) * (size // 256 + 1)
    with proxy.client() as client:
        client.send(request("POST", body=body[:size]))
        assert client.response().status == 200
    seen = origin.only_request()
    assert seen.body == body[:size] and seen.get("Content-Length") == str(size)


def test_a_chunked_request_body_passes_whole(proxy, origin):
    pieces = [b"a" * 10, b"b" * 5000, b"c" * 70000, b"d"]
    with proxy.client() as client:
        client.send(request("PUT", fields="Transfer-Encoding: chunked\r\n"))
        for piece in pieces:
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        assert client.response().status == 200
    seen = origin.only_request()
    assert seen.body == b"".join(pieces) and seen.get("Transfer-Encoding") == "chunked"


def test_a_body_is_streamed_before_it_is_complete(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST", fields="Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n")
        origin.wait_for(lambda: any(b"abc" in data for _, data in origin.since_reset()), "the first chunk")
        client.send(b"2\r\nde\r\n0\r\n\r\n")
        assert client.response().status == 200
    assert origin.only_request().body == b"abcde"


def test_an_empty_chunked_request_body_stays_empty(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST", fields="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n")
        assert client.response().status == 200
    assert origin.only_request().body == b""


def test_a_post_without_a_body_says_so_upstream(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST"))
        assert client.response().status == 200
    assert origin.only_request().get("Content-Length") == "0"


def test_a_get_without_a_body_has_no_framing_upstream(proxy, origin):
    with proxy.client() as client:
        client.get()
    seen = origin.only_request()
    assert not seen.has("Content-Length") and not seen.has("Transfer-Encoding")


def test_request_trailers_pass(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST", fields="Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n") + b"3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n")
        assert client.response().status == 200
    seen = origin.only_request()
    assert (seen.body, lowered(seen.trailers)) == (b"abc", [("x-sum", "6")])


@pairing.needs_http1_down("over HTTP/2 they are malformed")
def test_request_trailers_that_frame_or_route_are_dropped(proxy, origin):
    trailers = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil.example\r\nX-Sum: 6\r\n"
    with proxy.client() as client:
        client.send(request("POST", fields="Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n")
        assert client.response().status == 200
    assert origin.only_request().trailers == [("X-Sum", "6")]


@pairing.needs_http1_down("chunks")
def test_chunk_extensions_are_dropped(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST", fields="Transfer-Encoding: chunked\r\n") + b'3;a=b;c="d;e"\r\nabc\r\n0;last\r\n\r\n')
        assert client.response().status == 200
    seen = origin.only_request()
    assert seen.body == b"abc" and b"c=" not in seen.raw and b"last" not in seen.raw


# --- response bodies


@pytest.mark.parametrize("size", [0, 1, 65536, 1_000_000])
def test_a_response_body_with_a_length_passes_whole(proxy, origin, size):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    answer(origin, reply(body))
    with proxy.client() as client:
        response = client.get()
        assert response.body == body and response.get("Content-Length") == str(size)
        assert client.get().body == body


def test_a_chunked_response_passes_whole_with_its_trailers(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\nX-Sum: 21\r\n\r\n")
    with proxy.client() as client:
        response = client.get(fields="TE: trailers\r\nConnection: TE\r\n")
        assert (response.body, lowered(response.trailers)) == (b"abcdef", [("x-sum", "21")])
        assert response.get("Transfer-Encoding") == "chunked"
        assert client.get().body == b"abcdef"


@pairing.needs_http1_up("chunks")
def test_chunk_extensions_of_a_response_are_dropped(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;x=y\r\nef\r\n0;z\r\n\r\n")
    with proxy.client() as client:
        response = client.get()
        assert response.body == b"abcdef" and b"x=y" not in response.raw


def test_response_pieces_arrive_before_the_end(proxy, origin):
    release = origin.event()

    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await release.wait()
        connection.send(b"4\r\nlast\r\n0\r\n\r\n")

    origin.handler = handler
    with proxy.client() as client:
        client.send(request())
        client.peek_for(b"first")
        origin.set_event(release)
        assert client.response().body == b"firstlast"


def test_a_close_delimited_reply_becomes_chunked_and_keeps_the_client_connected(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nuntil the end", close=True)
    with proxy.client() as client:
        for _ in range(3):
            response = client.get()
            assert response.body == b"until the end" and response.chunks is not None and not response.until_close


@pairing.needs_http1_down("HTTP/1.0")
def test_a_close_delimited_reply_to_an_old_client_ends_with_the_connection(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close=True)
    with proxy.client() as client:
        client.send(request(version="1.0"))
        response = client.response()
        assert response.body == b"until the end" and response.until_close
        assert not response.has("Transfer-Encoding")


@pairing.needs_http1_down("HTTP/1.0")
def test_a_chunked_reply_to_an_old_client_is_sent_plain(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nX-T: 1\r\n\r\n")
    with proxy.client() as client:
        client.send(request(version="1.0", fields="Connection: keep-alive\r\n"))
        response = client.response()
        assert response.body == b"abcd" and response.until_close and not response.has("Transfer-Encoding")


@pairing.needs_http1_up("HTTP/1.0")
def test_a_reply_of_an_old_origin_passes(proxy, origin):
    answer(origin, b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", close=True)
    with proxy.client() as client:
        assert [client.get().body for _ in range(2)] == [b"old", b"old"]
        assert client.get().minor == 1, "the version is each hop's own"


@pairing.needs_http1_up("HTTP/1.0")
def test_an_old_origins_connection_is_not_reused_unless_it_says_keep_alive(proxy, origin):
    answer(origin, b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
    with proxy.client() as client:
        assert [client.get().body for _ in range(2)] == [b"old", b"old"]
    assert len(origin.since_reset()) == 2


@pairing.needs_http1_down("HTTP/1.0")
def test_an_old_client_is_answered_and_closed(proxy, origin):
    with proxy.client() as client:
        client.send(request(version="1.0"))
        assert client.response().body == b"ok"
        client.expect_closed()
    assert origin.only_request().minor == 1


@pairing.needs_http1_down("HTTP/1.0")
def test_an_old_client_may_ask_to_stay(proxy, origin):
    with proxy.client() as client:
        for _ in range(2):
            client.send(request(version="1.0", fields="Connection: keep-alive\r\n"))
            response = client.response()
            assert response.body == b"ok" and [v.lower() for v in response.list("Connection")] == ["keep-alive"]


@pairing.needs_http1_down("HTTP/1.0")
def test_an_old_client_without_host_is_served(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET /x HTTP/1.0\r\n\r\n")
        assert client.response().body == b"ok"
    assert origin.only_request().target == "/x"


def test_head_has_the_length_and_no_body(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    with proxy.client() as client:
        for _ in range(2):
            client.send(request("HEAD"))
            response = client.response("HEAD")
            assert (response.status, response.get("Content-Length")) == (200, "1234")
    assert len(origin.since_reset()) == 1


@pytest.mark.parametrize("fields", ["Transfer-Encoding: chunked\r\n", ""])
def test_head_of_a_body_of_unknown_length_has_no_body(proxy, origin, fields):
    answer(origin, f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
    with proxy.client() as client:
        client.send(request("HEAD") + request("HEAD"))
        assert [client.response("HEAD").status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("head", [b"204 No Content\r\n", b"304 Not Modified\r\n", b"304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n"])
def test_204_and_304_have_no_body(proxy, origin, head):
    answer(origin, b"HTTP/1.1 " + head + b"\r\n")
    with proxy.client() as client:
        for _ in range(2):
            response = client.get()
            assert response.status == int(head[:3]) and not response.has("Transfer-Encoding")
            assert response.get("Content-Length") in ((None, "99") if b"99" in head else (None,))
    assert len(origin.since_reset()) == 1


def test_an_unknown_status_passes(proxy, origin):
    answer(origin, reply(status="299 Quite Fine"))
    with proxy.client() as client:
        assert client.get().status == 299


@pairing.needs_http1_down("reason phrases")
@pairing.needs_http1_up("reason phrases")
def test_a_reason_phrase_passes(proxy, origin):
    answer(origin, reply(status="200 Quite Fine"))
    with proxy.client() as client:
        assert client.get().reason == "Quite Fine"


# --- interim responses


def test_expect_100_continue_is_answered_before_the_body_is_sent(proxy, origin):
    async def head_handler(connection, head):
        if head.has("Expect"):
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await connection.body_of(head)
        connection.send(reply(head.body))

    origin.head_handler = head_handler
    with proxy.client() as client:
        client.send(request("POST", fields="Expect: 100-continue\r\nContent-Length: 4\r\n"))
        client.peek_for(b"HTTP/1.1 100 Continue\r\n")
        client.send(b"body")
        response = client.response()
        assert (response.status, response.body, [i.status for i in response.informational]) == (200, b"body", [100])


def test_a_final_answer_instead_of_100_ends_the_wait(proxy, origin):
    async def head_handler(connection, head):
        connection.send(reply(b"too big", "413 Content Too Large", "Connection: close\r\n"))
        connection.close()

    origin.head_handler = head_handler
    with proxy.client() as client:
        client.send(request("POST", fields="Expect: 100-continue\r\nContent-Length: 1000000\r\n"))
        response = client.response()
        assert (response.status, response.body, response.informational) == (413, b"too big", [])


def test_103_passes_before_the_final_response(proxy, origin):
    answer(origin, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + reply())
    with proxy.client() as client:
        for _ in range(2):
            response = client.get()
            assert response.status == 200 and [i.status for i in response.informational] == [103]
            assert response.informational[0].get("Link") == "</a.css>; rel=preload"


def test_103_is_not_held_back_until_the_final_response(proxy, origin):
    release = origin.event()

    async def handler(connection, _):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        await release.wait()
        connection.send(reply())

    origin.handler = handler
    with proxy.client() as client:
        client.send(request())
        client.peek_for(b"</a.css>\r\n")
        origin.set_event(release)
        assert client.response().status == 200


@pairing.needs_http1_down("HTTP/1.0")
def test_an_old_client_gets_no_interim_response(proxy, origin):
    answer(origin, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + reply())
    with proxy.client() as client:
        client.send(request(version="1.0"))
        response = client.response()
        assert response.status == 200 and response.informational == []


def test_several_interim_responses_pass_in_order(proxy, origin):
    answer(origin, b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply())
    with proxy.client() as client:
        assert [i.status for i in client.get().informational] == [102, 103]


# --- targets


@pairing.needs_http1_down("absolute form")
def test_an_absolute_form_target_is_sent_upstream_in_origin_form(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET http://a.example/x?y=z HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.response().status == 200
    seen = origin.only_request()
    assert (seen.target, seen.get("Host")) == ("/x?y=z", "a.example")


@pairing.needs_http1_down("absolute form")
def test_an_absolute_form_target_without_a_path_is_the_root(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.response().status == 200
    assert origin.only_request().target == "/"


def test_options_asterisk_passes(proxy, origin):
    with proxy.client() as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")
        response = client.response("OPTIONS")
        assert response.status in (200, 404)
    if response.status == 200:
        assert origin.only_request().target == "*"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "PURGE", "REPORT"])
def test_methods_pass_as_they_are(proxy, origin, method):
    with proxy.client() as client:
        client.send(request(method))
        assert client.response(method).status == 200
    assert origin.only_request().method == method


# --- half-close and broken ends


def test_a_client_that_half_closes_still_gets_its_answer(proxy, origin):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"late"))

    origin.handler = handler
    with proxy.client() as client:
        client.send(request())
        client.half_close()
        origin.wait_for(lambda: origin.saw(), "the request")
        origin.set_event(release)
        assert client.response().body == b"late"
        client.expect_closed()


def test_pipelined_requests_before_a_half_close_are_all_answered(proxy, origin):
    with proxy.client() as client:
        client.send(request() * 3)
        client.half_close()
        assert [client.response().status for _ in range(3)] == [200] * 3
        client.expect_closed()


def test_a_half_close_inside_a_body_is_not_passed_off_as_its_end(proxy, origin):
    with proxy.client() as client:
        client.send(request("POST", fields="Content-Length: 10\r\n") + b"half")
        client.half_close()
        data = client.rest()
    assert not data or wire.status_of_replies(data) == [400]
    for connection, seen in origin.since_reset():
        with pytest.raises(wire.Incomplete):
            wire.requests_in(seen)
        origin.wait_for(lambda: connection.closed, "the upstream connection's end")


def test_a_client_that_leaves_ends_the_upstream_exchange(proxy, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while await connection.send_slowly(b"400\r\n" + b"x" * 1024 + b"\r\n"):
            await asyncio.sleep(0)

    origin.handler = handler
    with proxy.client() as client:
        client.send(request())
        client.read(100)
    connection = origin.since_reset()[0][0]
    origin.wait_for(lambda: connection.closed, "the upstream connection's end")


def test_an_answer_cut_off_upstream_is_cut_off_downstream(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", close=True)
    with proxy.client() as client:
        client.send(request())
        with pytest.raises(wire.Incomplete):
            client.response()


def test_a_chunked_answer_cut_off_upstream_has_no_last_chunk_downstream(proxy, origin):
    answer(origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", close=True)
    with proxy.client() as client:
        client.send(request())
        with pytest.raises(wire.Incomplete):
            client.response()
