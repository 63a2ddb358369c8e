"""HTTP/2 in, HTTP/1.1 out: what could be read in two ways. Each vector has one outcome, and the origin has seen nothing, or the one
request that was meant, strictly well-formed."""
# ctest: timeout 180

import re

import pytest
import wire
from http2_client import CONTINUATION, DATA, HEADERS, PROTOCOL_ERROR, Http2Client, frame, head
from origin import reply
from proxy import to_origin

RESET = "reset"  # of the stream, PROTOCOL_ERROR; the origin has seen nothing
CUT = "cut"      # the same, found inside the body: the origin may have seen the head, never a whole request

INNER = "GET /inner HTTP/1.1\r\nHost: a.example\r\n\r\n"
VECTORS = []     # (name, head, body or None, trailers or None, outcome: RESET, CUT, a status, or (target, body) seen and answered 200)


def add(name, fields, outcome, body=None, trailers=None):
    VECTORS.append((name, fields, body, trailers, outcome))


def post(*fields, **others):
    return head("/v", "POST", fields=fields, **others)


# --- H2.CL: the length that is said and the length that is sent
add("H2.CL: longer than said", post(("content-length", "3")), CUT, b"hello")
add("H2.CL: shorter than said", post(("content-length", "6")), CUT, b"hello")
add("H2.CL: 0 and a body", post(("content-length", "0")), CUT, INNER.encode())
add("H2.CL: a body said, none sent", post(("content-length", "5")), RESET)
add("H2.CL: of GET, none sent", head("/v", fields=[("content-length", "5")]), RESET)
add("H2.CL: right", post(("content-length", "5")), ("/v", b"hello"), b"hello")
add("H2.CL: shorter, with trailers", post(("content-length", "6")), CUT, b"hello", [("x-a", "1")])
for value in ["+5", "-5", "5, 5", "0x5", "5 5", "05x", "", "5;", "5.0", "1" * 25, "\u00b2"]:
    add(f"H2.CL: {value!r}", post(("content-length", value)), 400, b"hello")
add("H2.CL: twice, equal", post(("content-length", "5"), ("content-length", "5")), 400, b"hello")
add("H2.CL: twice, different", post(("content-length", "5"), ("content-length", "6")), 400, b"hello")

# --- H2.TE and other fields of a connection (RFC 9113 8.2.2)
for value in ["chunked", "identity", "gzip, chunked", "x"]:
    add(f"H2.TE: {value}", post(("transfer-encoding", value)), RESET, b"0\r\n\r\n" + INNER.encode())
for field in [("connection", "close"), ("connection", "keep-alive, x-a"), ("connection", "transfer-encoding"), ("keep-alive", "timeout=5"),
              ("proxy-connection", "keep-alive"), ("upgrade", "h2c"), ("upgrade", "websocket"), ("te", "gzip"), ("te", "trailers, gzip"), ("te", "")]:
    add(f"a field of a connection: {field}", post(field), RESET, b"hello")

# --- injection by names, values and pseudo-header fields
for text in ["\r\n", "\n", "\r", "\0", "\x01", "\x7f", "\r\n\r\n" + INNER, "a\r\nTransfer-Encoding: chunked"]:
    add(f"a value with {text!r}", post(("x-a", f"b{text}c")), RESET, b"hello")
    add(f"a name with {text!r}", post((f"x-a{text}b", "c")), RESET, b"hello")
    for pseudo in ["path", "method", "authority", "scheme"]:
        given = {"path": "/v", "method": "POST", "authority": "a.example", "scheme": "http"}
        given[pseudo] += text + "x"
        add(f"{pseudo} with {text!r}", head(**given), RESET, b"hello")
for name in ["X-Upper", "x a", "x:a", "x-\u00e9", "", " x-a", "x-a ", "content-length:5\r\nx"]:
    add(f"a name {name!r}", post((name, "1")), RESET, b"hello")
for value in [" lead", "trail ", "\tlead", "trail\t"]:
    add(f"a value {value!r}", post(("x-a", value)), RESET, b"hello")
add("a method with a space and a target", head("/v", "GET /admin HTTP/1.1\tx"), RESET)
for method in ["GE T", "GET/", "", "G(T"]:
    add(f"method {method!r}", head("/v", method), RESET)
add("the method of the preface", head("/v", "PRI"), 501)
for path in ["", "v", "http://b.example/v", "//", "?v"]:
    add(f"path {path!r}", head(path), ("//", b"") if path == "//" else RESET)
for path in ["/v HTTP/1.1", "/v x", "/v#f", "/v\\..", "/v%zz", "/v%", '/v"', "/v<"]:
    add(f"path {path!r}", head(path), 400)
add("path * of GET", head("*"), 400)
for authority in ["a.example:80@b.example", "u@a.example", "a.example/x", "a.example:x", "a.example:0", "a b", "a.example,b.example", "", "[::1", "a_example\u00e9"]:
    add(f"authority {authority!r}", head("/v", authority=authority), 400)
for scheme in ["ftp", "http://b.example/?", "", "javascript"]:
    add(f"scheme {scheme!r}", head("/v", scheme=scheme), 400)

# --- pseudo-header fields (RFC 9113 8.3)
add("no method", head("/v", None), RESET)
add("no scheme", head("/v", scheme=None), RESET)
add("no path", head(None), RESET)
add("a pseudo-header field after a field", [(":method", "GET"), ("x-a", "1"), (":scheme", "http"), (":authority", "a.example"), (":path", "/v")], RESET)
for name in [":method", ":scheme", ":path", ":authority"]:
    add(f"{name} twice", [*head("/v"), (name, dict(head("/v"))[name])], RESET)
add("an unknown pseudo-header field", [*head("/v"), (":other", "1")], RESET)
add("a response's pseudo-header field", [(":status", "200"), *head("/v")], RESET)
add("protocol without CONNECT", [*head("/v"), (":protocol", "websocket")], RESET)
add("CONNECT with a path", head("/v", "CONNECT"), RESET)
add("CONNECT without an authority", head(None, "CONNECT", scheme=None, authority=None), RESET)
add("CONNECT that no route allows", head(None, "CONNECT", scheme=None, authority="a.example:443"), 405)
add("CONNECT without a port", head(None, "CONNECT", scheme=None, authority="a.example"), 400)
add("TRACE with a body", head("/v", "TRACE"), 400, b"hello")

# --- Host
add("host that agrees", head("/v", fields=[("host", "a.example")]), ("/v", b""))
add("host that agrees but for case and port", head("/v", fields=[("host", "A.example:80")]), ("/v", b""))
add("host alone", head("/v", authority=None, fields=[("host", "a.example")]), ("/v", b""))
add("neither host nor authority", head("/v", authority=None), 400)
add("host that disagrees", head("/v", fields=[("host", "b.example")]), 400)
add("host twice", head("/v", fields=[("host", "a.example"), ("host", "a.example")]), 400)
add("host twice, no authority", head("/v", authority=None, fields=[("host", "a.example"), ("host", "b.example")]), 400)
add("malformed host", head("/v", authority=None, fields=[("host", "a.example/x")]), 400)

# --- trailers
add("a pseudo-header field in trailers", post(), CUT, b"hello", [(":path", "/x")])
add("transfer-encoding in trailers", post(), CUT, b"hello", [("transfer-encoding", "chunked")])
add("a value with a line in trailers", post(), CUT, b"hello", [("x-a", "b\r\nc: d")])
add("upper case in trailers", post(), CUT, b"hello", [("X-A", "b")])
add("content-length in trailers", post(), ("/v", b"hello"), b"hello", [("content-length", "3")])

# --- what looks like HTTP/1.1 in a body is a body
add("a request in a body", post(), ("/v", INNER.encode()), INNER.encode())
add("chunks in a body", post(), ("/v", b"0\r\n\r\n" + INNER.encode()), b"0\r\n\r\n" + INNER.encode())
add("expect that nobody knows", post(("expect", "200-maybe")), 417, b"hello")


def config(origin):
    return to_origin(origin, {"timeouts": {"body": "10s", "request": "20s"}})


async def name_the_request(connection, request):
    connection.send(reply(f"{request.method} {request.target}".encode()))


def seen(origin):
    """Whole requests since the last reset, and whether the rest is the beginning of one."""
    whole, part = [], False
    for connection, data in origin.since_reset():
        assert not isinstance(connection.error, wire.Malformed), connection.error
        while data:
            try:
                request, data = wire.run_over(data, wire.read_request)
            except wire.Incomplete:
                part = True
                break
            whole.append(request)
    return whole, part


@pytest.mark.parametrize("name,fields,body,trailers,outcome", VECTORS, ids=[re.sub(r"[^\x20-\x7e]", "?", v[0]) for v in VECTORS])
def test_a_request_is_understood_in_one_way_or_not_at_all(proxy, origin, name, fields, body, trailers, outcome):
    origin.handler = name_the_request
    with Http2Client(proxy.port) as client:
        number = client.start(fields, end=body is None, flush=False)  # all of it arrives at once, so that the outcome is one
        if body is not None:
            client.h2.send_data(number, body, end_stream=trailers is None)
            if trailers is not None:
                client.h2.send_headers(number, trailers, end_stream=True)
        client.flush()
        stream = client.response(number)
        if outcome in (RESET, CUT):
            assert (stream.status, stream.reset) == (None, PROTOCOL_ERROR), stream
        elif isinstance(outcome, int):
            assert stream.status == outcome, stream
        else:
            assert stream.status == 200, stream
        # The connection goes on: the other streams are no part of it.
        after = client.get("/after")
        assert (after.status, bytes(after.body)) == (200, b"GET /after")
    whole, part = seen(origin)
    assert whole.pop().target == "/after"
    assert not part or outcome == CUT
    if isinstance(outcome, tuple):
        target, wanted = outcome
        assert [(request.target, request.body) for request in whole] == [(target if target != "//" else "/", wanted)]
    else:
        assert whole == []


# --- frames ---

def test_a_head_in_many_frames_is_one_head(proxy, origin):
    with Http2Client(proxy.port) as client:
        client.wait(lambda: client.settled, "the settings")
        block = client.h2.encoder.encode(head("/pieces", fields=[("x-a", "b" * 50)]))
        pieces = [block[i:i + 30] for i in range(0, len(block), 30)]
        client.send(frame(HEADERS, 1, 1, pieces[0]))
        for piece in pieces[1:-1]:
            client.send(frame(CONTINUATION, 0, 1, piece))
        client.send(frame(CONTINUATION, 4, 1, pieces[-1]))
        origin.wait_for(lambda: seen(origin)[0], "the request upstream")
    assert origin.only_request().target == "/pieces"


def test_a_frame_of_another_stream_inside_a_head_ends_the_connection(proxy, origin):
    with Http2Client(proxy.port) as client:
        client.wait(lambda: client.settled, "the settings")
        block = client.h2.encoder.encode(head("/v"))
        client.send(frame(HEADERS, 1, 1, block[:5]) + frame(DATA, 1, 3, b"x") + frame(CONTINUATION, 4, 1, block[5:]))
        assert client.expect_closed() == [PROTOCOL_ERROR]
    assert origin.saw() == []


@pytest.mark.parametrize("padding,length,good", [(b"\0" * 3, 3, True), (b"\0" * 3, 9, False)])
def test_padding_is_no_part_of_a_body(proxy, origin, padding, length, good):
    with Http2Client(proxy.port) as client:
        number = client.start(head("/v", "POST", fields=[("content-length", "5")]), end=False)
        client.send(frame(DATA, 9, number, bytes([length]) + b"hello" + padding))
        if good:
            origin.wait_for(lambda: seen(origin)[0], "the request upstream")
            assert origin.only_request().body == b"hello"
        else:
            assert client.expect_closed() == [PROTOCOL_ERROR]
            assert seen(origin)[0] == []
