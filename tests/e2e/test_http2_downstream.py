"""HTTP/2 from clients: messages both ways over prior knowledge, against curl, nghttp, h2load and python3-h2, with HTTP/1.1 behind."""
# ctest: timeout 240

import re
import subprocess
import time

import pytest
from conftest import tool
from http2_client import CANCEL, GOAWAY, NO_ERROR, Http2Client, Stream, frame, head
from origin import reply
from pairing import SCHEME
from proxy import cluster, listener, to_origin


def config(origin):
    both = listener([{"match": {"prefix": "/"}, "cluster": "origin"}], limits={"body_bytes": "1MiB"})
    only = listener([{"match": {"prefix": "/"}, "cluster": "origin"}], name="h2", protocols=["http2"])
    play = listener([{"match": {"prefix": "/"}, "handler": "play"}], name="play")
    old = listener([{"match": {"prefix": "/"}, "cluster": "origin"}], name="h1", protocols=["http1"])
    return {"workers": 1, "listeners": [both, only, old, play],
            "plugins": [{"name": "play", "use": "origin", "config": {"routes": [{"path": "/big", "body_bytes": "20MB"}]}}],
            "clusters": [cluster(origin, connections_max=64, pending_max=10_000)]}


@pytest.fixture
def client(proxy):
    with Http2Client(proxy.ports["in"]) as one:
        yield one


# --- which protocol it is ---

@pytest.mark.parametrize("name", ["in", "h2"])
def test_curl_with_prior_knowledge(proxy, origin, curl, name):
    done = subprocess.run([curl, "-sSk", "--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", f"{SCHEME}://127.0.0.1:{proxy.ports[name]}/x"],
                          capture_output=True, text=True, timeout=30)
    assert done.stdout == "ok 2 200", done
    request = origin.only_request()
    assert (request.method, request.target) == ("GET", "/x") and request.list("Via") == ["2 cleat"]
    assert request.all("Host") == [f"127.0.0.1:{proxy.ports[name]}"]


def test_http1_is_spoken_beside_it(proxy, origin):
    with proxy.client("in") as client:
        assert client.get("/one").status == 200
        assert client.get("/two").status == 200


def test_a_listener_of_http1_refuses_the_preface(proxy, origin):
    with proxy.client("h1") as client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.response().status == 505
        client.expect_closed()
    assert origin.saw() == []


def test_a_listener_of_http2_closes_on_http1(proxy, origin):
    with Http2Client(proxy.ports["h2"], preface=False) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.expect_closed() == [1]
    assert origin.saw() == []


def test_a_preface_that_comes_in_pieces(proxy, origin):
    with Http2Client(proxy.ports["in"], preface=False) as client:
        client.h2.initiate_connection()
        client.h2.send_headers(1, head("/pieces"), end_stream=True)
        data = client.h2.data_to_send()
        client.streams[1] = Stream()
        for i in range(len(data)):
            client.send(data[i:i + 1])
        assert client.response(1).status == 200
    assert origin.only_request().target == "/pieces"


def test_the_preface_after_a_request_is_no_preface(proxy, origin):
    with proxy.client("in") as client:
        assert client.get("/").status == 200
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.response().status == 505
        client.expect_closed()


# --- messages ---

@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "M-SEARCH"])
def test_every_method(client, origin, method):
    stream = client.get("/m", method=method)
    assert (stream.status, bytes(stream.body)) == (200, b"" if method == "HEAD" else b"ok")
    assert stream.all("content-length") == ["2"]
    assert origin.only_request().method == method


def test_an_unknown_method_gets_what_http1_gives_it(client, origin):
    assert client.get("/", method="BREW").status == 501
    assert origin.saw() == []


def test_options_of_the_server(client, origin):
    assert client.get("*", method="OPTIONS").status == 200
    assert origin.only_request().target == "*"


@pytest.mark.parametrize("body", [b"", b"x", b"hello" * 1000, b"y" * 300_000])
@pytest.mark.parametrize("length", [True, False])
def test_a_request_body(client, origin, body, length):
    fields = [("content-length", str(len(body)))] if length else []
    assert client.response(client.request(head("/b", "POST", fields=fields), body)).status == 200
    request = origin.only_request()
    assert request.body == body
    assert (request.all("Content-Length"), request.all("Transfer-Encoding")) == (([str(len(body))], []) if length else ([], ["chunked"]))


def test_trailers_of_a_request(client, origin):
    trailers = [("x-sum", "abc"), ("content-length", "7"), ("authorization", "no"), ("host", "b.example")]
    assert client.response(client.request(head("/t", "POST"), b"hello", trailers)).status == 200
    request = origin.only_request()
    assert request.body == b"hello" and request.trailers == [("x-sum", "abc")]


@pytest.mark.parametrize("body", [b"hello", b""])
def test_trailers_of_a_response(client, origin, body):
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""

    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks + b"0\r\nX-Sum: abc\r\nContent-Length: 3\r\n\r\n")

    origin.handler = handler
    stream = client.get("/t")
    assert (stream.status, bytes(stream.body), stream.trailers) == (200, body, [("x-sum", "abc")])
    assert stream.all("transfer-encoding") == [] and stream.all("content-length") == []


@pytest.mark.parametrize("size", [1, 100, 65_536, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_response_body(client, origin, size, framing):
    body = bytes(i % 251 for i in range(size))

    async def handler(connection, _):
        if framing == "length":
            connection.send(reply(body))
        elif framing == "chunked":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{size:x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            connection.close()

    origin.handler = handler
    stream = client.get("/r")
    assert stream.status == 200 and bytes(stream.body) == body and stream.ended
    assert stream.all("content-length") == ([str(size)] if framing == "length" else []) and stream.all("connection") == []


@pytest.mark.parametrize("status,fields", [("204 No Content", ""), ("304 Not Modified", "Content-Length: 77\r\n"), ("200 OK", "Content-Length: 0\r\n")])
def test_a_response_without_a_body(client, origin, status, fields):
    async def handler(connection, _):
        connection.send(f"HTTP/1.1 {status}\r\n{fields}\r\n".encode())

    origin.handler = handler
    stream = client.get("/")
    assert stream.status == int(status[:3]) and stream.body == b"" and stream.ended
    assert stream.all("content-length") == [fields[16:-2]] if fields else stream.all("content-length") == []


def test_fields_of_a_connection_stay_behind(client, origin):
    async def handler(connection, _):
        connection.send(reply(fields="Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\nX-Kept: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"))

    origin.handler = handler
    stream = client.get("/")
    assert stream.all("x-kept") == ["2"] and stream.all("set-cookie") == ["a=1", "b=2"]
    assert {name for name, _ in stream.fields} == {"content-length", "x-kept", "set-cookie", "via"}


@pytest.mark.parametrize("size", [20_000, 63_000])
def test_a_long_response_head(client, origin, size):
    async def handler(connection, _):
        connection.send(reply(fields=f"X-Long: {'x' * size}\r\n"))

    origin.handler = handler
    stream = client.get("/")
    assert stream.status == 200 and stream.all("x-long") == ["x" * size]


def test_cookies_are_joined(client, origin):
    assert client.get("/", fields=[("cookie", "a=1"), ("x-between", "1"), ("cookie", "b=2"), ("cookie", "c=3")]).status == 200
    request = origin.only_request()
    assert request.all("cookie") == ["a=1; b=2; c=3"] and request.all("x-between") == ["1"]


def test_te_trailers_is_passed_on(client, origin):
    assert client.get("/", fields=[("te", "trailers")]).status == 200
    assert origin.only_request().all("TE") == ["trailers"]


def test_informational_heads(client, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply())

    origin.handler = handler
    stream = client.get("/")
    assert (stream.informational, stream.status) == ([103], 200)


def test_expect_100_continue(client, origin):
    async def handler(connection, request):
        assert request.all("Expect") == ["100-continue"]
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await connection.body_of(request)
        connection.send(reply(request.body))

    origin.head_handler = handler
    number = client.start(head("/e", "POST", fields=[("expect", "100-continue"), ("content-length", "5")]), end=False)
    stream = client.streams[number]
    client.wait(lambda: stream.informational == [100], "100")
    client.data(number, b"hello", end=True)
    assert bytes(client.response(number).body) == b"hello" and stream.status == 200


def test_many_streams_at_once(client, origin):
    async def handler(connection, request):
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    numbers = [client.request(head(f"/{i}")) for i in range(100)]
    for i, number in enumerate(numbers):
        stream = client.response(number)
        assert (stream.status, bytes(stream.body)) == (200, f"/{i}".encode())


def test_one_stream_that_waits_holds_back_no_other(client, origin):
    release = origin.event()

    async def handler(connection, request):
        if request.target == "/slow":
            await release.wait()
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    slow = client.request(head("/slow"))
    assert bytes(client.get("/fast").body) == b"/fast"
    assert not client.streams[slow].ended
    origin.set_event(release)
    assert bytes(client.response(slow).body) == b"/slow"


# --- replies made here ---

def test_a_body_over_its_limit(client, origin):
    stream = client.response(client.start(head("/b", "POST", fields=[("content-length", "1048577")]), end=False))
    assert stream.status == 413 and origin.saw() == []
    client.wait(lambda: stream.reset is not None, "the stream's reset")
    assert stream.reset == NO_ERROR  # RFC 9113 8.1: the rest is not wanted, and the response stands
    assert client.get("/after").status == 200


def test_a_body_over_its_limit_without_a_length(client, origin):
    number = client.start(head("/b", "POST"), end=False)
    with pytest.raises(AssertionError, match="reset in the middle"):
        client.data(number, b"x" * 1_200_000, end=True)
    assert client.streams[number].status == 413
    assert client.get("/after").status == 200


def test_a_head_over_its_limit(client, origin):
    fields = [(f"x-{i}", "v" * 900) for i in range(80)]
    assert client.get("/", fields=fields).status == 431
    assert client.get("/", fields=[(f"x-{i}", "v") for i in range(101)]).status == 431
    assert client.get("/" + "a" * 9000).status == 414
    assert origin.saw() == []
    assert client.get("/after").status == 200


def test_an_origin_that_answers_before_the_body_has_come(client, origin):
    async def handler(connection, request):
        connection.send(reply(b"enough"))
        await connection.until_closed()

    origin.head_handler = handler
    number = client.start(head("/early", "POST"), end=False)
    client.data(number, b"x" * 1000)
    stream = client.response(number)
    assert (stream.status, bytes(stream.body), stream.ended) == (200, b"enough", True)
    client.wait(lambda: stream.reset is not None, "the stream's reset")
    assert stream.reset == NO_ERROR
    origin.head_handler = None
    assert client.get("/after").status == 200


def test_an_upstream_that_breaks_off(client, origin):
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    origin.handler = handler
    stream = client.get("/")
    assert (stream.status, bytes(stream.body), stream.ended) == (200, b"half", False) and stream.reset == 2
    origin.handler = origin.default_handler
    assert client.get("/after").status == 200


def test_a_long_reply_of_a_plugin(proxy, origin, curl):
    done = subprocess.run([curl, "-sSk", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", "--limit-rate", "20M",
                           f"{SCHEME}://127.0.0.1:{proxy.ports['play']}/big"], capture_output=True, text=True, timeout=30)
    assert done.stdout == "200 20000000", done


# --- what the client ends ---

def test_a_stream_the_client_resets_ends_its_request_upstream(client, origin):
    async def handler(connection, request):
        if request.target == "/wait":
            await connection.until_closed()
        else:
            connection.send(reply())

    origin.handler = handler
    number = client.request(head("/wait"))
    origin.wait_for(lambda: origin.saw(), "the request upstream")
    (waiting, _), = origin.since_reset()
    client.h2.reset_stream(number, CANCEL)
    client.flush()
    origin.wait_for(lambda: waiting.closed, "the upstream connection to be closed")
    assert client.get("/after").status == 200


def test_a_client_that_goes_ends_all_its_requests(proxy, origin):
    async def handler(connection, _):
        await connection.until_closed()

    origin.handler = handler
    client = Http2Client(proxy.ports["in"])
    for i in range(3):
        client.request(head(f"/{i}"))
    origin.wait_for(lambda: len(origin.saw()) == 3, "the requests upstream")
    waiting = [connection for connection, _ in origin.since_reset()]
    client.close()
    origin.wait_for(lambda: all(connection.closed for connection in waiting), "the upstream connections to be closed")


# --- other clients ---

def test_nghttp_with_a_body(proxy, origin, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"z" * 200_000)
    done = subprocess.run([tool("nghttp"), "-v", "-d", str(body), f"{SCHEME}://127.0.0.1:{proxy.ports['in']}/n"], capture_output=True, text=True, timeout=30)
    assert ":status: 200" in done.stdout, done.stdout
    assert origin.only_request().body == body.read_bytes()


def test_h2load(proxy, origin):
    done = subprocess.run([tool("h2load"), "-n", "10000", "-c", "20", "-m", "100", f"{SCHEME}://127.0.0.1:{proxy.ports['in']}/"], capture_output=True,
                          text=True, timeout=120)
    counts = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    assert counts and counts.groups() == ("10000", "10000", "0", "0"), done.stdout


def test_the_last_answer_on_a_connection_that_its_client_ends_counts_as_whole(start, tmp_path):
    """It was sent to its end, and logged as one whose client had gone."""
    log = tmp_path / "log"
    proxy = start({"plugins": [{"name": "log", "use": "access_log", "config": {"path": str(log)}},
                               {"name": "play", "use": "origin", "config": {"routes": [{"path": "/last", "body_bytes": "10B"}]}}],
                   "listeners": [listener([{"match": {"prefix": "/"}, "handler": "play"}], chain=["log"])]})
    with Http2Client(proxy.port) as client:
        client.wait(lambda: client.settled, "the settings")
        number = client.start(head("/last"), flush=False)
        client.send(client.h2.data_to_send() + frame(GOAWAY, payload=b"\0" * 8))
        assert client.response(number).status == 200
    end = time.monotonic() + client.deadline
    while not log.exists() or not log.read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert '"GET /last HTTP/2" 200' in log.read_text() and "downstream_gone" not in log.read_text()
