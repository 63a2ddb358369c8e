"""cleat.config_source/1: what sources stage becomes the configuration, all at once or not at all; endpoints change without a rebuild."""
# ctest: threads

import json
import re
import signal

import pytest
import wire
from origin import reply
from proxy import cluster, listener
from sources import Source, configuration, eventually, get, port_of, together

FIXED = {"status": 200, "body": "fixed"}


def says(text, **match):
    return {"match": match or {"prefix": "/"}, "reply": {"status": 200, "body": text}}


def generations(proxy):
    return len(re.findall(r": generation \d+ is in force", proxy.log()))


def reload(proxy, config):
    before = proxy.log().count("reloaded: generation")
    proxy.file.write_text(json.dumps(config))
    proxy.signal(signal.SIGHUP)
    eventually(lambda: proxy.log().count("reloaded: generation") > before, f"a reload:\n{proxy.log()}")


@pytest.fixture
def named_origin(start_origin):
    """named_origin(text): an origin that answers with that text."""

    def start_one(text):
        async def handler(connection, _):
            connection.send(reply(text.encode()))

        return start_origin(handler)

    return start_one


def test_a_commit_brings_a_listener_its_routes_and_their_cluster_at_once(origin, start):
    proxy = start(configuration())
    source = Source(proxy)
    assert source.version() == 0
    assert source.accepted(("listener", "dyn", {"address": "127.0.0.1:0", "route_table": "web"}),
                           ("route_table", "web", {"routes": [says("fixed", path="/fixed"), {"match": {"prefix": "/"}, "cluster": "app"}]}),
                           ("cluster", "app", {"endpoints": [origin.address]})) == 1
    port = port_of(proxy, "dyn")
    assert get(port) == (200, b"ok") and get(port, "/fixed") == (200, b"fixed")
    assert source.accepted(("route_table", "web", {"routes": [says("changed")]})) == 2
    assert get(port) == (200, b"changed") and source.version() == 2
    assert source.accepted(("listener", "dyn", None)) == 3
    with pytest.raises(ConnectionRefusedError):
        get(port)


def test_a_refused_commit_changes_nothing_and_says_why_and_where(origin, start):
    proxy = start(configuration())
    source = Source(proxy)
    source.accepted(("listener", "dyn", {"address": "127.0.0.1:0", "routes": [says("one")]}))
    port = port_of(proxy, "dyn")
    why = source.refused(("listener", "dyn", {"address": "127.0.0.1:0", "routes": [says("two")]}),
                         ("cluster", "bad", "endpoints: [nonsense]\nidle_timeout: 3 parsecs\n"),
                         ("route_table", "web", "routes: ["))
    assert "s/clusters/bad:1:13: endpoints[0]: must be ip:port" in why and "s/clusters/bad:2:15: idle_timeout:" in why
    assert "s/route_tables/web:" in why
    why = source.refused(("route_table", "web", {"routes": [{"match": {"prefix": "/"}, "cluster": "nowhere"}]}))
    assert 's/route_tables/web:1:51: routes[0].cluster: there is no cluster "nowhere"' in why
    assert get(port) == (200, b"one") and source.version() == 1 and generations(proxy) == 1


def test_what_plugins_refuse_is_refused_at_its_place(start):
    proxy = start(configuration())
    why = Source(proxy).refused(("cluster", "c", {"discovery": {"use": "s", "config": {"refuse": True, "note": "x"}}}))
    assert re.search(r's/clusters/c:1:1: .*watch of "s" failed: refused as asked', why), why
    why = Source(proxy).refused(("cluster", "c", {"discovery": {"use": "s", "config": {"nots": "x"}}}))
    assert "discovery.config.nots: unknown key (did you mean \"note\"?)" in why


def test_names_have_one_owner(start):
    proxy = start(configuration({"name": "s"}, {"name": "t"}, clusters=[cluster("127.0.0.1:1", name="fixed")]))
    s, t = Source(proxy), Source(proxy, "t")
    assert re.search(r'a cluster named "fixed" is already at .*cleat.yaml:\d+:\d+', s.refused(("cluster", "fixed", {"endpoints": []})))
    s.accepted(("cluster", "mine", {"endpoints": []}))
    assert 't/clusters/mine:1:1: a cluster named "mine" is already at s/clusters/mine:1:1' in t.refused(("cluster", "mine", {"endpoints": []}))
    t.accepted(("route_table", "web", {"routes": [{"match": {"prefix": "/"}, "cluster": "mine"}]}))
    assert "t/route_tables/web" in s.refused(("cluster", "mine", None))


def test_replace_removes_what_it_does_not_stage_and_only_of_its_own(start):
    proxy = start(configuration({"name": "s"}, {"name": "t"}))
    s, t = Source(proxy), Source(proxy, "t")
    s.accepted(("cluster", "a", {"endpoints": []}), ("cluster", "b", {"endpoints": []}))
    t.accepted(("cluster", "c", {"endpoints": []}))
    s.accepted(("cluster", "b", {"endpoints": []}), replace=True)
    refused = t.refused(("route_table", "web", {"routes": [{"match": {"path": "/" + name}, "cluster": name} for name in "abc"]}))
    assert refused.count("there is no cluster") == 1 and '"a"' in refused


def test_of_commits_that_wait_together_each_gets_its_own_answer(start):
    proxy = start(configuration())
    source = Source(proxy)

    def one(i):
        document = {"endpoints": ["nonsense" if i % 5 == 3 else f"127.0.0.1:{i + 1}"]}
        return lambda: source.commit(("cluster", f"c{i}", document))

    answers = together(*(one(i) for i in range(20)))
    for i, (status, text) in enumerate(answers):
        assert status == (409 if i % 5 == 3 else 200), (i, text)
        if status == 409:
            assert f"s/clusters/c{i}:" in text and text.count("s/clusters/") == 1, text
    assert sorted(int(text.split()[1]) for status, text in answers if status == 200) == list(range(1, 17))


def test_endpoints_change_without_a_generation_and_stay_through_later_ones(named_origin, start):
    one, two = named_origin("one"), named_origin("two")
    proxy = start(configuration(clusters=[cluster("127.0.0.1:1", name="fixed")]))
    source = Source(proxy)
    routes = [{"match": {"prefix": "/"}, "cluster": "app"}]
    source.accepted(("cluster", "app", {"endpoints": []}), ("listener", "dyn", {"address": "127.0.0.1:0", "routes": routes}))
    port, before = port_of(proxy, "dyn"), generations(proxy)
    assert get(port)[0] == 503
    assert source.endpoints("app", one.address) == 0
    eventually(lambda: get(port) == (200, b"one"), "the first endpoint")
    assert source.endpoints("app", two.address) == 0
    eventually(lambda: get(port) == (200, b"two"), "the second")
    assert source.endpoints("app", (one.address, 3, False), (two.address, 1, True)) == 0
    eventually(lambda: [get(port) for _ in range(8)] == [(200, b"two")] * 8, "the healthy one alone")
    assert generations(proxy) == before

    source.accepted(("cluster", "app", {"endpoints": [], "connect_timeout": "2s"}), ("cluster", "other", {"endpoints": []}))
    reload(proxy, json.loads(proxy.file.read_text()))
    assert get(port) == (200, b"two")

    assert source.endpoints("app") == 0
    eventually(lambda: get(port)[0] == 503, "none")
    assert source.endpoints("fixed", one.address) == -3 and source.endpoints("nowhere", one.address) == -3
    for wrong in (("nonsense", 1, True), ("127.0.0.1:0", 1, True), (one.address, 0, True), (one.address, 65536, True)):
        assert source.endpoints("app", wrong) == -2
    assert source.endpoints("app", one.address, one.address) == -2


def test_discovery_asks_its_plugin_once_for_each_new_or_changed_cluster(named_origin, start):
    one = named_origin("one")

    def config(note, on_watch=(one.address,)):
        wants = {"name": "app", "discovery": {"use": "s", "config": {"note": note}}}
        return configuration({"name": "s", "config": {"on_watch": list(on_watch)}}, clusters=[wants],
                             listeners=[listener([{"match": {"prefix": "/"}, "cluster": "app"}], name="in")])

    proxy = start(config("first"))
    source = Source(proxy)
    assert get(proxy.ports["in"]) == (200, b"one"), "it was ready before it had endpoints"
    assert source.watches() == ["watch app first"]
    source.accepted(("cluster", "other", {"endpoints": []}))
    reload(proxy, config("first"))
    assert source.watches() == ["watch app first"]
    reload(proxy, config("second"))
    assert get(proxy.ports["in"]) == (200, b"one")
    eventually(lambda: source.watches() == ["watch app first", "watch app second", "unwatch app"], "the old watch's end")


def test_a_generation_waits_for_the_first_endpoints_of_its_new_clusters(named_origin, start):
    one = named_origin("one")
    old = listener([says("old")], name="in")
    new = listener([{"match": {"prefix": "/"}, "cluster": "app"}], name="in")
    proxy = start(configuration(listeners=[old]))
    source = Source(proxy)
    proxy.file.write_text(json.dumps(configuration(listeners=[new], clusters=[{"name": "app", "discovery": {"use": "s"}}])))
    proxy.signal(signal.SIGHUP)
    eventually(lambda: source.watches() == ["watch app"], "the watch")
    assert get(proxy.ports["in"]) == (200, b"old") and generations(proxy) == 0
    assert source.endpoints("app", one.address) == 0
    proxy.wait_for_line(r"reloaded: generation 2 is in force")
    assert get(proxy.ports["in"]) == (200, b"one")


def test_a_generation_does_not_wait_for_ever(start):
    proxy = start(configuration())
    Source(proxy).accepted(("cluster", "app", {"discovery": {"use": "s"}}))
    proxy.wait_for_line("some clusters have no endpoints yet: going on without")


def test_resources_leave_with_their_instance(start):
    both = configuration({"name": "s"}, {"name": "t"})
    proxy = start(both)
    Source(proxy, "t").accepted(("listener", "dyn", {"address": "127.0.0.1:0", "routes": [says("t")]}))
    port = port_of(proxy, "dyn")
    reload(proxy, configuration({"name": "s"}))
    with pytest.raises(ConnectionRefusedError):
        get(port)
    reload(proxy, both)
    assert Source(proxy, "t").version() == 0


def test_resources_stay_when_their_instance_is_made_anew(start):
    proxy = start(configuration())
    Source(proxy).accepted(("listener", "dyn", {"address": "127.0.0.1:0", "routes": [says("one")]}))
    port = port_of(proxy, "dyn")
    reload(proxy, configuration({"name": "s", "config": {"at_create": "endpoints: []"}}))
    proxy.wait_for_line(r"plugin/s at create: status 0")
    assert get(port) == (200, b"one")
    assert Source(proxy).accepted(("listener", "dyn", {"address": "127.0.0.1:0", "routes": [says("two")]})) == 3
    assert get(port) == (200, b"two")


def test_a_commit_made_in_create_takes_effect_once_the_instance_is_in_force(start):
    proxy = start(configuration({"name": "s", "config": {"at_create": "endpoints: [127.0.0.1:7]"}}))
    proxy.wait_for_line(r"plugin/s at create: status 0")
    assert Source(proxy).version() == 1
    refused = configuration({"name": "s", "config": {"at_create": "endpoints: [127.0.0.1:8]"}}, clusters=[cluster(name="x", balancer={"use": "no"})])
    proxy.file.write_text(json.dumps(refused))
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line(r"the reload was refused")
    assert Source(proxy).version() == 1, "of an instance that never came to be"


def test_secrets_are_checked_and_never_shown(start):
    proxy = start(configuration())
    source = Source(proxy)
    why = source.refused(("secret", "server", {"certificate": "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n",
                                               "key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"}))
    assert "s/secrets/server:1:" in why and "holds no certificate" in why and "holds no private key" in why
    assert "c2VjcmV0" not in why and "c2VjcmV0" not in proxy.log()


def test_requests_go_on_through_a_hundred_commits(origin, start):
    routes = [{"match": {"prefix": "/"}, "cluster": "app"}]
    proxy = start(configuration(listeners=[listener(routes, name="in")], clusters=[cluster(origin, name="app")]))
    source = Source(proxy)

    def commits():
        return [source.accepted(("cluster", f"c{i % 7}", {"endpoints": [f"127.0.0.1:{i + 1}"]})) for i in range(100)]

    def requests():
        statuses = []
        with wire.Client(proxy.ports["in"]) as client:
            for _ in range(300):
                statuses.append(client.get().status)
        return statuses

    versions, statuses = together(commits, requests)
    assert versions == list(range(1, 101)) and statuses == [200] * 300
