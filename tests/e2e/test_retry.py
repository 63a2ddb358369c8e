"""plugins/retry: which attempts are made again, with what body, after what wait, and when no more."""
# ctest: wires
# ctest: isolated

import asyncio
import json
import time

import pytest
import proxy as proxies
from origin import ClosedPort, reply
from proxy import cluster, listener

FAST = {"backoff": {"base": "1ms", "max": "2ms"}, "budget": {"percent": 1000, "minimum": 1000}}


def retrying(endpoints, settings, routes=None, **others):
    routes = routes or [{"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 1, "plugins": [{"name": "again", "use": "retry", "config": {**FAST, **settings}}],
            "listeners": [listener(routes, chain=["again"], **others)], "clusters": [cluster(*endpoints, connect_timeout="2s")]}


def config(origin):
    routes = [
        {"match": {"prefix": "/once"}, "cluster": "origin", "plugins": {"again": {"attempts": 1}}},
        {"match": {"prefix": "/posts"}, "cluster": "origin", "plugins": {"again": {"methods": ["POST"], "replay_bytes": "1KiB"}}},
        {"match": {"prefix": "/slow"}, "cluster": "origin", "plugins": {"again": {"per_try_timeout": "300ms"}}},
        {"match": {"prefix": "/after"}, "cluster": "origin", "plugins": {"again": {"on": ["throttled"], "retry_after_max": "1s"}}},
        {"match": {"prefix": "/5xx"}, "cluster": "origin", "plugins": {"again": {"on": ["5xx"]}}},
        {"match": {"prefix": "/"}, "cluster": "origin"},
    ]
    return retrying([origin], {}, routes)


def answers(origin, *each):
    """The origin gives these answers in turn, then "ok": bytes to send, None to close the connection, "hang" to say nothing."""
    left = list(each)

    async def handler(connection, _):
        data = left.pop(0) if left else reply()
        if data is None:
            connection.close()
        elif data == "hang":
            await connection.until_closed()
        else:
            connection.send(data)

    origin.handler = handler


def busy(status="503 Service Unavailable", fields=""):
    return reply(b"busy", status, fields)


def post(client, target, body):
    client.send(f"POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return client.response()


def test_a_gateway_error_is_tried_again(proxy, origin):
    answers(origin, busy(), busy("502 Bad Gateway"))
    with proxy.client() as client:
        response = client.get("/")
    assert (response.status, response.body) == (200, b"ok")
    assert len(origin.saw()) == 3


def test_when_all_attempts_are_used_the_last_answer_stands(proxy, origin):
    answers(origin, busy(), busy(), busy("504 Gateway Timeout"), reply(b"too late"))
    with proxy.client() as client:
        response = client.get("/")
        assert (response.status, response.body) == (504, b"busy")
    assert len(origin.saw()) == 3


def test_a_connection_closed_before_the_answer_is_tried_again(proxy, origin):
    answers(origin, None)
    with proxy.client() as client:
        assert client.get("/").status == 200
    assert len(origin.saw()) == 2


def test_other_failures_stand(proxy, origin):
    answers(origin, busy("500 Internal Server Error"), busy("404 Not Found"))
    with proxy.client() as client:
        assert [client.get("/").status, client.get("/").status] == [500, 404]
    assert len(origin.saw()) == 2


def test_a_route_has_conditions_of_its_own(proxy, origin):
    answers(origin, busy("500 Internal Server Error"))
    with proxy.client() as client:
        assert client.get("/5xx").status == 200
        answers(origin, busy())
        assert client.get("/once").status == 503
    assert len(origin.saw()) == 3


def test_post_is_not_sent_twice(proxy, origin):
    answers(origin, busy())
    with proxy.client() as client:
        assert post(client, "/", b"pay").status == 503
    assert len(origin.saw()) == 1


def test_where_post_is_allowed_the_body_is_sent_again_whole(proxy, origin):
    answers(origin, busy(), None)
    with proxy.client() as client:
        assert post(client, "/posts", b"x" * 1000).status == 200
    assert [request.body for request in origin.saw()] == [b"x" * 1000] * 3


def continued(origin, thinks_s=0.0, first="503 Service Unavailable"):
    """An origin that answers so once, and then says 100 to who waits for it; and what heads it has seen."""
    heads = []

    async def head_handler(connection, head):
        heads.append(head)
        if len(heads) == 1:
            connection.send(busy(first, "Retry-After: 1\r\nConnection: close\r\n"))
            return connection.close()
        await asyncio.sleep(thinks_s)
        if head.has("Expect"):
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await connection.body_of(head)
        connection.send(reply(head.body))

    origin.head_handler = head_handler
    return heads


def post_when_told(client):
    client.send(b"POST /posts HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    client.peek_for(b"HTTP/1.1 100 Continue\r\n")
    client.send(b"body")
    return client.response()


def test_a_client_that_waits_for_100_is_told_by_the_next_attempt(proxy, origin):
    heads = continued(origin)
    with proxy.client() as client:
        assert post_when_told(client).body == b"body"
    assert len(heads) == 2


def test_a_wait_before_the_next_attempt_is_none_for_the_body(start, origin):
    heads = continued(origin, 0.2, "429 Too Many Requests")
    proxy = start(retrying([origin], {"methods": ["POST"], "on": ["throttled"], "retry_after_max": "1s"}, timeouts={"body": "800ms"}))
    with proxy.client() as client:
        assert post_when_told(client).body == b"body"
    assert len(heads) == 2


def test_a_body_over_the_bound_is_sent_once(proxy, origin):
    answers(origin, busy())
    with proxy.client() as client:
        assert post(client, "/posts", b"x" * 2000).status == 503
    assert len(origin.saw()) == 1


def test_an_attempt_has_a_timeout_of_its_own(proxy, origin):
    answers(origin, "hang")
    with proxy.client() as client:
        begin = time.monotonic()
        assert client.get("/slow").status == 200
    assert time.monotonic() - begin >= 0.25
    assert len(origin.saw()) == 2


def test_retry_after_is_waited_for_within_its_bound(proxy, origin):
    answers(origin, busy("429 Too Many Requests", "Retry-After: 1\r\n"))
    with proxy.client() as client:
        begin = time.monotonic()
        assert client.get("/after").status == 200
        assert time.monotonic() - begin >= 0.95
        answers(origin, busy(fields="Retry-After: 2\r\n"))
        response = client.get("/after")
    assert (response.status, response.get("retry-after")) == (503, "2")
    assert len(origin.saw()) == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_tried_on_another_endpoint_whatever_the_method(start, origin, method):
    closed = ClosedPort()
    proxy = start(retrying([closed.address, origin], {}))
    with proxy.client() as client:
        for _ in range(4):
            response = client.get("/") if method == "GET" else post(client, "/", b"pay")
            assert response.status == 200
    closed.close()
    assert len(origin.saw()) == 4


def test_the_budget_bounds_retries(start, origin):
    proxy = start(retrying([origin], {"attempts": 2, "budget": {"percent": 0, "minimum": 3, "window": "1h"}}))
    answers(origin, *[busy()] * 13)
    with proxy.client() as client:
        assert [client.get("/").status for _ in range(10)] == [503] * 10
    assert len(origin.saw()) == 13


def test_retries_end_with_the_exchange_s_own_deadline(start, origin):
    routes = [{"match": {"prefix": "/"}, "cluster": "origin", "timeout": "500ms"}]
    proxy = start(retrying([origin], {"attempts": 10, "per_try_timeout": "200ms"}, routes))
    answers(origin, *["hang"] * 10)
    with proxy.client() as client:
        begin = time.monotonic()
        assert client.get("/").status == 504
    assert time.monotonic() - begin < 5
    assert len(origin.saw()) <= 4


@pytest.mark.parametrize("settings, words", [
    ({"attempts": 0}, "attempts"),
    ({"on": []}, "name at least one"),
    ({"on": ["connect"]}, "must be one of: connect_failure, reset"),
    ({"methods": ["GET POST"]}, "is not a method"),
    ({"backoff": {"base": "2s", "max": "1s"}}, "max is less than base"),
    ({"budget": {"window": "1ms"}}, "between 100ms and 1h"),
])
def test_mistakes_are_refused(settings, words, tmp_path, origin):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(retrying([origin], settings), indent=1))
    done = proxies.run("validate", "-c", file)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
