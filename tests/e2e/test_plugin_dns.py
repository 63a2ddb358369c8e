"""plugins/dns: endpoints of clusters from DNS, as dnsmasq answers; and what servers that lie, stall or flood can do: nothing to the proxy."""
# ctest: threads
# ctest: timeout 300

import json
import re
import socket
import subprocess
import threading

import pytest
from dns_server import A, AAAA, CNAME, Dnsmasq, Scripted, answer, asked, encode, record
from processes import wait_until
from proxy import BUILD, listener, run

FAST = {"timeout": "300ms", "tries": 2, "ttl": {"min": "50ms", "max": "1s"}, "retry": {"min": "50ms", "max": "100ms"}}


def resolving(server, settings=None, clusters=(), routes=None, **discovery):
    """One listener whose requests go to the cluster "app", whose name is app.example; and /clusters of the admin plugin on another."""
    app = {"name": "app", "discovery": {"use": "dns", "config": {"name": "app.example", **discovery}}, "connect_timeout": "2s"}
    return {"workers": 1,
            "plugins": [{"name": "dns", "use": "dns", "config": {"servers": [server.address], **FAST, **(settings or {})}}, {"name": "admin", "use": "admin"}],
            "listeners": [listener(routes or [{"match": {"prefix": "/"}, "cluster": "app"}]), listener([{"match": {"prefix": "/"}, "handler": "admin"}], name="admin")],
            "clusters": [app, *clusters]}


def ask(proxy, target="/", name="in"):
    with proxy.client(name) as client:
        return client.get(target, host="localhost")


def endpoints(proxy, of="app"):
    found = json.loads(ask(proxy, "/clusters", "admin").body)
    return sorted(one["address"] for each in found if each["name"] == of for one in each["endpoints"])


def numbers(proxy, prefix="cleat_dns"):
    lines = ask(proxy, f"/stats?prefix={prefix}", "admin").body.decode().splitlines()
    return {name: int(value) for name, value in (line.rsplit(" ", 1) for line in lines) if value.isdigit()}


def count(proxy, result):
    return sum(value for name, value in numbers(proxy).items() if name.startswith("cleat_dns_queries_total{") and f'result="{result}"' in name)


def test_requests_go_where_the_name_points(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"app.example": ["127.0.0.1"]}) as server:
        proxy = start(resolving(server, port=origin.port))
        assert ask(proxy).body == b"ok", proxy.log()
        assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"]


def test_both_families_are_taken_as_asked_for(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"app.example": ["127.0.0.1", "127.0.0.2", "2001:db8::1"]}) as server:
        four, six = [f"127.0.0.{i}:{origin.port}" for i in (1, 2)], [f"[2001:db8::1]:{origin.port}"]
        for family, wanted in (("prefer_v4", four), ("prefer_v6", six), ("v4", four), ("v6", six), ("all", sorted(four + six))):
            assert endpoints(start(resolving(server, port=origin.port, family=family))) == wanted, family


def test_a_change_is_followed_when_its_ttl_is_over_and_without_a_rebuild(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"app.example": ["127.0.0.1"]}) as server:
        proxy = start(resolving(server, port=origin.port))
        assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"]
        server.change({"app.example": ["127.0.0.1", "127.0.0.3"]})
        wait_until(lambda: endpoints(proxy) == [f"127.0.0.1:{origin.port}", f"127.0.0.3:{origin.port}"], "the new address")
        assert "generation 2" not in proxy.log()


def test_when_the_server_is_gone_or_the_name_is_what_was_known_last_stays(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"app.example": ["127.0.0.1"]}) as server:
        proxy = start(resolving(server, port=origin.port))
        known = endpoints(proxy)
        server.change({})
        wait_until(lambda: count(proxy, "no_name") + count(proxy, "no_records") > 1, "the name to be gone")
        assert endpoints(proxy) == known and ask(proxy).status == 200
        server.stop()
        wait_until(lambda: count(proxy, "timeout") + count(proxy, "unreachable") > 1, "queries that fail")
        assert endpoints(proxy) == known and ask(proxy).status == 200
        server.start()
        server.change({"app.example": ["127.0.0.1", "127.0.0.2"]})
        wait_until(lambda: len(endpoints(proxy)) == 2, "the server to be heard again")
        assert "answered again" in proxy.log()


def test_srv_says_ports_and_weights(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"one.example": ["127.0.0.1"], "far.example": ["127.0.0.9"]},
                 srv=[("_http._tcp.example", "one.example", origin.port, 10, 5), ("_http._tcp.example", "far.example", 9, 20, 5)]) as server:
        proxy = start(resolving(server, name="_http._tcp.example", type="srv"))
        assert ask(proxy).body == b"ok"
        assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"]


def test_a_name_that_nobody_knows_holds_up_nothing(start, tmp_path):
    with Dnsmasq(tmp_path, {}) as server:
        proxy = start(resolving(server, port=80, routes=[{"match": {"path": "/here"}, "reply": {"status": 204}}, {"match": {"prefix": "/"}, "cluster": "app"}]))
        assert ask(proxy, "/here").status == 204
        assert ask(proxy).status == 503
        server.change({"app.example": ["127.0.0.1"]})
        wait_until(lambda: endpoints(proxy) == ["127.0.0.1:80"], "the name to be known")


def test_an_address_needs_no_server(origin, start):
    class Nobody:
        address = "127.0.0.1:9"

    proxy = start(resolving(Nobody, name="127.0.0.1", port=origin.port))
    assert ask(proxy).body == b"ok"


def test_one_name_of_many_clusters_is_asked_for_once(origin, start):
    def say(query, _):
        return answer(query, [record(None, A, socket.inet_aton("127.0.0.1"), 3600)] if asked(query)[1] == A else [])

    with Scripted(say) as server:
        others = [{"name": f"c{i}", "discovery": {"use": "dns", "config": {"name": "App.Example.", "port": 1000 + i}}} for i in range(20)]
        proxy = start(resolving(server, {"ttl": {"min": "1s", "max": "1h"}}, clusters=others, port=origin.port))
        assert endpoints(proxy, "c19") == ["127.0.0.1:1019"]
        assert server.queries == 2  # A and AAAA


# --- what it knows outlives the instance (cleat.handover/1) ---


class Names:
    """A server of app.example in both families, for `ttl` seconds. `mute`: it says nothing, to the types in it."""

    def __init__(self, ttl):
        self.ttl, self.mute, self.address = ttl, set(), "127.0.0.1"

    def __call__(self, query, _):
        kind = asked(query)[1]
        if kind in self.mute:
            return None
        known = {A: socket.inet_aton(self.address), AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8::1")}
        return answer(query, [record(None, kind, known[kind], self.ttl)])


def other_build(folder):
    """The plugin's file with one more section: another file to the loader."""
    (folder / "extra").write_text("another build")
    subprocess.run(["objcopy", "--add-section", f"extra={folder}/extra", BUILD / "plugins/dns.so", folder / "dns.so"], check=True)
    return str(folder / "dns.so")


def reload(proxy, configuration):
    generation = len(re.findall("is in force", proxy.log())) + 2
    proxy.file.write_text(json.dumps(configuration))
    proxy.signal(1)
    proxy.wait_for_line(f"generation {generation} is in force")


class Traffic:
    """As a context manager: requests one after the other. Every one of them is answered 200."""

    def __init__(self, proxy):
        self.proxy, self.served, self.failed, self._over = proxy, 0, [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.is_set():
            try:
                assert (got := ask(self.proxy)).status == 200, got
                self.served += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                self.failed.append(repr(error))

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.served > 0 or self.failed, "the first request")
        return self

    def __exit__(self, *_):
        before = self.served
        wait_until(lambda: self.served > before or self.failed, "a request after all of it")
        self._over.set()
        self._thread.join()
        assert not self.failed, (self.failed[:3], self.proxy.log())


# A changed instance asked for every name anew, and a cluster that came with it had no endpoints while the servers were silent.
@pytest.mark.parametrize("what", ["configuration", "file"])
def test_a_changed_instance_knows_what_the_last_one_knew(what, origin, start, tmp_path):
    names = Names(ttl=3600)
    again = {"name": "again", "discovery": {"use": "dns", "config": {"name": "app.example", "port": origin.port}}}
    settings = {"ttl": {"min": "50ms", "max": "1h"}}
    with Scripted(names) as server:
        proxy = start(resolving(server, settings, port=origin.port))
        assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"]
        wait_until(lambda: count(proxy, "ok") == 2, "both families")
        queries = server.queries
        names.mute = {A, AAAA}
        with Traffic(proxy):
            for i in range(3):
                changed = resolving(server, settings, port=origin.port, clusters=[{**again, "name": f"again{i}"}])
                changed["plugins"][0]["config"]["timeout"] = f"{310 + (i if what == 'configuration' else 0)}ms"
                if what == "file":
                    changed["plugins"][0]["use"] = other_build(tmp_path) if i % 2 == 0 else "dns"
                reload(proxy, changed)
                assert endpoints(proxy) == endpoints(proxy, f"again{i}") == [f"127.0.0.1:{origin.port}"]
        assert server.queries == queries
        assert len(re.findall(r"plugin/dns took over \d+ bytes of state, format 1", proxy.log())) == 3
        assert "going on without" not in proxy.log()
        wait_until(lambda: numbers(proxy)['cleat_dns_names{instance="dns"}'] == 2, "the last instance to be gone")


# The new instance did not know the family whose queries failed, and gave a list without it.
def test_a_changed_instance_keeps_what_was_known_last_of_names_that_fail(origin, start):
    names = Names(ttl=1)
    with Scripted(names) as server:
        proxy = start(resolving(server, port=origin.port, family="all"))
        both = sorted([f"127.0.0.1:{origin.port}", f"[2001:db8::1]:{origin.port}"])
        assert endpoints(proxy) == both
        names.mute = {AAAA}
        wait_until(lambda: count(proxy, "timeout") > 1, "queries that fail")
        failed, well = count(proxy, "timeout"), count(proxy, "ok")
        reload(proxy, resolving(server, {"timeout": "290ms"}, port=origin.port, family="all"))
        wait_until(lambda: count(proxy, "timeout") > failed + 1 and count(proxy, "ok") > well + 1, "both to be asked for by the new one")
        assert endpoints(proxy) == both


def test_other_servers_are_asked_at_once_and_what_is_known_stays_meanwhile(origin, start):
    old, new = Names(ttl=3600), Names(ttl=3600)
    new.address = "127.0.0.2"
    new.mute = {A, AAAA}
    settings = {"ttl": {"min": "50ms", "max": "1h"}}
    with Scripted(old) as first, Scripted(new) as second:
        proxy = start(resolving(first, settings, port=origin.port))
        with Traffic(proxy):
            reload(proxy, resolving(second, settings, port=origin.port))
            wait_until(lambda: second.queries > 1, "the new server to be asked")
            assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"]
        new.mute = set()
        wait_until(lambda: endpoints(proxy) == [f"127.0.0.2:{origin.port}"], "the new server's address")


# --- servers that mean no good ---


def lies(query, _):
    return answer(query, [record("other.example", A, socket.inet_aton("127.0.0.66"))])


def other_question(query, _):
    return answer(query, [record(None, A, socket.inet_aton("127.0.0.66"))], question=encode("other.example") + b"\0\1\0\1")


def garbage(query, _):
    return query[:2] + b"\x81\x80" + bytes(range(200))


def stalls(*_):
    return None


def circle(query, _):
    return answer(query, [record(None, CNAME, encode("b.example")), record("b.example", CNAME, encode("app.example"))])


def refuses(query, _):
    return answer(query, flags=0x8185)


@pytest.mark.parametrize("say", [lies, other_question, garbage, stalls, circle, refuses])
def test_no_endpoint_comes_from_a_server_that_lies_and_nothing_waits_for_it(say, start):
    with Scripted(say) as server:
        proxy = start(resolving(server, port=80, routes=[{"match": {"path": "/here"}, "reply": {"status": 204}}, {"match": {"prefix": "/"}, "cluster": "app"}]))
        wait_until(lambda: sum(v for k, v in numbers(proxy).items() if k.startswith("cleat_dns_queries_total{")) > 3, "some queries to end")
        assert endpoints(proxy) == [] and ask(proxy).status == 503 and ask(proxy, "/here").status == 204


def test_thousands_of_records_come_by_tcp_and_are_cut(start):
    def say(query, tcp):
        if asked(query)[1] != A:
            return answer(query)
        if not tcp:
            return answer(query, flags=0x8380)  # truncated
        return answer(query, [record(None, A, bytes([127, 1, i >> 8, i & 255])) for i in range(4000)])

    with Scripted(say) as server:
        proxy = start(resolving(server, {"records": 100}, port=80))
        assert len(endpoints(proxy)) == 100
        assert numbers(proxy)['cleat_dns_answers_cut_total{instance="dns"}'] >= 1


def test_a_reload_that_changes_the_name_follows_the_new_one(origin, start, tmp_path):
    with Dnsmasq(tmp_path, {"app.example": ["127.0.0.1"], "new.example": ["127.0.0.2"]}) as server:
        proxy = start(resolving(server, port=origin.port))
        proxy.file.write_text(json.dumps(resolving(server, port=origin.port, name="new.example")))
        proxy.signal(1)
        wait_until(lambda: endpoints(proxy) == [f"127.0.0.2:{origin.port}"], "the new name's address")
        wait_until(lambda: numbers(proxy)['cleat_dns_names{instance="dns"}'] == 2, "the old name to be forgotten")


# The refused reload's watch had spoken for the cluster, and nobody did after it: its address stayed for ever.
@pytest.mark.parametrize("name, known", [("new.example", True), ("127.0.0.2", True), ("127.0.0.2", False)])
def test_a_refused_reload_changes_no_endpoints_and_the_name_is_followed_on(name, known, origin, start, tmp_path):
    hosts = {"app.example": ["127.0.0.1"]} if known else {}
    with Dnsmasq(tmp_path, {**hosts, "new.example": ["127.0.0.2"]}) as server:
        new = {"name": "new", "discovery": {"use": "dns", "config": {"name": "new.example", "port": 1}}}  # its address is known already
        proxy = start(resolving(server, port=origin.port, clusters=[new]))
        before = endpoints(proxy)
        assert before == ([f"127.0.0.1:{origin.port}"] if known else [])
        wrong = {"name": "wrong", "discovery": {"use": "dns", "config": {"name": "a b", "port": 1}}}
        proxy.file.write_text(json.dumps(resolving(server, port=origin.port, name=name, clusters=[new, wrong])))
        proxy.signal(1)
        proxy.wait_for_line("the reload was refused, nothing has changed")
        wait_until(lambda: endpoints(proxy) == before, "the endpoints from before")
        server.change({"app.example": ["127.0.0.3"], "new.example": ["127.0.0.2"]})
        wait_until(lambda: endpoints(proxy) == [f"127.0.0.3:{origin.port}"], "the new address")


# With the time-outs that are the default, both: the start went on without endpoints after 5 s, they came after 14.
def test_a_family_that_stalls_does_not_hold_up_the_other(origin, start):
    def say(query, _):
        return answer(query, [record(None, A, socket.inet_aton("127.0.0.1"))]) if asked(query)[1] == A else None

    with Scripted(say) as server:
        for family in ("prefer_v4", "all"):
            proxy = start(resolving(server, {"timeout": "20s", "tries": 3}, port=origin.port, family=family))
            assert "going on without" not in proxy.log()
            assert endpoints(proxy) == [f"127.0.0.1:{origin.port}"] and ask(proxy).body == b"ok"


@pytest.mark.parametrize("settings, discovery, why", [
    ({"servers": ["nowhere"]}, {"port": 80}, r"no address of a server"),
    ({"tries": 0}, {"port": 80}, r"config\.tries"),
    ({"ttl": {"min": "10s", "max": "1s"}}, {"port": 80}, r"min is more than max"),
    ({"timeout": "60s", "tries": 10}, {"port": 80}, r"would take 61380s, more than 5m"),
    ({}, {"port": 80, "name": "10.0.0.256"}, r"no name of a host"),
    ({}, {}, r'"port" is required'),
    ({}, {"port": 80, "name": "a b"}, r"no name of a host"),
    ({}, {"port": 80, "type": "srv"}, r"an SRV record says it"),
    ({}, {"port": 80, "family": "v5"}, r"must be one of: prefer_v4"),
    ({"servres": ["127.0.0.1"]}, {"port": 80}, r"config\.servres: unknown key"),
])
def test_mistakes_are_told_at_their_place(settings, discovery, why, tmp_path):
    class Server:
        address = "127.0.0.1:53"

    config = resolving(Server, settings, **discovery)
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(config))
    done = run("run", "-c", file)
    assert done.returncode == 2, done.stderr
    assert re.search(why, done.stderr) and re.search(r"cleat\.yaml:\d+:\d+: ", done.stderr), done.stderr
