"""A plugin that holds a thread is named, with its stack, while the other workers serve on; and the process still ends when told to."""
# ctest: threads
# ctest: timeout 240

import re
import threading

import pytest
from hostile import ask, asks, in_chain, instance
from proxy import Proxy, listener

NEVER = {"failures": 0, "stalls": 0}


def slow(name="slow", **others):
    return instance(name, "blocks", quarantine=NEVER, **others)


def metrics_of(proxy):
    lines = ask(proxy, listener="stats").body.decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def config(origin):
    found = in_chain(origin, slow())
    found["plugins"].append(instance("numbers", "stats"))
    found["listeners"].append(listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats"))
    return found


def test_a_stalled_hook_is_told_of_with_what_it_is_doing_and_for_whom(proxy):
    assert ask(proxy, listener="in", block="on_request", ms=900).status == 200
    told = proxy.wait_for_line(r"plugin/slow on_request holds cleat-w0 for \d+ ms already")
    assert re.search(r"generation 1, exchange 0x[0-9a-f]{16}, request id [0-9a-f-]{36}", told), told
    stack = proxy.wait_for_line(r"plugin/slow stack: ")
    assert "blocks.so+0x" in stack and "nanosleep" in stack and " < cleat+0x" in stack, stack
    ended = proxy.wait_for_line(r"plugin/slow on_request has let cleat-w0 go after (\d+) ms")
    assert int(re.search(r"after (\d+) ms", ended)[1]) >= 600, ended
    holds = [line for line in proxy.lines() if "on_request holds" in line]
    assert 2 <= len(holds) <= 5, holds  # at growing intervals
    assert metrics_of(proxy)['cleat_plugin_stalls_total{instance="slow",hook="on_request"}'] == "1"


def test_a_hook_that_spins_is_told_of_like_one_that_sleeps(proxy):
    before = len([line for line in proxy.lines() if "on_response holds" in line])
    assert ask(proxy, listener="in", block="on_response", ms=700, spin=1).status == 200
    proxy.wait_for_line(r"plugin/slow on_response has let cleat-w0 go")
    assert len([line for line in proxy.lines() if "on_response holds" in line]) > before


def test_calls_that_are_short_are_not_told_of_however_many_they_are(start, origin):
    proxy = start(in_chain(origin, slow(), routes=[{"match": {"prefix": "/"}, "reply": {"status": 204}}]))
    with proxy.client() as client:
        for _ in range(100):  # a second spent in one hook, in hundredths
            client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(block='on_request', ms=10)}\r\n".encode())
            assert client.response().status == 204
    assert "holds" not in proxy.log()


def test_the_watchdog_can_be_turned_off(start, origin):
    off = in_chain(origin, slow())
    off["watchdog"] = {"stall": "0s"}
    proxy = start(off)
    assert ask(proxy, block="on_request", ms=700).status == 200
    assert "holds" not in proxy.log()


@pytest.mark.parametrize("hook", ["create", "worker_start", "on_connection", "on_event", "destroy"])
def test_hooks_without_a_request_are_watched_too(hook, start, origin):
    proxy = start(in_chain(origin, slow(config={"in": hook, "ms": 700})))
    if hook == "on_event":
        import signal
        proxy.signal(signal.SIGUSR1)
    elif hook == "destroy":
        proxy.stop()
    else:
        assert ask(proxy).status == 200
    thread = "cleat-w0" if hook in ("worker_start", "on_connection") else "cleat"
    proxy.wait_for_line(rf"plugin/slow {hook} holds {thread} for \d+ ms already")
    proxy.wait_for_line(rf"plugin/slow {hook} has let {thread} go")


def test_other_workers_serve_on_beside_one_that_is_held_for_ever_and_the_stop_is_bounded(tmp_path, origin):
    held = in_chain(origin, slow(), timeouts={"drain": "1s"})
    held["workers"] = 4
    proxy = Proxy(held, tmp_path)
    waits = [proxy.client() for _ in range(2)]
    for client in waits:
        client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(block='on_request')}\r\n".encode())
    proxy.wait_for_line(r"plugin/slow on_request holds cleat-w\d")
    answered = []

    def try_one():  # the system spreads connections over workers: those that a held one gets wait
        try:
            with proxy.client(deadline=3) as client:
                answered.append(client.get().status)
        except (OSError, AssertionError):
            pass

    threads = [threading.Thread(target=try_one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answered and set(answered) == {200}
    proxy.signal()
    assert proxy.wait(60) == 1
    assert re.search(r"\d workers do not end: a plugin's hook holds them", proxy.log())
    for client in waits:
        client.close()
