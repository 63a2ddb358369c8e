"""Each part of the Rust and Go SDKs once, through the real kernel: sdk_plugins/ has one plugin in both languages, which does what the path
asks. And what is Go's alone: its runtime's threads and signals, and that a process has one."""
# ctest: timeout 300

import json
import os
import re
import shutil
import signal

import processes
import pytest
import sdk
from origin import reply
from processes import wait_until
from proxy import BUILD, SOURCE, Proxy, cluster, listener, run

SETTINGS = {"integer": 7, "number": 1.5, "duration": "2s", "bytes": "1KiB", "list": ["a", "b"], "any": {"k": [1]}}


@pytest.fixture(scope="module")
def prefix():
    with sdk.prefix("sdk") as folder:
        yield folder


def build(language, folder):
    return sdk.build_copy(SOURCE / "tests/e2e/sdk_plugins" / language, language, folder, "everything")


@pytest.fixture(scope="module", params=["rust", "go"])
def plugin(request, prefix, tmp_path_factory):
    return build(request.param, tmp_path_factory.mktemp(request.param) / "everything")


def config(plugin, origin, **instance):
    routes = [{"match": {"path": "/route"}, "cluster": "origin", "plugins": {"all": {"word": "here"}}},
              {"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 2, "plugin_path": [str(BUILD / "plugins")],
            "plugins": [{"name": "all", "use": str(plugin), "config": SETTINGS, **instance}, {"name": "metrics", "use": "prometheus"}],
            "listeners": [listener(routes, chain=["all"]), listener(routes, name="closed", chain=["all"]),
                          listener([{"match": {"prefix": "/"}, "handler": "metrics"}], name="metrics")],
            "clusters": [cluster(origin)]}


@pytest.fixture(scope="module")
def shared(plugin, shared_origin, tmp_path_factory):
    proxy = Proxy(config(plugin, shared_origin), tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.stop()
    log = proxy.log()
    for line in ("worker 0 starts", "worker 1 starts", "worker timer 7", "worker 0 stops", "worker 1 stops", "shutdown", "destroyed"):
        assert re.search(rf"plugin/all {line}$", log, re.M), log


@pytest.fixture
def proxy(shared, origin):
    yield shared
    assert shared.process.poll() is None, shared.log()


def ask(proxy, target, fields="", status=200):
    with proxy.client("in") as client:
        answer = client.get(target, fields=fields)
        assert answer.status == status, (answer, answer.body)
        return answer.body.decode()


def test_configuration_of_every_kind_is_read(proxy):
    words = ask(proxy, "/config").split(" ")
    assert words[:7] == ["all", "2", "7", "1.5", "2000", "1024", "a+b"] and json.loads(words[7]) == {"k": [1]}


def test_fields_are_read(proxy):
    said = ask(proxy, "/fields", "x-a: 1\r\nx-b: 2\r\nx-a: 3\r\n")
    assert said == "x-a=1,x-b=2,x-a=3 true Some(3)"


def test_heads_are_changed_and_framing_is_not(proxy, origin):
    ask(proxy, "/head", "x-gone: 1\r\n")
    request = origin.only_request()
    assert (request.method, request.target, request.all("x-set"), request.has("x-gone")) == ("PUT", "/other?q=1", ["1", "2"], False)


def test_bodies_are_changed_whole_and_in_pieces(proxy, origin):
    with proxy.client("in") as client:
        client.send(b"POST /request-body HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello")
        assert client.response("POST").status == 200
    assert origin.only_request().body == b"HELLO true"
    with proxy.client("in") as client:
        answer = client.get("/response-body")
        assert answer.status == 201 and re.fullmatch(rb"(<ok>)?<(ok)?>!", answer.body), answer.body


def test_metadata_attributes_and_what_is_kept_for_an_exchange(proxy):
    assert ask(proxy, "/facts?a=b") == "words -5 2.5 in 1 http a=b true"
    with proxy.client("in") as client:
        assert client.get("/other").get("x-hooks") == "1 false"


def test_a_route_has_its_own_configuration(proxy):
    assert ask(proxy, "/route") == "here false"


def test_an_attempt_is_made_again(proxy, origin):
    answers = [reply(b"no", status="503 Busy"), reply(b"now")]

    async def in_turn(connection, _):
        connection.send(answers.pop(0))

    origin.handler = in_turn
    assert ask(proxy, "/retry") == "now"


def test_timers_threads_and_tickets_bring_an_exchange_on(proxy):
    for _ in range(5):
        assert ask(proxy, "/timer") == "waited"
        assert ask(proxy, "/thread") == "posted true true"
        assert ask(proxy, "/ticket") == "ok"
    proxy.wait_for_line(r"plugin/all timer 42$")


def test_calls_are_answered_and_refused(proxy, origin):
    async def answer(connection, request):
        connection.send(reply(request.body[::-1], fields="x-answer: there\r\n"))

    origin.handler = answer
    assert ask(proxy, "/call") == "Some(200) there noitseuq"
    assert origin.only_request().target == "/called"
    assert ask(proxy, "/no-cluster") == "Some(not found)"


def test_a_connection_is_closed(proxy):
    with proxy.client("closed") as client:
        client.expect_closed()


def test_panics_stop_at_the_hook_and_are_told_with_their_place(proxy):
    for _ in range(3):
        ask(proxy, "/panic", status=500)
    proxy.wait_for_line(r"plugin/all .*panicked at .*(lib\.rs|everything\.go):\d+.*(nothing where something|nil pointer)")
    ask(proxy, "/panic-at-the-end")
    proxy.wait_for_line(r"error plugin/all panicked at .*: asked to panic at the end")
    with proxy.client("in") as client:
        client.send(b"GET /timer-panic HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.expect_closed()


def test_events_come_and_metrics_are_counted(proxy):
    proxy.signal(signal.SIGUSR1)
    proxy.wait_for_line(r"plugin/all event cleat.reopen true$")

    def page():
        with proxy.client("metrics") as client:
            return client.get("/metrics").body.decode()

    wait_until(lambda: 'cleat_everything_open{instance="all"} 0' in page(), "no exchange is open")
    assert re.search(r'^cleat_everything_bytes_sum\{instance="all"\} \d+$', page(), re.M)


def test_a_reload_makes_a_new_instance_and_ends_the_old(plugin, origin, start):
    settings = config(plugin, origin)
    proxy = start(settings)
    settings["plugins"][0]["config"] = {"integer": 3}
    proxy.file.write_text(json.dumps(settings))
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line(r"plugin/all destroyed$")
    assert ask(proxy, "/config").startswith("all 2 3 ")


@pytest.mark.parametrize("instance, words", [({"config": {"panic": True}}, r"panicked at .*: asked to panic in create"),
                                             ({"config": {"integer": 11}}, r"config\.integer: .*11")])
def test_what_is_wrong_at_create_refuses_the_load(plugin, shared_origin, tmp_path, instance, words):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(config(plugin, shared_origin, **instance)))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and re.search(words, done.stderr), done.stderr


# --- Go's own


@pytest.fixture(scope="module")
def go_plugins(prefix, tmp_path_factory):
    """Two, of different content."""
    folder = tmp_path_factory.mktemp("go")
    first = build("go", folder / "first")
    other = folder / "first/everything.go"
    other.write_text(other.read_text().replace('"shutdown"', '"the end"'))
    kept = folder / "kept.so"
    shutil.copy(first, kept)
    return kept, sdk.build("go", folder / "first", "everything")


def test_a_changed_go_plugin_is_refused_and_the_old_one_goes_on(go_plugins, origin, start, tmp_path):
    first, second = go_plugins
    file = tmp_path / "everything.so"
    shutil.copy(first, file)
    pid_file = tmp_path / "pid"
    processes.adopt_orphans()
    proxy = start(config(file, origin), arguments=["--pid-file", pid_file])
    shutil.copy(second, tmp_path / "new.so")
    (tmp_path / "new.so").rename(file)
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line(r"it is a Go plugin, and this process has the Go runtime of .*everything\.so already.*needs a restart \(SIGUSR2")
    assert ask(proxy, "/config").startswith("all 2 7 ")

    proxy.signal(signal.SIGUSR2)  # another process takes over, with the new file
    wait_until(lambda: int(pid_file.read_text()) != proxy.process.pid, "the new process serves", 60)
    follower = int(pid_file.read_text())
    assert ask(proxy, "/config").startswith("all 2 7 ")
    assert proxy.process.wait(60) == 0  # while it lives the other is its child, and nobody else's to wait for
    os.kill(follower, signal.SIGTERM)
    assert processes.wait_end(follower, 60) == 0
    proxy.wait_for_line(r"plugin/all the end$")


def test_a_second_go_plugin_is_refused(go_plugins, shared_origin, tmp_path):
    first, second = go_plugins
    settings = config(first, shared_origin)
    settings["plugins"].append({"name": "too", "use": str(second)})
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(settings))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and "it is a Go plugin, and this process has the Go runtime of" in done.stderr, done.stderr


def test_threads_of_go_leave_signals_to_the_process(go_plugins, origin, start):
    proxy = start(config(go_plugins[0], origin))
    for _ in range(3):
        ask(proxy, "/ticket")  # goroutines have threads made
    tasks = sdk.run("sh", "-c", f"grep -H SigBlk /proc/{proxy.process.pid}/task/*/status").splitlines()
    term, hup = 1 << (signal.SIGTERM - 1), 1 << (signal.SIGHUP - 1)
    free = [line for line in tasks if int(line.split()[-1], 16) & (term | hup) != term | hup]
    assert len(tasks) > 4 and len(free) == 1, tasks  # the control thread alone hears them
