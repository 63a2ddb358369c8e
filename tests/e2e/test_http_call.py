"""cleat.http_call/1 through a plugin: it calls, waits and answers; deadlines, bounds, cancelling, exchanges that end first, pieces both ways."""
# ctest: threads
# ctest: timeout 240
# ctest: wires h2down+h2up+tls

import json
import socket
import struct

import pytest
from load import Load
from origin import ClosedPort, reply
from processes import wait_until
from proxy import BUILD, cluster, listener

CONNECT_FAILED, RESET, TIMEOUT, NO_ENDPOINT, CANCELLED, TOO_LARGE = 1, 3, 4, 6, 64, 65


def config(origin, workers=1, **settings):
    routes = [{"match": {"prefix": "/"}, "reply": {"status": 404}}]
    return {"workers": workers, "plugin_path": [str(BUILD / "hostile_plugins")], "plugins": [{"name": "calls", "use": "calls", "config": settings}],
            "listeners": [listener(routes, chain=["calls"])],
            "clusters": [cluster(origin, connect_timeout="2s"), cluster(ClosedPort().address, name="closed", connect_timeout="2s"), {"name": "empty", "endpoints": []}]}


def ask(proxy, target="/", **fields):
    with proxy.client() as client:
        answer = client.get(target, fields="".join(f"x-{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()))
        assert answer.status == 200, answer
        return answer.body.decode().strip()


def hang(origin):
    async def handler(connection, _):
        await connection.until_closed()

    origin.handler = handler


def test_a_plugin_calls_waits_and_answers(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(b"hello", fields="x-origin: yes\r\n"))

    origin.handler = handler
    assert ask(proxy, call="origin GET /check?a=1") == "done 200 yes hello"
    request = origin.only_request()
    assert (request.method, request.target, request.get("x-from")) == ("GET", "/check?a=1", "a plugin")
    assert request.get("host") == origin.address and not request.has("via") and not request.has("content-length")


def test_a_body_is_sent_with_its_length(proxy, origin):
    assert ask(proxy, call="origin POST /check", call_body="question") == "done 200 - ok"
    request = origin.only_request()
    assert request.body == b"question" and request.get("content-length") == "8"


def test_connections_are_reused_and_one_that_was_closed_is_replaced_unnoticed(proxy, origin):
    for _ in range(3):
        assert ask(proxy, call="origin GET /") == "done 200 - ok"
    assert len(origin.saw()) == 3

    async def once(connection, _):
        connection.send(reply(b"bye"))
        connection.close()

    origin.handler = once
    for _ in range(3):
        assert ask(proxy, call="origin GET /") == "done 200 - bye"


@pytest.mark.parametrize("asked, how", [({"call": "closed GET /"}, CONNECT_FAILED), ({"call": "empty GET /"}, NO_ENDPOINT)])
def test_failures_say_how(proxy, asked, how):
    assert ask(proxy, **asked).startswith(f"failed {how} ")


def test_a_call_ends_by_its_deadline_and_a_reset_is_one(proxy, origin):
    hang(origin)
    assert ask(proxy, call="origin GET /", call_ms=100).startswith(f"failed {TIMEOUT} ")

    async def cut(connection, _):
        connection.close()

    origin.handler = cut
    assert ask(proxy, call="origin POST /").startswith(f"failed {RESET} ")


def test_a_response_that_is_too_large_is_not_gathered(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(b"x" * 5000))

    origin.handler = handler
    assert ask(proxy, call="origin GET /", call_max=4999).startswith(f"failed {TOO_LARGE} ")
    assert ask(proxy, call="origin GET /", call_max=5000) == "done 200 - " + "x" * 5000


def test_a_call_that_is_cancelled_is_told_so_once(proxy, origin):
    hang(origin)
    before = ask(proxy, "/told")
    assert ask(proxy, call="origin GET /", call_cancel=1) == "0 -1"
    assert ask(proxy, "/told")[len(before):].strip() == f"failed {CANCELLED} told so"


def test_the_call_of_an_exchange_that_ends_first_is_cancelled_and_says_so(proxy, origin):
    hang(origin)
    before = ask(proxy, "/told")
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nx-call: origin GET /\r\n\r\n")
        wait_until(lambda: len(origin.saw()) >= 1, "the call")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it goes with a reset
    wait_until(lambda: f"failed {CANCELLED} its exchange has ended" in ask(proxy, "/told")[len(before):], "the callback", 60)


def test_a_callback_that_throws_harms_nobody(proxy, origin):
    assert ask(proxy, call="origin GET /", call_throw=1) == "done 200 - ok"
    proxy.wait_for_line(r"plugin/calls .*thrown by a callback")
    assert ask(proxy, call="origin GET /") == "done 200 - ok"


def test_many_calls_at_once(proxy, origin):
    assert ask(proxy, call="origin GET /", call_times=200).splitlines() == ["done 200 - ok"] * 200
    assert ask(proxy, call="closed GET /", call_times=2000).startswith("not started: -5 ")


@pytest.mark.parametrize("what, status", [("cluster", -3), ("method", -2), ("target", -2), ("authority", -2), ("timeout", -2), ("framing", -2), ("flags", -2),
                                          ("body", -5), ("max", -5)])
def test_calls_that_cannot_be_are_refused_with_a_reason(proxy, what, status):
    assert ask(proxy, call_bad=what).startswith(f"{status} ")


def test_a_response_comes_in_pieces_and_with_its_trailers(proxy, origin):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(50):
            connection.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        connection.send(b"0\r\nx-sum: 5\r\n\r\n")

    origin.handler = handler
    assert ask(proxy, stream="origin /large").splitlines() == ["head 200", "end 500000 bytes x-sum=5"]


def test_a_request_body_goes_up_in_pieces(proxy, origin):
    assert ask(proxy, stream="origin /up", send=1_000_000).splitlines() == ["head 200", "end 2 bytes"]
    request = origin.only_request()
    assert len(request.body) == 1_000_000 and request.get("transfer-encoding") == "chunked"


def test_calls_on_an_instances_own_account_go_on_over_reloads(start, origin):
    async def handler(connection, _):
        connection.send(reply(b"tock"))

    origin.handler = handler
    proxy = start(config(origin, workers=2, tick="origin"))
    ticks = lambda: int(ask(proxy, "/tick"))  # noqa: E731
    wait_until(lambda: ticks() >= 10, "calls of timers")
    for number in range(2, 6):
        proxy.file.write_text(json.dumps({**config(origin, workers=2, tick="origin"), "log_level": "debug" if number % 2 else "info"}))
        proxy.signal(1)
        proxy.wait_for_line(rf"generation {number} is in force")
    before = ticks()
    wait_until(lambda: ticks() >= before + 10, "more calls")
    changed = config(origin, workers=2, tick="origin")
    changed["plugins"][0]["config"]["tick"] = ""
    proxy.file.write_text(json.dumps(changed))
    proxy.signal(1)
    proxy.wait_for_line(r"generation 6 is in force")
    assert ticks() == 0


def test_a_call_of_an_instances_own_does_not_keep_its_generation(start, origin):
    """It did: an instance that was replaced was not stopped before its longest call was over."""
    hang(origin)
    proxy = start(config(origin, tick="origin", tick_timeout="10m"))
    wait_until(lambda: origin.saw(), "a call")
    proxy.file.write_text(json.dumps(config(origin)))
    proxy.signal(1)
    proxy.wait_for_line(r"plugin/calls tick cancelled: the instance stops")


def test_calls_under_load_and_reloads_fail_nobody(start, origin):
    async def handler(connection, _):
        connection.send(reply(b"tock"))

    origin.handler = handler
    settings = config(origin, workers=2, tick="origin")
    settings["listeners"][0]["routes"] = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "here"}}]
    proxy = start(settings)
    with Load(proxy.port, clients=4) as load:
        for number in range(2, 8):
            load.wait_for_answers(50)
            settings["plugins"][0]["on_failure"] = "open" if number % 2 else "closed"  # another instance each time
            proxy.file.write_text(json.dumps(settings))
            proxy.signal(1)
            proxy.wait_for_line(rf"generation {number} is in force")
    load.assert_no_failure()
