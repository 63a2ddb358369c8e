"""`isolation: process`: the same plugin file, in a process of its own, behind the same hooks. What it does in the kernel's process it does there: heads,
replies, metadata, bodies, waiting, calls, metrics, routes, reloads; and what the operator wrote wrongly is told at its place in the file."""
# ctest: wires h2down+h2up+tls

import hashlib
import json
import os
import re
import shutil
import signal

import pytest
from origin import reply
from processes import alive, wait_until
from proxy import BUILD, SANITIZED, cluster, listener, run
from test_reload import reload

HOSTILE = BUILD / "hostile_plugins"
PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"  # of origin's bodies
TO_ORIGIN = [{"match": {"prefix": "/"}, "cluster": "origin"}]


def instance(name, use=None, isolation="process", **others):
    return {"name": name, "use": use or name, "isolation": isolation, **others}


def config(origin):
    """A listener for each thing that a plugin may do."""
    plugins = [
        instance("rewrite", "header_rewrite", config={"request": {"set": {"x-in": "%{method} %{source_ip}"}}, "response": {"set": {"x-out": "%{status}"}}}),
        instance("again", "retry", config={"attempts": 3, "on": ["gateway_error"], "backoff": {"base": "1ms", "max": "2ms"}}),
        instance("whole", "bodies", config={"part": "response", "mode": "whole", "change": "upper"}),
        instance("pieces", "bodies", config={"part": "request", "mode": "stream", "change": "append"}),
        instance("held", "bodies", config={"part": "request", "mode": "stream", "change": "hold"}),
        instance("calls"),
        {"name": "stats", "use": "stats"},
    ]
    chains = {"rewrite": ["rewrite"], "again": ["again"], "whole": ["whole"], "pieces": ["pieces"], "held": ["held"], "calls": ["calls"]}
    listeners = [listener(TO_ORIGIN, name=name, chain=chain) for name, chain in chains.items()]
    listeners.append(listener([{"match": {"prefix": "/"}, "handler": "stats"}], name="stats"))
    return {"workers": 2, "plugin_path": [str(HOSTILE)], "plugins": plugins, "listeners": listeners, "clusters": [cluster(origin)]}


def get(proxy, name, target="/", fields=""):
    with proxy.client(name) as client:
        return client.get(target, fields=fields)


def post(proxy, name, body):
    with proxy.client(name) as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return client.response()


def hosts(proxy):
    """The plugins' processes, by number."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline", "rb") as command:
                if int(stat.read().rpartition(")")[2].split()[1]) == proxy.process.pid and command.read().split(b"\0")[1:3] == [b"plugin", b"host"]:
                    found.append(int(entry))
        except (OSError, IndexError):
            continue
    return found


async def echo(connection, request):
    connection.send(reply(request.body))


def test_each_instance_has_a_process(proxy):
    assert len(hosts(proxy)) == 6


def test_heads_are_read_and_changed_on_both_sides(proxy, origin):
    answer = get(proxy, "rewrite")
    assert (answer.status, answer.get("x-out")) == (200, "200")
    assert origin.only_request().get("x-in") == "GET 127.0.0.1"


def test_it_replies_and_lets_pass_and_tells_others_whose_the_key_is(start, origin, tmp_path):
    (tmp_path / "keys.txt").write_text(f"sha256:{hashlib.sha256(b'k1').hexdigest()} alice\n")
    routes = [{"match": {"prefix": "/bob"}, "cluster": "origin", "plugins": {"keys": {"owners": ["bob"]}}}, *TO_ORIGIN]
    line = "owner=%{metadata.api_key.owner} status=%{status}"
    proxy = start({"workers": 1, "listeners": [listener(routes, name="keys", chain=["log", "keys"])], "clusters": [cluster(origin)],
                   "plugins": [{"name": "log", "use": "access_log", "config": {"path": str(tmp_path / "log"), "line": line}},
                               instance("keys", "api_key", config={"keys": str(tmp_path / "keys.txt")})]})
    assert get(proxy, "keys").status == 401
    assert get(proxy, "keys", "/bob", fields="x-api-key: k1\r\n").status == 403
    assert get(proxy, "keys", fields="x-api-key: k1\r\n").status == 200
    assert not origin.only_request().has("x-api-key")
    wait_until(lambda: len((tmp_path / "log").read_text().splitlines()) == 3, "three lines")
    assert (tmp_path / "log").read_text().splitlines()[2] == "owner=alice status=200"


def test_attempts_are_made_again(proxy, origin):
    statuses = ["503 Service Unavailable", "503 Service Unavailable", "200 OK"]

    async def handler(connection, _):
        connection.send(reply(b"done", status=statuses.pop(0)))

    origin.handler = handler
    answer = get(proxy, "again")
    assert (answer.status, answer.body) == (200, b"done")
    assert len(origin.saw()) == 3
    wait_until(lambda: re.search(r'cleat_retry_retries_total\{[^}]*instance="again"[^}]*\} 2\b', get(proxy, "stats").body.decode()), "the plugin's own metric")


@pytest.mark.parametrize("body", [b"a", b"some text", b"abc" * 50_000], ids=["one", "small", "large"])
def test_bodies_are_changed_whole_and_piece_by_piece(proxy, origin, body):
    origin.handler = echo
    assert post(proxy, "whole", body).body == body.upper()
    origin.reset()
    origin.handler = echo
    answer = post(proxy, "pieces", body)
    assert answer.body.replace(b"[text]", b"") == body and answer.body.endswith(b"[text]")


def test_a_body_is_held_by_a_timer_of_the_process(proxy, origin):
    origin.handler = echo
    assert post(proxy, "held", b"held for a while").body == b"held for a while"


def test_a_hook_waits_for_what_a_service_says(proxy, origin):
    async def handler(connection, request):
        connection.send(reply(b"hello " + request.target.encode()))

    origin.handler = handler
    assert get(proxy, "calls", fields="x-call: origin GET /check\r\n").body.decode().strip().endswith("hello /check")


def test_its_state_is_in_the_metrics(proxy):
    text = get(proxy, "stats").body.decode()
    assert 'cleat_isolation_up{instance="rewrite"} 1' in text
    assert 'cleat_isolation_restarts_total{instance="rewrite"} 0' in text


def test_a_route_has_its_own_configuration(start, origin):
    routes = [{"match": {"prefix": "/own"}, "cluster": "origin", "plugins": {"rewrite": {"response": {"set": {"x-of": "the route"}}}}}, *TO_ORIGIN]
    proxy = start({"workers": 1, "plugins": [instance("rewrite", "header_rewrite", config={"response": {"set": {"x-of": "the instance"}}})],
                   "listeners": [listener(routes, chain=["rewrite"])], "clusters": [cluster(origin)]})
    with proxy.client() as client:
        assert client.get("/own").get("x-of") == "the route"
        assert client.get("/").get("x-of") == "the instance"


def rewriting(origin, text, use="header_rewrite", **others):
    return {"workers": 2, "plugins": [instance("rewrite", use, config={"response": {"set": {"x-of": text}}}, **others)],
            "listeners": [listener(TO_ORIGIN, chain=["rewrite"])], "clusters": [cluster(origin)]}


def test_a_changed_configuration_is_another_process(start, origin):
    proxy = start(rewriting(origin, "one"))
    first = hosts(proxy)
    reload(proxy, rewriting(origin, "one"))
    with proxy.client() as client:
        assert client.get("/").get("x-of") == "one"
    assert hosts(proxy) == first  # nothing of it changed
    reload(proxy, rewriting(origin, "two"))
    with proxy.client() as client:
        assert client.get("/").get("x-of") == "two"
    wait_until(lambda: not alive(first[0]), "the end of the first process")
    assert len(hosts(proxy)) == 1


def test_a_changed_file_is_another_process(start, origin, tmp_path):
    file = tmp_path / "copy.so"
    shutil.copy(BUILD / "plugins" / "header_rewrite.so", file)
    proxy = start(rewriting(origin, "one", use=str(file)))
    first = hosts(proxy)
    other = tmp_path / "other.so"
    with open(BUILD / "plugins" / "header_rewrite.so", "rb") as source:
        other.write_bytes(source.read() + b"\0")  # the loader does not mind, and the content is another
    os.replace(other, file)
    reload(proxy, rewriting(origin, "one", use=str(file)))
    with proxy.client() as client:
        assert client.get("/").get("x-of") == "one"
    wait_until(lambda: not alive(first[0]), "the end of the first process")


def test_options_are_another_process(start, origin):
    proxy = start(rewriting(origin, "one"))
    first = hosts(proxy)
    reload(proxy, rewriting(origin, "one", isolation={"kind": "process", "ring": "4MiB", "hang": "5s"}))
    wait_until(lambda: not alive(first[0]), "the end of the first process")
    with proxy.client() as client:
        assert client.get("/").get("x-of") == "one"


YAML = """plugins:
  - name: rewrite
    use: header_rewrite
    isolation: {isolation}
    config:
      response:
        set: {set}
listeners:
  - {{name: in, address: "127.0.0.1:0", chain: [rewrite], routes: [{{match: {{prefix: /}}, reply: {{status: 200}}{route}}}]}}
"""


@pytest.mark.parametrize("change, expect", [
    ({"set": '{"bad name": x}'}, r":7:\d+: plugins\[0\]\.config\.response\.set"),
    ({"isolation": "proces"}, r':4:16: .*there is no isolation "proces".*did you mean "isolation_process"'),
    ({"isolation": "{kind: process, rings: 1MiB}"}, r':4:\d+: .*unknown key.*did you mean "ring"'),
    ({"isolation": "{kind: process, ring: 1KiB}"}, r":4:\d+: .*ring.*must be from"),
    ({"isolation": "{ring: 1MiB}"}, r":4:\d+: .*kind is missing"),
    ({"route": ", plugins: {rewrite: {response: {set: {'bad name': x}}}}"}, r":9:\d+: .*rewrite"),
], ids=["value", "kind", "option", "ring", "no kind", "route"])
def test_what_is_wrong_is_told_at_its_place(tmp_path, change, expect):
    values = {"isolation": "process", "set": '{"x-fine": y}', "route": "", **change}
    file = tmp_path / "cleat.yaml"
    file.write_text(YAML.format(**values))
    for command in (["validate", "--full"], ["run"]):
        done = run(*command, "-c", file)
        assert done.returncode == 2 and re.search(re.escape(str(file)) + expect, done.stdout + done.stderr), done.stdout + done.stderr


def test_a_key_that_is_not_known_has_a_suggestion(tmp_path):
    file = tmp_path / "cleat.yaml"
    file.write_text(YAML.format(isolation="process", set="{x: y}", route="").replace("      response:", "      respnse:"))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and re.search(r":\d+:\d+: .*did you mean \"response\"", done.stdout + done.stderr), done.stdout + done.stderr


@pytest.mark.parametrize("command", [["validate"], ["run"]], ids=["validate", "run"])
def test_what_is_no_handler_is_none_in_its_own_process(tmp_path, command):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps({"plugins": [instance("own", "header_rewrite", config={"request": {"set": {"x": "y"}}})],
                                "listeners": [listener([{"match": {"prefix": "/"}, "handler": "own"}])]}))
    done = run(*command, "-c", file)
    assert done.returncode == 2 and re.search(r'handler: plugin instance "own" is no handler', done.stdout + done.stderr), done.stdout + done.stderr


def test_what_a_process_of_its_own_does_not_have_refuses_the_load(tmp_path):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps({"plugins": [instance("own", "admin")], "listeners": [listener([{"match": {"prefix": "/"}, "handler": "own"}])]}))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and re.search(r"requires cleat\.control/1, which a plugin in a process of its own does not have", done.stdout + done.stderr)


def handler(text="one", **others):
    """A handler with a reply and all of the playground, which stands in the chain of its listener too."""
    own = instance("own", "origin", config={"routes": [{"path": "/", "body": text}], "playground": True}, **others)
    return {"workers": 2, "plugins": [own], "listeners": [listener([{"match": {"prefix": "/"}, "handler": "own"}], chain=["own"])]}


def test_a_handler_replies_and_streams_both_ways(start):
    proxy = start(handler())
    assert len(hosts(proxy)) == 1
    with proxy.client() as client:
        assert client.get("/").body == b"one"
        assert client.get("/status/418").status == 418
        assert client.get("/bytes/3000000").body == PATTERN * 46_875
        assert client.get("/chunked/100000").body == PATTERN * 1_562 + PATTERN[:32]
        assert [(name.lower(), value) for name, value in client.get("/trailers").trailers] == [("x-bytes", "16"), ("x-end", "yes")]
        assert client.get("/delay/20ms").body == b"that took a while\n"
        body = os.urandom(700_000)
        client.send(f"POST /echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert client.response().body == body
        client.send(b"HEAD /bytes/500000 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        answer = client.response("HEAD")
        assert (answer.get("content-length"), answer.body) == ("500000", b"")
        assert client.get("/").body == b"one"


def test_a_handler_is_held_back_by_a_slow_reader(start):
    """What its client does not take is neither in the kernel nor in the rings."""
    proxy = start(handler())
    with proxy.client(receive_buffer=4096) as client:
        before = proxy.rss_kib()
        client.send(b"GET /bytes/100000000 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.read(100_000)
        for _ in range(20):
            assert get(proxy, "in").body == b"one"
        assert proxy.rss_kib() - before < (48 if SANITIZED else 10) * 1024  # instrumented builds keep freed memory for a while
        assert sorted(client.read(6_400_000)[-64:]) == sorted(PATTERN)  # it goes on where it was


def test_all_metrics_are_read_from_a_process(start):
    own = instance("own", "prometheus", config={"series_max": 200_000})
    many = {"name": "many", "use": "many_series"}
    proxy = start({"workers": 2, "plugin_path": [str(HOSTILE)], "plugins": [own, many],
                   "listeners": [listener([{"match": {"path": "/hi"}, "reply": {"status": 200}}, {"match": {"prefix": "/"}, "handler": "own"}], chain=["many"])]})
    assert len(hosts(proxy)) == 1
    assert get(proxy, "in", "/hi").status == 200
    text = get(proxy, "in", "/metrics").body.decode()
    assert re.search(r'^cleat_isolation_up\{instance="own"\} 1$', text, re.M) and 'le="+Inf"' in text
    assert re.search(r'^many_series_total\{number="00099999"\} 99999$', text, re.M)  # megabytes in pieces


def test_a_handler_is_reloaded_while_it_answers(start):
    proxy = start(handler())
    with proxy.client() as client:
        client.send(b"GET /delay/300ms HTTP/1.1\r\nHost: a.example\r\n\r\n")
        first = hosts(proxy)
        reload(proxy, handler("two"))
        assert get(proxy, "in").body == b"two"
        assert client.response().body == b"that took a while\n"
    wait_until(lambda: not alive(first[0]), "the end of the first process")
    assert get(proxy, "in").body == b"two"


def test_no_process_is_left_when_the_kernel_has_ended(start, origin):
    proxy = start(rewriting(origin, "one"))
    left = hosts(proxy)
    assert len(left) == 1
    proxy.stop()
    wait_until(lambda: not alive(left[0]), "the end of the process")


def test_no_process_is_left_when_the_kernel_was_killed(origin, tmp_path):
    import proxy as proxies

    killed = proxies.Proxy(rewriting(origin, "one"), tmp_path / "killed")
    left = hosts(killed)
    assert len(left) == 1
    killed.signal(signal.SIGKILL)
    killed.wait()
    wait_until(lambda: not alive(left[0]), "the end of the process")


