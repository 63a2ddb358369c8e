"""Request smuggling and desynchronisation, both directions, from the two tables beside this file. Each request vector gets a
connection of its own; afterwards the same proxy, over the same pool of upstream connections, must still answer right."""
# ctest: timeout 240
# ctest: wires tls

import re

import pytest
import smuggling_requests
import smuggling_responses
import wire
from origin import reply
from proxy import to_origin


def config(origin):
    return to_origin(origin, {"protocols": ["http1"], "timeouts": {"head": "10s", "body": "10s", "request": "20s"}}, {"idle_timeout": "60s"})


async def name_the_request(connection, request):
    """An answer that says what it answers: one that reaches the wrong request is seen."""
    connection.send(reply(b"" if request.method == "HEAD" else f"{request.method} {request.target}".encode()))


def names(vectors):
    found = [re.sub(r"[^\x20-\x7e]", "?", vector[0]) for vector in vectors]
    assert len(set(v[0] for v in vectors)) == len(vectors), "two vectors of one name"
    return found


def still_well(proxy):
    """Another client's request, right after: answered as if nothing had happened."""
    with proxy.client() as client:
        response = client.get("/after")
        assert (response.status, response.body) == (200, b"GET /after")


@pytest.mark.parametrize("name,data,expected", smuggling_requests.VECTORS, ids=names(smuggling_requests.VECTORS))
def test_a_request_is_understood_in_one_way_or_not_at_all(proxy, origin, name, data, expected):
    origin.handler = name_the_request
    refusal = expected[-1] if isinstance(expected[-1], int) else None
    wanted = [each for each in expected if not isinstance(each, int)]
    with proxy.client() as client:
        client.send(data)
        for method, target, _ in wanted:
            response = client.response(method)
            assert response.status == 200
            assert response.body == (b"" if method == "HEAD" else f"{method} {target}".encode())
        if refusal is None:  # the connection is still in step: the next request is answered as itself
            assert client.get("/next").body == b"GET /next"
            wanted = [*wanted, ("GET", "/next", "")]
        else:
            response = client.response()
            assert response.status == refusal, f"{response}, wanted {int(refusal)}"
            assert "close" in [v.lower() for v in response.list("Connection")]
            client.expect_closed()
    still_well(proxy)
    wanted = [*wanted, ("GET", "/after", "")]
    seen = []
    for connection, received in origin.since_reset():
        assert not isinstance(connection.error, wire.Malformed), connection.error
        while received:
            try:
                request, received = wire.run_over(received, wire.read_request)
            except wire.Incomplete:
                assert isinstance(refusal, smuggling_requests.Cut), f"the origin got part of a request: {received!r}"
                wire.run_over(received, wire.read_request, body=False)  # its head must be whole and well-formed
                origin.wait_for(lambda c=connection: c.closed, "the upstream connection of a request cut off to be closed")
                received = b""
            else:
                seen.append((request.method, request.target, request.body.decode("latin-1")))
    assert sorted(seen) == sorted(wanted)


@pytest.mark.parametrize("name,data,close,method,expected,reusable", smuggling_responses.VECTORS, ids=names(smuggling_responses.VECTORS))
def test_a_response_is_understood_in_one_way_or_not_at_all(proxy, origin, name, data, close, method, expected, reusable):
    used = []

    async def handler(connection, request):
        if request.target != "/v":
            await name_the_request(connection, request)
            return
        used.append(connection)
        connection.send(data)
        if close:
            connection.close()

    origin.handler = handler
    with proxy.client() as client:
        client.send(f"{method} /v HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        if expected is smuggling_responses.CUT:
            try:
                response = client.response(method)
                assert response.status == 502, f"a broken message came whole: {response}"
            except wire.Incomplete as cut:
                assert cut.got.startswith((b"HTTP/1.1 200 ", b"h", b"5")) or cut.got == b"", cut.got
        else:
            response = client.response(method)
            status = int(re.match(r"HTTP/1.1 (\d+)", data.decode("latin-1"))[1]) if expected == "" else 200
            if expected == 502:
                assert response.status == 502, f"{response}"
            else:
                assert (response.status, response.body) == (status, expected.encode())
        if expected is not smuggling_responses.CUT:  # whatever the origin did, this client may go on
            assert client.get("/next").body == b"GET /next"
    still_well(proxy)
    assert len(used) == 1, "a request that reached an origin is not sent again because its answer was broken"
    if not reusable:
        (bad,) = used
        origin.wait_for(lambda: bad.closed, "the upstream connection of a broken exchange to be closed")
        last = bad.requests[-1]
        assert last.target == "/v", f"the spoilt connection was used again: {last}"


# --- what one answer in one piece cannot show


def test_a_flood_of_interim_responses_is_bounded(proxy, origin):
    sent = []

    async def handler(connection, request):
        if request.target != "/v":
            await name_the_request(connection, request)
            return
        while await connection.send_slowly(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100):
            sent.append(100)

    origin.handler = handler
    with proxy.client() as client:
        client.send(b"GET /v HTTP/1.1\r\nHost: a.example\r\n\r\n")
        try:
            response = client.response()
            assert response.status == 502 and len(response.informational) < 1000
        except wire.Incomplete:
            pass
    still_well(proxy)


def test_an_answer_to_a_request_that_was_never_sent_reaches_nobody(proxy, origin):
    origin.handler = name_the_request
    with proxy.client() as client:
        assert client.get("/first").body == b"GET /first"
        (connection, _), = origin.since_reset()
        origin.loop.call_soon_threadsafe(connection.send, reply(b"unasked"))
        origin.wait_for(lambda: connection.closed, "the spoilt connection to be closed")
        assert client.get("/second").body == b"GET /second"


def test_an_unasked_answer_that_races_with_the_next_request_leaves_the_proxy_serving(proxy, origin):
    """HTTP/1.1 has no request ids (RFC 9112 9.3): a proxy that gets the answer before it could see that nobody asked cannot know.
    Each answer here is a whole one, and what the endpoint sends once the connection idles ends it."""

    async def handler(connection, request):
        await name_the_request(connection, request)
        if request.target == "/first":
            connection.send(reply(b"unasked"))

    origin.handler = handler
    for _ in range(20):
        with proxy.client() as client:
            for target in ("/first", "/second"):
                assert client.get(target).body in (b"GET /first", b"GET /second", b"unasked")
    with proxy.client() as client:
        assert client.get("/after").status == 200


def test_an_early_answer_leaves_no_rest_of_the_body_for_the_next_request(proxy, origin):
    """The origin answers and closes in the middle of an upload whose rest looks like a request."""

    async def head_handler(connection, head):
        if head.target == "/v":
            connection.send(reply(b"early", fields="Connection: close\r\n"))
            connection.close()
        else:
            await connection.body_of(head)
            await name_the_request(connection, head)

    origin.head_handler = head_handler
    inner = smuggling_requests.INNER.encode() * 1000
    with proxy.client() as client:
        client.send(b"POST /v HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(inner))
        assert client.response().body == b"early"
        client.send(inner)
        client.send(b"GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.half_close()
        rest = client.rest()
        assert not rest or wire.run_over(rest, wire.read_response)[0].body == b"GET /next"
    still_well(proxy)
    for _, data in origin.since_reset():
        assert not data.startswith(b"GET /inner")
        if data.startswith(b"POST /v"):  # and nothing behind its body
            assert len(data.split(b"\r\n\r\n", 1)[1]) <= len(inner)


def test_there_are_as_many_vectors_as_promised():
    assert len(smuggling_requests.VECTORS) >= 250 and len(smuggling_responses.VECTORS) >= 100
