"""plugins/origin: fixed replies by path, and a playground whose bodies stream with backpressure in both directions."""
# ctest: wires h2down+h2up+tls
# ctest: isolated

import json
import time

import pairing
import pytest
from proxy import listener, run

PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
ROUTES = [
    {"path": "/", "body": "hello\n"},
    {"path": "/down", "status": 503, "headers": {"retry-after": "5"}, "body": "back soon\n"},
    {"path": "/page", "content_type": "text/html", "body": "<p>page\n"},
    {"path": "/some", "body_bytes": "1KiB"},
    {"path": "/big", "body_bytes": "2MiB"},
    {"path": "/none", "status": 204},
]


def made(size):
    return (PATTERN * (size // 64 + 1))[:size]


def config(origin):
    return {"workers": 1,
            "plugins": [{"name": "fixed", "use": "origin", "config": {"routes": ROUTES}},
                        {"name": "play", "use": "origin", "config": {"playground": True}}],
            "listeners": [listener([{"match": {"prefix": "/play"}, "prefix_rewrite": "/", "handler": "play"},
                                    {"match": {"prefix": "/"}, "handler": "fixed"}])]}


@pytest.fixture
def client(proxy):
    with proxy.client() as client:
        yield client


def test_fixed_replies(client):
    hello = client.get("/")
    assert (hello.status, hello.body, hello.get("content-type")) == (200, b"hello\n", "text/plain; charset=utf-8")
    down = client.get("/down?query=does+not+matter")
    assert (down.status, down.body, down.get("retry-after")) == (503, b"back soon\n", "5")
    assert client.get("/page").get("content-type") == "text/html"
    assert client.get("/some").body == made(1024)
    assert client.get("/none").status == 204
    assert client.get("/no").status == 404
    assert client.get("/echo").status == 404  # the playground is off


def test_a_big_fixed_reply_is_streamed_with_its_length(client):
    big = client.get("/big")
    assert big.get("content-length") == str(2 << 20)
    assert big.body == made(2 << 20)


@pytest.mark.parametrize("path,length", [("/", 6), ("/some", 1024), ("/big", 2 << 20), ("/play/bytes/5000000", 5_000_000)])
def test_head_tells_the_length_and_sends_nothing(path, length, client):
    client.send(f"HEAD {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
    assert client.response("HEAD").get("content-length") == str(length)
    assert client.get("/").body == b"hello\n"


def test_echo_tells_what_came(client):
    seen = json.loads(client.get("/play/echo?a=%22", fields="X-One: 1\r\nX-Two: \"2\"\\\r\nx-two: 3\r\n").body)
    assert (seen["method"], seen["target"], seen["authority"], seen["scheme"]) == ("GET", "/echo?a=%22", "a.example", pairing.SCHEME)
    fields = [[name.lower(), value] for name, value in seen["headers"]]
    assert ["x-one", "1"] in fields and [value for name, value in fields if name == "x-two"] == ['"2"\\', "3"]


@pytest.mark.parametrize("size", [0, 1, 100, 100_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_echo_sends_the_body_back(size, chunked, client):
    body = made(size)
    if chunked:
        client.send(b"POST /play/echo HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, size, 50_000):
            piece = body[at:at + 50_000]
            client.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        client.send(b"0\r\n\r\n")
    else:
        client.send(f"POST /play/echo HTTP/1.1\r\nHost: a.example\r\nContent-Type: a/b\r\nContent-Length: {size}\r\n\r\n".encode() + body)
    response = client.response()
    assert response.body == body
    assert response.get("content-type") == ("application/octet-stream" if chunked else "a/b")
    assert response.get("content-length") == (None if chunked else str(size))
    assert client.get("/").status == 200


def test_a_reader_that_waits_holds_the_sender_of_an_echo(proxy):
    """Nothing is read: what the proxy takes is bounded by socket buffers and its own few."""
    with proxy.client(receive_buffer=4096) as client:
        client.send(b"POST /play/echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000000\r\n\r\n")
        client.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 200_000_000:
                sent += client.socket.send(made(65536))
        except OSError:
            pass
        assert sent < 100_000_000
        client.socket.settimeout(client.deadline)
        assert client.socket.recv(10) == b"HTTP/1.1 2"


def test_bytes_and_chunks_stream(client):
    assert client.get("/play/bytes/0").body == b""
    assert client.get("/play/bytes/5000001").body == made(5_000_001)
    chunked = client.get("/play/chunked/1000001")
    assert chunked.chunks and chunked.body == made(1_000_001)


def test_a_terabyte_for_a_reader_that_waits_costs_no_memory(proxy):
    with proxy.client(receive_buffer=4096) as client:
        before = proxy.rss_kib()
        client.send(b"GET /play/bytes/1099511627776 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.read(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.1)
        assert proxy.rss_kib() - before < 20_000


def test_the_last_bytes_for_a_slow_reader_hold_up_nobody(proxy):
    """The handler has written all of it, and the client's socket takes no more."""
    size = 6_000_000
    with proxy.client(receive_buffer=4096) as slow, proxy.client() as other:
        slow.send(f"GET /play/bytes/{size} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        slow.peek_for(b"\r\n\r\n")
        got, reads = len(slow.feed.data.split(b"\r\n\r\n", 1)[1]), 0
        while got < size:
            got, reads = got + len(slow.socket.recv(65536)), reads + 1
            if reads % 20 == 0:
                assert other.get("/").status == 200
        assert other.get("/").status == 200


def test_statuses_delays_and_mistakes(client):
    for status in (200, 204, 304, 404, 503, 599):
        assert client.get(f"/play/status/{status}").status == status
    begin = time.monotonic()
    assert client.get("/play/delay/120ms").body == b"that took a while\n"
    assert time.monotonic() - begin >= 0.12
    begin = time.monotonic()
    client.send(b"GET /play/delay-body/120ms HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert client.response(body=False).status == 200
    assert time.monotonic() - begin < 0.1
    client.close()


@pytest.mark.parametrize("path", ["/play/status/99", "/play/delay/soon", "/play/bytes/-1", "/play/flaky/a"])
def test_malformed_paths_say_how_they_should_look(path, client):
    response = client.get(path)
    assert response.status == 400 and response.body.startswith(b"/")


def test_trailers_follow(client):
    response = client.get("/play/trailers", fields="TE: trailers\r\nConnection: TE\r\n")
    assert response.body == b"trailers follow\n"
    assert sorted((name.lower(), value) for name, value in response.trailers) == [("x-bytes", "16"), ("x-end", "yes")]


def test_flaky_fails_so_often_and_then_works(client):
    for name in ("a", "b"):
        assert [client.get(f"/play/flaky/{name}/2").status for _ in range(4)] == [503, 503, 200, 200]


def test_aborts(proxy):
    with proxy.client() as client:
        client.send(b"GET /play/abort HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.expect_closed()
    with proxy.client() as client:
        client.send(b"GET /play/abort-body HTTP/1.1\r\nHost: a.example\r\n\r\n")
        head, _, body = client.rest().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"ontent-" in head and body == made(500)


def test_the_index_lists_the_paths(client):
    assert b"/flaky/NAME/2" in client.get("/play/").body


def test_a_client_that_leaves_in_the_middle_harms_nobody(proxy):
    for path in ("/play/bytes/100000000", "/play/delay/300ms", "/play/chunked/100000000"):
        with proxy.client() as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
            if "delay" not in path:
                client.read(100)
    with proxy.client() as client:
        client.send(b"POST /play/echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nabc")
        client.read(100)
    with proxy.client() as client:
        assert client.get("/").status == 200


@pytest.mark.parametrize("settings,words", [
    ({"routes": [{"body": "x"}]}, r'"path" is required'),
    ({"routes": [{"path": "x"}]}, r"must begin with a slash"),
    ({"routes": [{"path": "/"}, {"path": "/"}]}, r"a second reply for /"),
    ({"routes": [{"path": "/", "status": 700}]}, r"700"),
    ({"routes": [{"path": "/", "body": "x", "body_bytes": "1KiB"}]}, r"either `body` or `body_bytes`"),
    ({"routes": [{"path": "/", "headers": {"Content-Length": "5"}}]}, r"is set by the proxy"),
    ({"routes": [{"path": "/", "headers": {"x a": "5"}}]}, r"not a field name"),
    ({"routes": [{"path": "/", "headers": {"x": "a\r\nb"}}]}, r"not a header value"),
    ({"routes": {"path": "/"}}, r"must be a list"),
    ({"playgroud": True}, r'did you mean "playground"'),
])
def test_mistakes_in_the_configuration_are_told(settings, words, tmp_path):
    import re
    text = {"plugins": [{"name": "o", "use": "origin", "config": settings}],
            "listeners": [listener([{"match": {"prefix": "/"}, "handler": "o"}])]}
    (tmp_path / "cleat.yaml").write_text(json.dumps(text))
    done = run("validate", "-c", tmp_path / "cleat.yaml")
    assert done.returncode == 2 and re.search(words, done.stderr), done.stderr
