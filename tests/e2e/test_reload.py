"""SIGHUP: the next configuration is built beside the old and taken over between two events. Nothing in flight notices, a configuration
that is wrong changes nothing, and plugin instances of which nothing changed live on."""
# ctest: threads

import json
import re
import signal
import threading
import time

import pytest
import wire
from handed_port import free_port
from origin import reply
from proxy import BUILD, cluster, listener


def configuration(origin, mark="one", keep="kept", listeners=None, **others):
    """Two instances of one plugin: `changing` has the mark, `kept` stays as it is unless a test says otherwise."""
    routes = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 2, "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": "kept", "use": "lifecycle", "config": {"mark": keep}},
                        {"name": "changing", "use": "lifecycle", "config": {"mark": mark}}],
            "listeners": listeners or [listener(routes, chain=["kept", "changing"])],
            "clusters": [cluster(origin)], **others}


def reload(proxy, config, expect=r"reloaded: generation \d+ is in force"):
    before = len(re.findall(expect, proxy.log()))
    proxy.file.write_text(config if isinstance(config, str) else json.dumps(config))
    proxy.signal(signal.SIGHUP)
    end = time.monotonic() + wire.DEADLINE_S
    while len(re.findall(expect, proxy.log())) <= before:
        assert time.monotonic() < end, f"no line like {expect!r}:\n{proxy.log()}"
        time.sleep(0.01)


def said(proxy, text):
    return len(re.findall(re.escape(text), proxy.log()))


def wait_said(proxy, text, times):
    end = time.monotonic() + wire.DEADLINE_S
    while said(proxy, text) < times:
        assert time.monotonic() < end, f"not {times} times {text!r}:\n{proxy.log()}"
        time.sleep(0.01)
    assert said(proxy, text) == times, proxy.log()


def mark(client, target="/"):
    return client.get(target).get("x-mark")


def plain(origin, name="in", address="127.0.0.1:0", chain=("changing",)):
    return listener([{"match": {"prefix": "/"}, "cluster": "origin"}], name=name, address=address, chain=list(chain))


def test_a_new_connection_gets_the_new_configuration(origin, start):
    proxy = start(configuration(origin))
    with proxy.client() as client:
        assert mark(client) == "kept"
    reload(proxy, configuration(origin, keep="new"))
    with proxy.client() as client:
        assert mark(client) == "new"


def test_a_kept_alive_connection_goes_on_in_the_new_configuration(origin, start):
    routes = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "one"}}]
    base = {"workers": 1, "listeners": [listener(routes)]}
    proxy = start(base)
    with proxy.client() as client:
        assert client.get().body == b"one"
        routes[0]["reply"]["body"] = "two"
        reload(proxy, base)
        answer = client.get()
        assert answer.body == b"two" and not answer.has("connection")


def test_a_connection_stays_where_the_plugins_that_saw_it_begin_are(origin, start):
    proxy = start(configuration(origin))
    with proxy.client() as client:
        number = client.get().get("x-number")
        reload(proxy, configuration(origin, mark="two"))
        answer = client.get()
        assert answer.get("connection") == "close"
        assert answer.get("x-number") == number
        client.expect_closed()
    wait_said(proxy, "on_connection_end 2 one", 1)
    wait_said(proxy, "destroy 2 one", 1)
    assert said(proxy, "destroy 1") == 0


def test_a_connection_moves_on_when_its_plugins_do(origin, start):
    proxy = start(configuration(origin))
    with proxy.client() as client:
        client.get()
        reload(proxy, configuration(origin, clusters=[cluster(origin, connect_timeout="3s")]))
        assert not client.get().has("connection")
    wait_said(proxy, "on_connection_end 1 kept", 1)
    wait_said(proxy, "on_connection_end 2 one", 1)
    assert said(proxy, "on_connection 1") == 1


def test_an_instance_of_which_nothing_changed_lives_on(origin, start):
    proxy = start(configuration(origin))
    wait_said(proxy, "worker_start 1 kept", 2)
    reload(proxy, configuration(origin, mark="two"))
    wait_said(proxy, "worker_start 3 two", 2)
    wait_said(proxy, "worker_stop 2 one", 2)
    wait_said(proxy, "destroy 2 one", 1)
    assert said(proxy, "worker_start 1") == 2 and said(proxy, "worker_stop 1") == 0 and said(proxy, "destroy 1") == 0
    proxy.stop()
    for what in ("worker_stop 1 kept", "worker_stop 3 two"):
        assert said(proxy, what) == 2
    assert said(proxy, "destroy 1") == 1 and said(proxy, "destroy 3") == 1


def test_an_exchange_in_flight_ends_in_the_old_configuration(origin, start):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"finished"))

    origin.handler = handler
    proxy = start(configuration(origin))
    with proxy.client() as client:
        client.send(GET)
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        reload(proxy, configuration(origin, keep="new", mark="new", clusters=[],
                                    listeners=[listener([{"match": {"prefix": "/"}, "reply": {"status": 204}}], chain=["kept", "changing"])]))
        assert said(proxy, "destroy") == 0
        origin.set_event(release)
        answer = client.response()
        assert answer.status == 200 and answer.body == b"finished" and answer.get("x-mark") == "kept"
        client.expect_closed()
    wait_said(proxy, "destroy 1 kept", 1)
    wait_said(proxy, "destroy 2 one", 1)


GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

REFUSED = r"the reload was refused, nothing has changed"


@pytest.mark.parametrize("what, expected", [
    ("syntax", r":\d+:\d+: "),
    ("unknown key", r"cleat\.yaml:\d+:\d+: listeners\[0\]\.rotues: unknown key.*did you mean \"routes\""),
    ("plugin missing", r"no plugin file lifecyle\.so.*did you mean \"lifecycle\""),
    ("plugin config", r"unknown key.*did you mean \"mark\""),
    ("port in use", r"listener more: bind .*Address already in use"),
    ("file gone", r"cleat\.yaml: "),
])
def test_a_refused_reload_changes_nothing_and_says_why(origin, start, what, expected):
    proxy = start(configuration(origin))
    wrong = configuration(origin, keep="new")
    if what == "syntax":
        wrong = "listeners: [\n"
    elif what == "unknown key":
        wrong["listeners"][0]["rotues"] = wrong["listeners"][0].pop("routes")
    elif what == "plugin missing":
        wrong["plugins"][1]["use"] = "lifecyle"
    elif what == "plugin config":
        wrong["plugins"][1]["config"] = {"mrak": "x"}
    elif what == "port in use":
        wrong["listeners"].append(listener([], name="more", address=origin.address))
    if what == "file gone":
        proxy.file.unlink()
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line(REFUSED)
    else:
        reload(proxy, wrong, REFUSED)
    assert re.search(expected, proxy.log()), proxy.log()
    with proxy.client() as client:
        assert mark(client) == "kept"
    # What the refused one had made by then is gone again, and the next good one is taken.
    reload(proxy, configuration(origin, keep="good"))
    with proxy.client() as client:
        assert mark(client) == "good"


def test_listeners_come_go_and_move(origin, start):
    proxy = start(configuration(origin, listeners=[plain(origin, "a"), plain(origin, "b")]))
    before = proxy.client("b")
    assert mark(before) == "one"
    reload(proxy, configuration(origin, listeners=[plain(origin, "a"), plain(origin, "c")], log_level="debug"))
    line = proxy.wait_for_line(r"listening on \S+:\d+ \(listener c\)")
    proxy.ports["c"] = int(re.search(r":(\d+) \(listener c\)", line)[1])
    with proxy.client("a") as client:
        assert mark(client) == "one"
    with proxy.client("c") as client:
        assert mark(client) == "one"
    answer = before.get()  # its listener is gone: one more answer, and the end
    assert answer.get("x-mark") == "one" and answer.get("connection") == "close"
    before.expect_closed()
    with pytest.raises(OSError):
        proxy.client("b").get()


def test_a_listener_may_get_another_name_while_it_serves(origin, start):
    fixed = start(configuration(origin, listeners=[plain(origin, "first", "127.0.0.1:" + str(free_port()))]))
    with fixed.client("first") as client:
        assert mark(client) == "one"
        reload(fixed, configuration(origin, listeners=[plain(origin, "second", f"127.0.0.1:{fixed.port}")]))
        assert not client.get().has("connection")


def test_a_storm_of_reloads_is_coalesced_and_the_last_configuration_wins(origin, start):
    proxy = start(configuration(origin))
    for i in range(200):
        proxy.file.write_text(json.dumps(configuration(origin, keep=f"storm{i}")))
        proxy.signal(signal.SIGHUP)
    end = time.monotonic() + wire.DEADLINE_S
    while True:
        with proxy.client() as client:
            if mark(client) == "storm199":
                break
        assert time.monotonic() < end, proxy.log()
    assert said(proxy, "is in force") <= 200


def test_nothing_fails_while_it_reloads(origin, start):
    proxy = start(configuration(origin))
    failures, stop, served = [], threading.Event(), [0] * 4

    def client_thread(number):
        while not stop.is_set():
            try:
                with proxy.client() as client:
                    for _ in range(20):
                        answer = client.get()
                        assert answer.status == 200, answer
                        served[number] += 1
                        if answer.get("connection") == "close":
                            break
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                failures.append(repr(error))
                return

    threads = [threading.Thread(target=client_thread, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for i in range(20):
        reload(proxy, configuration(origin, mark=f"m{i}", keep="kept" if i % 3 else f"k{i}"))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert min(served) > 0


def test_a_watched_file_is_reloaded_when_it_changes(origin, start):
    proxy = start(configuration(origin, watch="20ms"))
    proxy.file.write_text(json.dumps(configuration(origin, keep="seen", watch="20ms")))
    proxy.wait_for_line(r"has changed: reloading")
    proxy.wait_for_line(r"generation 2 is in force")
    with proxy.client() as client:
        assert mark(client) == "seen"


def test_a_tunnel_goes_on_in_its_own_generation(origin, start):
    async def handler(connection, _):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        while data := await connection.read_some():
            connection.send(data)

    origin.handler = handler
    proxy = start(configuration(origin))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        assert client.response().status == 101
        reload(proxy, configuration(origin, keep="new", mark="new"))
        client.send(b"still here")
        assert client.read(10) == b"still here"
        assert said(proxy, "destroy") == 0
    wait_said(proxy, "destroy 1 kept", 1)


def test_a_reload_while_draining_is_not_made(origin, start):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"finished"))

    origin.handler = handler
    proxy = start(configuration(origin))
    with proxy.client() as client:
        client.send(GET)
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        proxy.signal(signal.SIGTERM)
        proxy.wait_for_line(r"kernel draining")
        proxy.file.write_text(json.dumps(configuration(origin, keep="new")))
        proxy.signal(signal.SIGHUP)
        origin.set_event(release)
        assert client.response().body == b"finished"
    proxy.stop()
    assert said(proxy, "is in force") == 0 and said(proxy, "create 3") == 0
