"""slowhttptest's attacks: heads, bodies and readers that take for ever. The attackers' connections end by the listener's deadlines, and others are
served meanwhile without a failure."""
# ctest: timeout 240

import shutil
import subprocess

import pytest
from load import Load
from processes import wait_until
from proxy import cluster, listener

ATTACKERS = 200
SECONDS = 8


@pytest.fixture
def attack():
    program = shutil.which("slowhttptest")
    if program is None:
        pytest.skip("SKIPPED: slowhttptest is not installed (tests/install brings it)")
    running = []

    def begin(port, path, *options):
        command = [program, "-c", str(ATTACKERS), "-r", "200", "-l", str(SECONDS), "-p", "3", "-u", f"http://127.0.0.1:{port}{path}", *options]
        running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def config(origin):
    timeouts = {"head": "1s", "body": "1s", "idle": "2s", "request": "10s"}
    routes = [{"match": {"path": "/attacked"}, "handler": "play"}, {"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 1,
            "plugins": [{"name": "play", "use": "origin",
                         "config": {"routes": [{"path": "/attacked", "body_bytes": "20MB", "content_type": "application/octet-stream"}]}},
                        {"name": "numbers", "use": "prometheus"}],
            "listeners": [listener(routes, timeouts=timeouts), listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats")],
            "clusters": [cluster(origin)]}


def hits(proxy, limit):
    with proxy.client("stats") as client:
        text = client.get("/").body.decode()
    found = [line for line in text.splitlines() if line.startswith("cleat_limit_hits_total{") and f'limit="{limit}"' in line and 'listener="in"' in line]
    return int(float(found[0].split()[-1])) if found else 0


def active(proxy):
    with proxy.client("stats") as client:
        text = client.get("/").body.decode()
    return next(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("cleat_connections_active{") and 'listener="in"' in line)


@pytest.mark.parametrize("options, limit", [
    (("/attacked", "-H", "-i", "2", "-x", "24"), "head_timeout"),                                      # slowloris
    (("/upload", "-B", "-i", "2", "-s", "8192", "-x", "10"), "body_timeout"),               # R-U-Dead-Yet
    (("/attacked", "-X", "-w", "1", "-y", "1", "-n", "5", "-z", "1", "-k", "1"), "body_timeout"),  # slow read
], ids=["slow heads", "slow bodies", "slow readers"])
def test_others_are_served_while_the_slow_are_cut_off(options, limit, proxy, origin, attack):
    before = hits(proxy, limit)
    with Load(proxy.ports["in"], clients=4) as load:
        process = attack(proxy.ports["in"], *options)
        wait_until(lambda: active(proxy) > ATTACKERS // 2 or process.poll() is not None, "the attackers' connections", 30)
        wait_until(lambda: hits(proxy, limit) - before >= ATTACKERS // 2, f"their end by the deadline ({limit})", 60)
        load.wait_for_answers(100)
    load.assert_no_failure()
    process.wait(60)
    wait_until(lambda: active(proxy) == 0, "no connection to be left", 30)
