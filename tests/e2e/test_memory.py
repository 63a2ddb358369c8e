"""A plugin that takes memory without end: over memory_max exchanges that begin are refused, operators' listeners serve on, and it ends by itself
once the memory is given back. What a plugin has taken the kernel cannot take from it."""

import re

import pytest
from processes import wait_until
from proxy import BUILD, SANITIZED, cluster, listener

pytestmark = pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer's own memory is no measure")


def config(origin):
    operators = listener([{"match": {"path": "/give"}, "reply": {"status": 204}}, {"match": {"prefix": "/"}, "handler": "numbers"}], name="operators", chain=["hoards"],
                         limits={"ignore_memory_max": True})
    return {"workers": 1, "memory_max": "96MiB", "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": "hoards", "use": "hoards"}, {"name": "numbers", "use": "stats"}],
            "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}], chain=["hoards"]), operators,
                          {"name": "raw", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin"}],
            "clusters": [cluster(origin)]}


def ask(proxy, target="/", listener="in", **asked):
    with proxy.client(listener) as client:
        return client.get(target, fields="".join(f"x-{name}: {value}\r\n" for name, value in asked.items()))


def bites(proxy, name):
    lines = ask(proxy, listener="operators").body.decode().splitlines()
    found = [line for line in lines if line.startswith("cleat_limit_hits_total{") and f'listener="{name}"' in line and 'limit="memory_max"' in line]
    return int(found[0].rsplit(" ", 1)[1]) if found else 0


def test_over_the_budget_requests_are_refused_until_it_is_kept_again(proxy, origin):
    for _ in range(2):
        assert ask(proxy, listener="in").status == 200
        before = proxy.log().count("over the memory budget"), proxy.log().count("within the memory budget again")
        assert ask(proxy, listener="in", take=128).status == 200  # it has begun, and goes on
        wait_more(proxy, "over the memory budget", before[0])
        refused = ask(proxy, listener="in")
        assert refused.status == 503 and b"memory budget" in refused.body and refused.get("connection") == "close"
        with proxy.client("raw") as client:
            client.expect_closed()
        assert ask(proxy, listener="operators").status == 200 and bites(proxy, "in") >= 1 and bites(proxy, "raw") >= 1
        assert ask(proxy, "/give", listener="operators", give=1).status == 204
        wait_more(proxy, "within the memory budget again", before[1])
        assert ask(proxy, listener="in").status == 200


def wait_more(proxy, what, before):
    wait_until(lambda: proxy.log().count(what) > before, what)


def test_a_connection_that_is_kept_is_refused_with_its_next_request(proxy, origin):
    with proxy.client("in") as client:
        assert client.get("/", fields="x-take: 128\r\n").status == 200
        wait_more(proxy, "over the memory budget", 0)
        answers = []
        while not answers or answers[-1] == 200:
            answers.append(client.get("/").status)
        assert answers[-1] == 503
        client.expect_closed()
    assert ask(proxy, "/give", listener="operators", give=1).status == 204
    assert re.search(r"\d+ MiB are resident, memory_max is 96 MiB", proxy.log())
