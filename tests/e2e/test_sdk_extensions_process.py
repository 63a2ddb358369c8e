"""The extensions in the Rust and Go SDKs that steer the process, or look at it: balancer, config_source, control, handover, metrics, tls.
As test_sdk_extensions.py."""
# ctest: timeout 300

import json
import re
import socket
import ssl

import pytest
import sdk
import wire
from certificates import Authority
from origin import ClosedPort, reply
from processes import wait_until
from proxy import BUILD, Proxy, cluster, listener
from sdk_extensions import build, config, do, reload
from sources import eventually, get, port_of


@pytest.fixture(scope="module", params=["rust", "go"])
def plugin(request, tmp_path_factory):
    with sdk.prefix("sdk_extensions_process"):
        yield build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def shared(plugin, shared_origin, tmp_path_factory):
    proxy = Proxy({**config(plugin, shared_origin), "log_level": "debug"}, tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.stop()


@pytest.fixture
def proxy(shared, origin):
    yield shared
    assert shared.process.poll() is None, shared.log()


# --- cleat.balancer/1


@pytest.fixture
def three(start_origin):
    def named(name):
        async def answer(connection, _):
            connection.send(reply(name))

        return answer

    return [start_origin(named(name)) for name in (b"a", b"b", b"c")]


def balanced(plugin, origin, endpoints, **balancer):
    settings = config(plugin, origin)
    settings["listeners"].append(listener([{"match": {"prefix": "/"}, "cluster": "app"}], name="app"))
    settings["clusters"].append(cluster(*endpoints, name="app", balancer={"use": "one", "config": balancer}))
    return settings


def answers(proxy, count=9):
    with proxy.client("app") as client:
        return {client.get("/").body for _ in range(count)}


def test_a_plugin_chooses_endpoints_and_knows_them(plugin, origin, three, start):
    proxy = start(balanced(plugin, origin, three))
    assert answers(proxy) == {b"c"}
    addresses = ",".join(f"{one.address}*1" for one in three)
    assert do(proxy, "set") == f"app {addresses} 0 true invalid"
    settings = balanced(plugin, origin, three, pick="unhealthy")
    reload(proxy, 2, settings)
    assert answers(proxy) == {b"b"} and do(proxy, "set") == f"app {addresses} 0 false invalid"
    settings["clusters"].pop()
    settings["listeners"].pop()
    reload(proxy, 3, settings)  # what was kept of the endpoints outlives them
    wait_until(lambda: do(proxy, "set") == f"app {addresses} stale stale stale", "the end of the set")


@pytest.mark.parametrize("pick, words", [("none", "failed without saying why"), ("range", "failed without saying why"),
                                         ("panic", "panicked at .*: asked to panic in pick")])
def test_a_plugin_that_cannot_choose_is_passed_over(plugin, origin, three, start, pick, words):
    proxy = start(balanced(plugin, origin, three, pick=pick))
    assert answers(proxy, 12) == {b"a", b"b", b"c"}
    proxy.wait_for_line(rf"warn plugin/one pick: {words}")


def test_an_endpoint_that_was_tried_is_known_to_be(plugin, origin, three, start):
    settings = balanced(plugin, origin, [*three[:2], ClosedPort().address])
    settings["plugin_path"] = [str(BUILD / "plugins")]
    settings["plugins"].append({"name": "again", "use": "retry", "config": {"attempts": 2}})
    settings["listeners"][-1]["chain"] = ["again"]
    assert answers(start(settings)) == {b"b"}


def test_a_set_that_is_refused_refuses_the_configuration(plugin, origin, three, start):
    proxy = start(config(plugin, origin))
    proxy.file.write_text(json.dumps(balanced(plugin, origin, three, pick="refuse")))
    assert re.match("failed (.|\n)*refused as asked", do(proxy, "reload"))


# --- cleat.config_source/1


def document(value):
    return json.dumps(value, separators=(",", ":"))


def test_a_source_commits_and_is_refused_as_a_whole(proxy, origin):
    routes = [{"match": {"prefix": "/"}, "cluster": "app"}]
    before = int(do(proxy, "version"))
    said = do(proxy, f'commit listener dyn {document({"address": "127.0.0.1:0", "routes": routes})} cluster app {document({"endpoints": []})}')
    assert said == f"ok {before + 1} " and int(do(proxy, "version")) == before + 1
    port = port_of(proxy, "dyn")
    assert get(port)[0] == 503 and do(proxy, f"endpoints app !127.0.0.1:1,{origin.address}") == "ok"
    eventually(lambda: get(port) == (200, b"ok"), "the endpoint that is healthy")
    said = do(proxy, f'commit cluster app - cluster bad {document({"endpoints": ["nonsense"]})}')
    assert re.match(rf"invalid {before + 1} one/clusters/bad:1:15: endpoints\[0\]: must be ip:port", said), said
    assert get(port) == (200, b"ok")
    assert do(proxy, f'replace cluster other {document({"endpoints": []})}') == f"ok {before + 2} "
    with pytest.raises(ConnectionRefusedError):
        get(port)


def test_sources_are_refused_beyond_their_bounds(proxy):
    assert do(proxy, "transactions") == "16 over a limit true"  # those that were dropped, or abandoned, have made room
    assert do(proxy, "endpoints nowhere 127.0.0.1:1") == "not found"


def test_a_panic_in_a_commits_answer_is_told(proxy):
    assert do(proxy, "commit-panic") == "waited"
    proxy.wait_for_line(r"error plugin/one .*panicked at .*: asked to panic in a commit")


def discovered(plugin, origin, **wants):
    settings = config(plugin, origin)
    settings["listeners"].append(listener([{"match": {"prefix": "/"}, "cluster": "app"}], name="app"))
    settings["clusters"].append({"name": "app", "discovery": {"use": "one", "config": wants}})
    return settings


def test_a_plugin_brings_endpoints_to_clusters_that_want_them(plugin, origin, start):
    proxy = start(discovered(plugin, origin, address=origin.address, panic_at_the_end=True))
    assert answers(proxy) == {b"ok"}
    reload(proxy, 2, config(plugin, origin))
    proxy.wait_for_line(r"plugin/one unwatch app$")
    proxy.wait_for_line(r"error plugin/one .*panicked at .*: asked to panic in unwatch")


@pytest.mark.parametrize("wants, words", [("refusal", "refused as asked"), ("panic", "panicked at .*: asked to panic in watch")])
def test_a_watch_that_is_refused_refuses_the_configuration(plugin, origin, start, wants, words):
    proxy = start(config(plugin, origin))
    proxy.file.write_text(json.dumps(discovered(plugin, origin, wants=wants)))
    assert re.match(f"failed (.|\n)*{words}", do(proxy, "reload"))


# --- cleat.handover/1


def test_what_an_instance_knows_goes_to_the_one_that_takes_its_place(plugin, origin, start):
    proxy = start(config(plugin, origin, state="known"))
    reload(proxy, 2, config(plugin, origin))
    assert do(proxy, "kept") == "known+"
    reload(proxy, 3, config(plugin, origin, patterns=2))
    assert do(proxy, "kept") == "known++"
    reload(proxy, 4, config(plugin, origin, take="none"))  # it can make nothing of it
    assert do(proxy, "kept") == ""
    reload(proxy, 5, config(plugin, origin))  # and has nothing to give
    assert do(proxy, "kept") == ""


@pytest.mark.parametrize("give, words", [("panic", "panicked at .*: asked to panic in give_state"), ("error", "asked to fail in give_state"),
                                         ("too_much", "(a state is at most 64 MiB|over a limit)")])
def test_state_that_cannot_be_given_holds_up_no_reload(plugin, origin, start, give, words):
    proxy = start(config(plugin, origin, state="known", give=give))
    reload(proxy, 2, config(plugin, origin))
    assert do(proxy, "kept") == ""
    proxy.wait_for_line(rf"warn plugin/one it begins anew: give of the instance before it failed: .*{words}")


@pytest.mark.parametrize("take, words", [("panic", "panicked at .*: asked to panic in take_state"), ("error", "asked to fail in take_state")])
def test_an_instance_that_does_not_begin_without_refuses_the_reload(plugin, origin, start, take, words):
    proxy = start(config(plugin, origin, state="known"))
    proxy.file.write_text(json.dumps(config(plugin, origin, take=take)))
    assert re.match(f"failed (.|\\n)*{words}", do(proxy, "reload"))
    assert do(proxy, "kept") == "known"


# --- cleat.control/1


def test_the_process_is_described_and_steered(plugin, origin, start):
    proxy = start(config(plugin, origin))
    assert do(proxy, "state") == "Serving" and do(proxy, "level") == "Info Debug"
    status, text = do(proxy, "describe clusters").split(" ", 1)
    assert status == "ok" and "origin" in json.dumps(json.loads(text))
    proxy.file.write_text(json.dumps(config(plugin, origin, patterns=2)))
    assert do(proxy, "reload").startswith("ok ")
    proxy.wait_for_line("generation 2 is in force")
    assert do(proxy, "drain") == "ok"
    assert proxy.wait() == 0


def test_questions_are_refused_and_panics_in_answers_told(proxy):
    assert do(proxy, "describe nonsense").startswith("not found")
    assert do(proxy, "restore nobody").startswith("not found") and do(proxy, "restore one").startswith("not possible at this point")
    assert do(proxy, "describe-panic") == "waited"
    proxy.wait_for_line(r"error plugin/one .*panicked at .*: asked to panic in an answer")
    good = proxy.file.read_text()
    proxy.file.write_text("listeners: [")
    assert do(proxy, "reload").startswith("failed ")
    proxy.file.write_text(good)


def test_metrics_of_the_process_are_seen(proxy):
    assert do(proxy, "metrics cleat_extensions_words").startswith("ok Histogram instance=one ")
    sum_, buckets = do(proxy, "metrics cleat_extensions_words").split(" ")[-2:]
    again, buckets_again = do(proxy, "metrics cleat_extensions_words x").split(" ")[-2:]
    assert int(again) == int(sum_) + 2  # of the one before
    counts = lambda text: {bound: int(count) for bound, count in (one.split(":") for one in text.split(","))}  # noqa: E731
    before, after = counts(buckets), counts(buckets_again)
    assert list(after) == ["1", "2", str(2**64 - 1)] and after == {**before, "2": before["2"] + 1}
    assert re.search(r" Counter listener=one \d+ ", do(proxy, "metrics cleat_requests_total"))
    with proxy.client("one") as client:
        assert client.get("/", fields="x-do: metrics panic\r\n").status == 500
    proxy.wait_for_line(r"plugin/one .*panicked at .*: .*asked to panic in a visit")
    assert do(proxy, "metrics nobody_s") == "ok "


# --- cleat.tls/1


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def test_a_plugin_sees_client_hellos_and_chooses_certificates(plugin, origin, start, authority):
    web, other, mine = authority.leaf("DNS:a.example"), authority.leaf("DNS:other.example"), authority.leaf("DNS:client.example")
    settings = config(plugin, origin)
    settings["secrets"] = [{"name": "web", **web.pair()}, {"name": "other", **other.pair()}]
    settings["listeners"].append(listener([{"match": {"prefix": "/"}, "reply": {"status": 204}}], name="tls", chain=["one"],
                                          tls={"secrets": ["web"], "client_certificate": "unverified"}))
    proxy = start(settings)
    context = authority.client_context(mine, check_hostname=False)
    context.set_alpn_protocols(["http/1.1", "x"])

    def names(server_name):
        plain = socket.create_connection(("127.0.0.1", proxy.ports["tls"]), timeout=wire.DEADLINE_S)
        with context.wrap_socket(plain, server_hostname=server_name) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 204 ")
            return [value for kind, value in connection.getpeercert()["subjectAltName"] if kind == "DNS"]

    assert names("A.Example") == ["a.example"]
    name, version, alpn, versions, *rest = do(proxy, "hello").split(" ")
    assert (name, version, bytes.fromhex(alpn), rest) == ("a.example", "0303", b"\x08http/1.1\x01x", ["none", "true", "true", "false"])
    assert "0304" in versions
    size = len(ssl.PEM_cert_to_DER_cert(mine.certificate.read_text()))
    proxy.wait_for_line(rf"plugin/one peer {size} false false not possible at this point$")
    assert names("other.example") == ["other.example"]
    assert names("missing.example") == ["a.example"]
    proxy.wait_for_line(r"plugin/one certificate not found$")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        names("panic.example")
    proxy.wait_for_line(r"plugin/one .*panicked at .*: asked to panic in on_client_hello")
    assert names("a.example") == ["a.example"]
