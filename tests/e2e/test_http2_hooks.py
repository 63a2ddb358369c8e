"""The same hooks see the same request and response over both wires: what a plugin makes of a message does not depend on which it is."""

import json

import pytest
from http2_client import Http2Client, head
from origin import reply
from proxy import BUILD, cluster, listener

MODES = [(part, mode, change) for part in ("request", "response") for mode in ("stream", "whole")
         for change in ("none", "upper", "append", "prepend", "replace", "drain", "empty", "hold", "fail") if (mode, change) != ("stream", "fail")]
BODIES = [b"", b"hello", b"abc" * 50_000]
ONE_PIECE = [b"hello"]  # for what is done to each piece: longer bodies are cut differently


def config(origin):
    listeners, plugins = [], []
    for part, mode, change in MODES:
        name = f"{part}-{mode}-{change}"
        plugins.append({"name": name, "use": "bodies", "config": {"part": part, "mode": mode, "change": change}})
        listeners.append(listener([{"match": {"prefix": "/"}, "cluster": "origin"}], name=name, chain=[name]))
    return {"workers": 1, "plugin_path": [str(BUILD / "hostile_plugins")], "plugins": plugins, "listeners": listeners, "clusters": [cluster(origin)]}


async def mirror(connection, request):
    connection.send(reply(b"<" + request.body + b">", fields="X-Got: " + ("chunked" if request.all("Transfer-Encoding") else "length") + "\r\n"))


def over_http1(proxy, name, body, length):
    with proxy.client(name) as client:
        framing = f"Content-Length: {len(body)}\r\n\r\n".encode() + body if length else b"Transfer-Encoding: chunked\r\n\r\n" + (
            f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"") + b"0\r\n\r\n"
        client.send(b"POST /m HTTP/1.1\r\nHost: a.example\r\n" + framing)
        response = client.response()
        return response.status, response.body, response.list("X-Got"), response.list("Content-Type")


def over_http2(proxy, name, body, length):
    with Http2Client(proxy.ports[name]) as client:
        fields = [("content-length", str(len(body)))] if length else []
        stream = client.response(client.request(head("/m", "POST", fields=fields), body))
        assert stream.ended and stream.reset in (None, 0)
        return stream.status, bytes(stream.body), stream.all("x-got"), stream.all("content-type")


@pytest.mark.parametrize("part,mode,change", MODES)
def test_a_body_through_a_plugin_is_the_same_over_both(proxy, origin, part, mode, change):
    origin.handler = mirror
    name = f"{part}-{mode}-{change}"
    for body in ONE_PIECE if mode == "stream" and change in ("append", "prepend", "replace", "drain") else BODIES:
        for length in (True, False):
            assert over_http2(proxy, name, body, length) == over_http1(proxy, name, body, length), (len(body), length)


def test_the_log_has_a_line_for_each_exchange(start, origin, tmp_path):
    path = tmp_path / "log"
    proxy = start({"workers": 1, "plugins": [{"name": "log", "use": "access_log", "config": {
        "path": str(path), "format": "json", "fields": {"protocol": "%{protocol}", "status": "%{status}", "flag": "%{reply_flag}"}}}],
        "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}], chain=["log"])], "clusters": [cluster(origin)]})
    with Http2Client(proxy.port) as client:
        assert client.get("/good").status == 200
        assert client.get("/%zz").status == 400
        assert client.get("/a", fields=[("connection", "close")]).reset == 1  # malformed: no exchange
        assert client.get("/" + "x" * 10_000).status == 414
    with proxy.client() as client:
        assert client.get("/one").status == 200
    proxy.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["protocol"], int(line["status"]), line.get("flag") or "-") for line in lines] == [
        ("HTTP/2", 200, "-"), ("HTTP/2", 400, "bad_request"), ("HTTP/2", 414, "bad_request"), ("HTTP/1.1", 200, "-")]
