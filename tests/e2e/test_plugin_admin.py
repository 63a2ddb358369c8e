"""The admin plugin: what it shows, what it does, whom it refuses; its page in a browser, and `cleat top`."""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
import wire
from proxy import BUILD, CLEAT, cluster, listener, run


def configuration(origin, admin=None, **others):
    return {"workers": 2, "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": "admin", "use": "admin", "config": admin or {}},
                        {"name": "mark", "use": "lifecycle", "config": {"mark": "one"}}],
            "listeners": [listener([{"name": "app", "match": {"prefix": "/"}, "cluster": "origin"}], chain=["mark"]),
                          listener([{"match": {"prefix": "/"}, "handler": "admin"}], name="admin")],
            "clusters": [cluster(origin)], **others}


@pytest.fixture
def admin(origin, start):
    return start(configuration(origin))


def ask(proxy, target, method="GET", fields="", host="127.0.0.1"):
    with proxy.client("admin") as client:
        client.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n{fields}\r\n".encode())
        return client.response(method)


def get(proxy, topic):
    answer = ask(proxy, topic)
    assert answer.status == 200 and answer.get("content-type") == "application/json"
    return json.loads(answer.body)


def test_it_is_ready_and_alive(admin):
    assert ask(admin, "/ready").body == b"ready\n"
    assert ask(admin, "/live").status == 200
    answer = ask(admin, "/live", "HEAD")
    assert answer.status == 200 and answer.body == b""


def test_topics_say_what_goes_on(admin, origin):
    for _ in range(3):
        with admin.client("in") as client:
            assert client.get().status == 200
    server = get(admin, "/server")
    assert server["pid"] == admin.process.pid and server["workers"] == 2 and server["generation"] == 1
    (app,) = [one for one in get(admin, "/listeners") if one["name"] == "in"]
    assert app["requests"] == 3 and app["routes"][0]["requests"] == {"2xx": 3} and app["routes"][0]["duration"]["count"] == 3
    (upstream,) = get(admin, "/clusters")
    assert upstream["attempts"] == 3 and upstream["endpoints"][0] == {"address": origin.address, "weight": 1, "healthy": True, "in_flight": 0}
    plugins = {one["name"]: one for one in get(admin, "/plugins")["plugins"]}
    assert plugins["mark"]["calls"] >= 6 and plugins["mark"]["failures"] == 0 and plugins["mark"]["quarantined"] is False
    assert {hook["hook"] for hook in plugins["mark"]["hooks"]} >= {"on_connection", "on_response"}
    assert get(admin, "/generations")["current"] == 1


def test_stats_are_text_or_json(admin):
    with admin.client("in") as client:
        client.get()
    assert b'cleat_requests_total{listener="in"} 1\n' in ask(admin, "/stats").body
    assert b"cleat_requests_total" not in ask(admin, "/stats?prefix=cleat_connections").body
    for answer in (ask(admin, "/stats?format=json"), ask(admin, "/stats", fields="Accept: application/json\r\n")):
        names = {one["name"] for one in json.loads(answer.body)}
        assert "cleat_requests_total" in names and "process_open_fds" in names


def test_secrets_are_not_shown(origin, start):
    config = configuration(origin)
    config["plugins"].append({"name": "keys", "use": "header_rewrite", "config": {"request": {"set": {"x-secret-token": "hunter2"}}}})
    proxy = start(config)
    body = ask(proxy, "/config").body
    assert b"hunter2" not in body and b"[redacted]" in body


def test_reload_waits_for_the_outcome(admin, origin):
    answer = ask(admin, "/reload", "POST")
    assert answer.status == 200 and json.loads(answer.body) == {"ok": True, "text": "generation 2"}
    wrong = configuration(origin)
    wrong["listeners"][0]["rotues"] = wrong["listeners"][0].pop("routes")
    admin.file.write_text(json.dumps(wrong))
    answer = ask(admin, "/reload", "POST")
    assert answer.status == 422
    said = json.loads(answer.body)
    assert said["ok"] is False and "unknown key" in said["text"] and 'did you mean "routes"' in said["text"]
    assert get(admin, "/server")["generation"] == 2


def test_the_log_level_is_read_and_set(admin):
    assert get(admin, "/log") == {"level": "info"}
    assert ask(admin, "/log?level=debug", "POST").status == 200
    assert get(admin, "/log") == {"level": "debug"}
    for wrong in ("/log", "/log?level=loud", "/log?level=debug&level=info", "/log?levle=debug", "/log?level=%zz"):
        assert ask(admin, wrong, "POST").status == 400, wrong


def test_restore_says_when_there_is_nothing_to_restore(admin):
    assert ask(admin, "/plugins/nobody/restore", "POST").status == 404
    assert ask(admin, "/plugins/mark/restore", "POST").status == 409
    assert ask(admin, "/plugins/ma%2fk/restore", "POST").status == 404
    assert ask(admin, "/plugins/mark/restore").status == 405


def test_an_instance_in_quarantine_is_put_back_to_work(origin, start):
    failing = configuration(origin)
    failing["plugins"].append({"name": "fails", "use": "throws", "quarantine": {"failures": 3, "window": "60s", "backoff": "60s"}})
    failing["listeners"][0]["chain"] = ["fails"]
    proxy = start(failing)

    def status(fields=""):
        with proxy.client(failing["listeners"][0]["name"]) as client:
            return client.get("/", fields=fields).status

    assert [status("x-hook: on_request\r\nx-what: exception\r\n") for _ in range(3)] == [500] * 3
    assert status() == 503
    assert ask(proxy, "/plugins/fails/restore", "POST").status == 200
    assert status() == 200
    assert ask(proxy, "/plugins/fails/restore", "POST").status == 409


def test_drain_ends_the_process(admin):
    assert ask(admin, "/drain", "POST").status == 202
    assert admin.wait() == 0


@pytest.mark.parametrize("method, target, status, allow", [
    ("GET", "/nothing", 404, None), ("GET", "/ready/", 404, None), ("GET", "/..%2fconfig", 400, None), ("GET", "/READY", 404, None),
    ("POST", "/ready", 405, "GET, HEAD"), ("GET", "/reload", 405, "POST"), ("DELETE", "/log", 405, "GET, HEAD, POST"), ("PUT", "/drain", 405, "POST"),
    ("GET", "/server?x=1", 400, None), ("GET", "/stats?format=xml", 400, None),
])
def test_what_is_not_there_is_refused(admin, method, target, status, allow):
    answer = ask(admin, target, method)
    assert (answer.status, answer.get("allow")) == (status, allow)


@pytest.mark.parametrize("fields", [
    "Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://127.0.0.1:1\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
    "Origin: http://127.0.0.1\r\nOrigin: http://127.0.0.1\r\n",
])
def test_what_changes_something_refuses_other_sites_pages(admin, fields):
    for target in ("/reload", "/drain", "/log?level=debug", "/plugins/mark/restore"):
        assert ask(admin, target, "POST", fields).status == 403, target
    assert get(admin, "/server")["generation"] == 1


def test_the_pages_own_requests_are_let_through(admin):
    fields = "Origin: http://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"
    assert ask(admin, "/reload", "POST", fields).status == 200


@pytest.mark.parametrize("host, status", [("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost", 200), ("[::1]", 200), ("10.0.0.1:99", 200), ("ops.example", 403)])
def test_a_name_that_was_pointed_here_is_refused(admin, host, status):
    assert ask(admin, "/live", host=host).status == status


def test_names_and_networks_are_configured(origin, start):
    proxy = start(configuration(origin, {"hosts": ["OPS.example"], "allow": ["10.0.0.0/8"]}))
    assert ask(proxy, "/live", host="ops.example").status == 403  # we are not in that network
    proxy = start(configuration(origin, {"hosts": ["OPS.example"], "allow": ["127.0.0.0/8"]}))
    assert ask(proxy, "/live", host="ops.example:1234").status == 200


@pytest.mark.parametrize("wrong, expected", [({"allow": ["10.0.0.0/33"]}, "no network"), ({"hosts": ["a b"]}, "no host's name"), ({"alow": []}, 'did you mean "allow"')])
def test_a_wrong_configuration_is_refused(origin, tmp_path, wrong, expected):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(configuration(origin, wrong)))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and expected in done.stderr


def test_answers_are_not_kept_and_not_framed(admin):
    for target in ("/", "/page.js", "/page.css", "/server"):
        answer = ask(admin, target)
        assert answer.status == 200
        assert answer.get("cache-control") == "no-store" and answer.get("x-content-type-options") == "nosniff"
        assert "default-src 'none'" in answer.get("content-security-policy")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: the page was not looked at in a browser")
def test_the_page_shows_live_figures_in_a_browser(admin, tmp_path):
    for _ in range(5):
        with admin.client("in") as client:
            client.get()
    dom = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                          "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=6000",
                          "--dump-dom", f"http://127.0.0.1:{admin.ports['admin']}/"], capture_output=True, text=True, timeout=120, check=True).stdout
    assert re.search(r'id="state" class="pill good">serving<', dom), dom[:3000]
    assert re.search(r"<h3>origin</h3>", dom) and "1 of 1 healthy" in dom
    assert re.search(r'<span>app<small>in</small></span>', dom) and ">mark<" in dom
    assert int(re.search(r'data-shown="(\d+)"', dom)[1]) >= 2  # refreshed: rates are there
    assert 'id="trouble" class="trouble" role="alert" hidden' in dom


def top(proxy, *arguments, **options):
    return subprocess.run([str(CLEAT), "top", *arguments, f"127.0.0.1:{proxy.ports['admin']}"], capture_output=True, text=True, timeout=60, check=False, **options)


def test_top_prints_one_frame_for_scripts(admin):
    with admin.client("in") as client:
        client.get()
    done = top(admin, "--once", "--interval", "0.1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.match(rf"cleat \S+  serving  pid {admin.process.pid}  generation 1 ", lines[0])
    assert any(re.match(r"app +\S+ +0 +\S+ +\S+ +1$", line) for line in lines), done.stdout
    assert any(line.startswith("origin") and line.endswith("1/1") for line in lines)
    assert "\x1b" not in done.stdout


def test_top_runs_in_a_terminal_until_q(admin):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["COLUMNS"] = "80"
        os.execv(CLEAT, [str(CLEAT), "top", "--interval", "0.1", f"127.0.0.1:{admin.ports['admin']}"])
    shown, end = b"", time.monotonic() + wire.DEADLINE_S
    while shown.count(b"\x1b[H") < 3:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    os.write(terminal, b"q")
    with contextlib.suppress(OSError):  # the terminal's other end is gone
        while piece := os.read(terminal, 65536):
            shown += piece
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert shown.startswith(b"\x1b[?1049h") and shown.rstrip().endswith(b"\x1b[?1049l") and b"ROUTE" in shown


def test_top_says_what_is_wrong(tmp_path):
    done = run("top", "--interval", "0")
    assert done.returncode == 2 and "usage: cleat top" in done.stderr
    done = run("top", "--once", "http://127.0.0.1:1")
    assert done.returncode == 1 and "http://127.0.0.1:1/server" in done.stderr
    assert "top" in run("--help").stdout
