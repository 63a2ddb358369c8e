"""An instance that fails or stalls too often is taken out: what begins then goes without it, or is refused; and it comes back."""
# ctest: threads

import json
import signal

import pytest
from hostile import ask, in_chain, instance
from origin import reply
from proxy import cluster, listener

LONG = {"failures": 3, "window": "60s", "backoff": "60s"}


def with_numbers(configuration):
    """The same with every metric on a listener of its own, and events in the log."""
    configuration["plugins"] += [instance("numbers", "stats"), instance("teller", "tells_events")]
    configuration["listeners"].append(listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats"))
    return configuration


def number(proxy, name):
    for line in ask(proxy, listener="stats").body.decode().splitlines():
        if line.startswith(name + " "):
            return int(line.rsplit(" ", 1)[1])
    return 0


def calls(proxy, hook, name="it"):
    return number(proxy, f'cleat_plugin_calls_total{{instance="{name}",hook="{hook}"}}')


def failing(origin, policy="closed", quarantine=LONG, **others):
    return with_numbers(in_chain(origin, instance("it", "throws", on_failure=policy, quarantine=quarantine), **others))


def fail(proxy, times=3, listener="in"):
    return [ask(proxy, listener=listener, hook="on_request", what="exception").status for _ in range(times)]


def test_closed_refuses_new_exchanges_with_503_and_says_whose_fault_it_is(start, origin, tmp_path):
    configuration = failing(origin)
    log = instance("log", "access_log", config={"path": str(tmp_path / "log"), "line": "%{status} %{reply_flag} %{reply_reason}"})
    configuration["plugins"].append(log)
    configuration["listeners"][0]["chain"].insert(0, "log")
    proxy = start(configuration)
    assert number(proxy, 'cleat_plugin_quarantined{instance="it"}') == 0
    assert fail(proxy) == [500, 500, 500]
    proxy.wait_for_line(r"error plugin/it taken out for 60000 ms: 3 failures within \d+ ms")
    proxy.wait_for_line(r"plugin/teller event cleat.instance.quarantined instance=it$")
    refused = ask(proxy, listener="in")
    assert refused.status == 503
    assert origin.saw() == []
    assert number(proxy, 'cleat_plugin_quarantined{instance="it"}') == 1
    assert number(proxy, 'cleat_plugin_quarantines_total{instance="it"}') == 1
    before = calls(proxy, "on_request"), calls(proxy, "on_end")
    assert ask(proxy, listener="in").status == 503
    assert (calls(proxy, "on_request"), calls(proxy, "on_end")) == before
    proxy.stop()
    assert (tmp_path / "log").read_text().splitlines()[-1] == "503 plugin_quarantined it"


def test_open_is_left_out_of_new_exchanges(start, origin):
    proxy = start(failing(origin, "open"))
    assert fail(proxy) == [200, 200, 200]
    before = calls(proxy, "on_request"), calls(proxy, "on_end")
    assert before == (3, 3)
    assert fail(proxy) == [200, 200, 200]
    assert (calls(proxy, "on_request"), calls(proxy, "on_end")) == before


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_exchanges_that_had_begun_have_it_to_their_end(policy, start, origin):
    proxy = start(failing(origin, policy))
    with proxy.client("in") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nab")
        origin_has_it = proxy.client("stats")
        while b'hook="on_attempt"} 1' not in origin_has_it.get().body:
            pass
        origin_has_it.close()
        fail(proxy)
        ended, answered = calls(proxy, "on_end"), calls(proxy, "on_response")
        client.send(b"cd")
        assert client.response().status == 200
        assert calls(proxy, "on_response") == answered + 1
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")  # the next on the same connection has begun after
        assert client.response().status == (503 if policy == "closed" else 200)
    assert calls(proxy, "on_end") == ended + 1


def test_it_comes_back_after_its_time_which_doubles_when_it_fails_again_soon(start, origin):
    proxy = start(failing(origin, quarantine={"failures": 2, "window": "60s", "backoff": "300ms"}))
    for lasts in (300, 600, 1200):
        while ask(proxy, listener="in").status == 503:
            pass
        assert fail(proxy, 2) == [500, 500]
        proxy.wait_for_line(rf"plugin/it taken out for {lasts} ms: 2 failures")
        assert ask(proxy, listener="in").status == 503
    proxy.wait_for_line(r"plugin/it takes part again: its time is over")
    proxy.wait_for_line(r"plugin/teller event cleat.instance.restored instance=it$")
    while ask(proxy, listener="in").status == 503:
        pass
    assert number(proxy, 'cleat_plugin_quarantined{instance="it"}') == 0
    assert number(proxy, 'cleat_plugin_quarantines_total{instance="it"}') == 3


def test_failures_that_are_rare_or_not_counted_take_nobody_out(start, origin):
    proxy = start(failing(origin, quarantine={"failures": 0}))
    assert set(fail(proxy, 300)) == {500}
    assert ask(proxy, listener="in").status == 200
    other = start(failing(origin, quarantine={"failures": 2, "window": "1ms"}))
    assert set(fail(other, 20)) <= {500, 503}
    assert "taken out" not in proxy.log()


def test_every_way_to_fail_counts(start, origin):
    for verdict in (3, 77, 1, 2):  # FAIL, no verdict, REPLIED without a reply, SUSPEND without a ticket
        proxy = start(in_chain(origin, instance("it", "junk_verdict", quarantine=LONG)))
        assert [ask(proxy, hook="on_route", verdict=verdict).status for _ in range(4)] == [500, 500, 500, 503]


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_a_handler_that_is_out_answers_503_whatever_the_policy(policy, start, origin):
    routes = [{"match": {"prefix": "/handled"}, "handler": "it"}, {"match": {"prefix": "/"}, "cluster": "origin"}]
    configuration = in_chain(origin, routes=routes)
    configuration["plugins"] = [instance("it", "throws", on_failure=policy, quarantine=LONG)]
    proxy = start(configuration)
    for _ in range(3):
        assert ask(proxy, "/handled", hook="on_handle", what="int").status == 500
    assert ask(proxy, "/handled").status == 503
    assert ask(proxy, "/").status == 200


def test_a_balancer_that_is_out_is_replaced_by_round_robin(start, start_origin):
    def named(name):
        async def answer(connection, request):
            connection.send(reply(name))

        return answer

    endpoints = [start_origin(named(name)) for name in (b"a", b"b")]
    configuration = {"workers": 1, "plugin_path": in_chain(endpoints[0])["plugin_path"],
                     "plugins": [instance("choose", "blocks", quarantine={"stalls": 2, "window": "60s", "backoff": "60s"})],
                     "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "app"}])],
                     "clusters": [{**cluster(*endpoints, name="app"), "balancer": {"use": "choose"}}]}
    proxy = start(configuration)
    assert {ask(proxy).body for _ in range(4)} == {b"a"}
    for _ in range(2):
        assert ask(proxy, block="pick", ms=300).status == 200
    proxy.wait_for_line(r"plugin/choose taken out for 60000 ms: 2 stalls")
    assert {ask(proxy).body for _ in range(4)} == {b"a", b"b"}


def test_a_hook_that_holds_its_worker_for_long_is_enough(start, origin):
    """One stall counts again each time it is told of: what blocks for ever is taken out while it does."""
    slow = instance("slow", "blocks", on_failure="open", quarantine={"stalls": 3, "window": "60s", "backoff": "60s"})
    proxy = start(in_chain(origin, slow))
    assert ask(proxy, block="on_request", ms=2000).status == 200
    proxy.wait_for_line(r"plugin/slow taken out for 60000 ms: 3 stalls")
    assert ask(proxy, block="on_request").status == 200  # would be for ever


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_connections_whose_beginning_it_misses(policy, start, origin):
    """Open: they go on without it. Closed: one answer, and the end, also when it takes part again by then."""
    proxy = start(failing(origin, policy, {"failures": 3, "window": "60s", "backoff": "300ms"}))
    fail(proxy)
    before = calls(proxy, "on_connection")
    with proxy.client("in") as client:
        proxy.wait_for_line("plugin/it takes part again")
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.response().status == (200 if policy == "open" else 503)
        if policy == "closed":
            client.expect_closed()
    assert calls(proxy, "on_connection") == before
    assert ask(proxy, listener="in").status == 200


def test_it_stays_out_over_a_reload_unless_it_was_changed(start, origin):
    configuration = failing(origin)
    proxy = start(configuration)
    fail(proxy)
    assert ask(proxy, listener="in").status == 503
    configuration["listeners"][0]["limits"] = {"headers": 50}
    proxy.file.write_text(json.dumps(configuration))
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line("reloaded: generation 2 is in force")
    assert ask(proxy, listener="in").status == 503
    assert number(proxy, 'cleat_plugin_quarantined{instance="it"}') == 1
    configuration["plugins"][0]["quarantine"]["failures"] = 4
    proxy.file.write_text(json.dumps(configuration))
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line("reloaded: generation 3 is in force")
    assert fail(proxy) == [500, 500, 500]
    assert ask(proxy, listener="in").status == 200
