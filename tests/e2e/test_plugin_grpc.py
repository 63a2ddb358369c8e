"""plugins/grpc: deadlines of clients, and replies made here in the form that clients of gRPC read. What it does is the same on every wire; here it is
HTTP/1.1, whose bytes can be looked at."""

import asyncio
import time

import pytest
from origin import ClosedPort, reply
from proxy import cluster, listener

GRPC = "Content-Type: application/grpc\r\n"


def config(origin):
    routes = [
        {"match": {"path": "/metrics"}, "handler": "numbers"},
        {"match": {"prefix": "/closed"}, "cluster": "closed"},
        {"match": {"prefix": "/short"}, "cluster": "origin", "timeout": "200ms"},
        {"match": {"prefix": "/svc"}, "cluster": "origin"},
    ]
    plugins = [{"name": "grpc", "use": "grpc"}, {"name": "numbers", "use": "prometheus"}]
    return {"workers": 1, "plugins": plugins, "listeners": [listener(routes, chain=["grpc"], timeouts={"request": "20s"})],
            "clusters": [cluster(origin), cluster(ClosedPort().address, name="closed", connect_timeout="2s")]}


def call(client, target="/svc/Method", fields=""):
    body = b"\0\0\0\0\0"
    client.send(f"POST {target} HTTP/1.1\r\nHost: a.example\r\n{GRPC}Content-Length: {len(body)}\r\n{fields}\r\n".encode() + body)
    return client.response()


def hang(origin):
    async def handler(connection, _):
        await connection.until_closed()

    origin.handler = handler


def refused(response):
    assert response.status == 200 and response.body == b"" and response.get("content-type") == "application/grpc", response
    return int(response.get("grpc-status")), response.get("grpc-message")


def test_an_endpoint_that_cannot_be_reached_is_unavailable(proxy):
    with proxy.client() as client:
        code, message = refused(call(client, "/closed/Method"))
    assert code == 14 and message.startswith("connect_failed: ")


def test_an_endpoint_that_gives_up_first_has_kept_the_deadline(proxy, origin):
    async def handler(connection, _):
        await asyncio.sleep(0.05)
        connection.reset()

    origin.handler = handler
    with proxy.client() as client:
        assert refused(call(client, fields="grpc-timeout: 50m\r\n"))[0] == 4
        assert refused(call(client, fields="grpc-timeout: 10S\r\n"))[0] == 14


def test_no_route_is_unimplemented(proxy):
    with proxy.client() as client:
        assert refused(call(client, "/nowhere/Method"))[0] == 12


def test_what_is_not_grpc_gets_its_reply_as_it_was(proxy):
    with proxy.client() as client:
        response = client.get("/nowhere", fields="Content-Type: application/grpc-web\r\n")
        assert response.status == 404 and not response.has("grpc-status")


def test_the_clients_deadline_bounds_the_call(proxy, origin):
    hang(origin)
    with proxy.client() as client:
        start = time.monotonic()
        code, message = refused(call(client, fields="grpc-timeout: 150m\r\n"))
        took = time.monotonic() - start
    assert code == 4 and message.startswith("request_timeout: ")
    assert 0.14 <= took < 15, took  # the listener's own is 20 s


def test_a_deadline_never_lengthens_the_routes_timeout(proxy, origin):
    hang(origin)
    with proxy.client() as client:
        start = time.monotonic()
        assert refused(call(client, "/short/Method", "grpc-timeout: 1H\r\n"))[0] == 4
        assert time.monotonic() - start < 15


def test_the_deadline_goes_on_to_the_origin(proxy, origin):
    with proxy.client() as client:
        assert call(client, fields="grpc-timeout: 10S\r\n").body == b"ok"
    assert origin.only_request().get("grpc-timeout") == "10S"


@pytest.mark.parametrize("value, code", [("0m", 4), ("5", 13), ("5ms", 13), ("999999999m", 13), ("-1S", 13)])
def test_deadlines_that_are_over_or_not_of_their_form_are_refused(proxy, origin, value, code):
    with proxy.client() as client:
        assert refused(call(client, fields=f"grpc-timeout: {value}\r\n"))[0] == code
    assert not origin.saw()


def test_calls_are_counted_by_their_status(proxy, origin):
    answers = [reply(b"", fields="grpc-status: 0\r\n"), reply(b"", fields="grpc-status: 5\r\n"), reply(b"no status")]

    async def handler(connection, _):
        connection.send(answers.pop(0))

    def counted():
        with proxy.client() as client:
            text = client.get("/metrics").body.decode()
        return {name: count(text, name) for name in ("OK", "NOT_FOUND", "none")}

    before = counted()
    origin.handler = handler
    with proxy.client() as client:
        for _ in range(3):
            call(client)
    after = counted()
    assert {name: after[name] - before[name] for name in after} == {"OK": 1, "NOT_FOUND": 1, "none": 1}


def count(text, status):
    lines = [line for line in text.splitlines() if line.startswith("cleat_grpc_requests_total{") and f'status="{status}"' in line]
    return int(float(lines[0].split()[-1])) if lines else 0
