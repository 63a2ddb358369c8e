"""cleat.kv/1 through a plugin: state that two instances and all workers share, and that outlives reloads and replaced instances."""
# ctest: threads
# ctest: wires h2down+h2up+tls

import json

import pytest
from load import Load
from processes import wait_until
from proxy import BUILD, listener

STALE, INVALID, NOT_FOUND, LIMIT = "-1", "-2", "-3", "-5"


def configuration(mark="", workers=2, **others):
    plugins = [{"name": name, "use": "keeps_state", "config": {"mark": mark}} for name in ("one", "two")]
    return {"workers": workers, "plugin_path": [others.pop("path")], "plugins": plugins,
            "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 204}}], name=name, chain=[name]) for name in ("one", "two")], "clusters": [], **others}


@pytest.fixture
def config():
    return lambda **given: configuration(path=str(BUILD / "hostile_plugins"), **given)


def counts(proxy, name):
    with proxy.client(name) as client:
        return tuple(map(int, client.get("/").body.split()))


def kv(proxy, *words):
    with proxy.client("one") as client:
        return client.get("/", fields=f"x-kv: {' '.join(words)}\r\n").body.decode().strip()


def test_an_instance_has_its_own_and_all_of_a_plugin_share(start, config):
    proxy = start(config())
    assert [counts(proxy, "one"), counts(proxy, "two"), counts(proxy, "one")] == [(1, 1), (1, 2), (2, 3)]


def test_state_outlives_reloads_and_instances_that_are_replaced(start, config):
    proxy = start(config())
    counts(proxy, "one")
    for number, mark in enumerate(["", "new", "newer"], 2):
        proxy.file.write_text(json.dumps(config(mark=mark, log_level="info" if number % 2 else "debug")))
        proxy.signal(1)
        proxy.wait_for_line(rf"generation {number} is in force")
        assert counts(proxy, "one") == (number, number)
    # The last who uses a space takes it along.
    without = config()
    without["plugins"], without["listeners"][0]["chain"], without["listeners"][1]["chain"] = [], [], []
    proxy.file.write_text(json.dumps(without))
    proxy.signal(1)
    proxy.wait_for_line(r"generation 5 is in force")
    with proxy.client("one") as client:
        assert client.get("/").status == 204
    proxy.file.write_text(json.dumps(config()))
    proxy.signal(1)
    proxy.wait_for_line(r"generation 6 is in force")
    assert counts(proxy, "one") == (1, 1)


def test_operations_and_their_refusals(start, config):
    proxy = start(config(workers=1))
    assert kv(proxy, "get", "a") == "none"
    assert kv(proxy, "cas", "a", "1") == "0" and kv(proxy, "cas", "a", "2") == STALE and kv(proxy, "get", "a") == "1"
    assert kv(proxy, "add", "a", "41") == "42" and kv(proxy, "get", "a") == "42"
    assert kv(proxy, "set", "b", "text") == "0" and kv(proxy, "add", "b", "1") == INVALID
    assert kv(proxy, "list", "a") == "a" and kv(proxy, "remove", "a") == "0" and kv(proxy, "remove", "a") == NOT_FOUND
    assert kv(proxy, "big", "c", "65537") == LIMIT and kv(proxy, "big", "c", "30000") == "0" and kv(proxy, "big", "d", "40000") == LIMIT
    assert kv(proxy, "set", "k" * 513, "v") == INVALID
    assert kv(proxy, "brief", "e", "v") == "0"
    wait_until(lambda: kv(proxy, "get", "e") == "none", "its end")


def test_counts_are_exact_over_workers_and_reloads(start, config):
    proxy = start(config())
    with Load(proxy.ports["one"], clients=8) as load:
        for number in range(2, 7):
            load.wait_for_answers(100)
            proxy.file.write_text(json.dumps(config(mark=str(number))))
            proxy.signal(1)
            proxy.wait_for_line(rf"generation {number} is in force")
    load.assert_no_failure()
    assert counts(proxy, "one")[0] == load.answered + 1
