"""bench/load/run and scale work, from their origin to their results file, and tell of wrong answers. Nothing here looks at a time."""
# ctest: timeout 300

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from origin import reply
from proxy import BUILD, SOURCE, Proxy, to_origin

sys.path.insert(0, str(SOURCE / "bench/load"))
import cases  # noqa: E402
import idle  # noqa: E402
import results  # noqa: E402

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="SKIPPED: a core for the proxy and one for the load are needed")


def run(out, *options):
    return subprocess.run([SOURCE / "bench/load/run", "--build", BUILD, "--rounds", "1", "--seconds", "1", "--tries", "1", "--out", out, *options],
                          capture_output=True, text=True, timeout=200)


@pytest.fixture
def haproxy():
    found = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    return found or pytest.skip("SKIPPED: no haproxy on this machine (tests/install installs it)")


def test_a_run_fills_its_results_file(tmp_path):
    out = tmp_path / "results.md"
    done = run(out, "--cases", "get,close,start", "--peers", "null,bare,five")
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    for peer in ("null", "bare", "five"):
        for measure in ("get", "close", "start"):
            assert re.search(rf"^\| {measure} \| {peer} \| [\d.]+ \|", text, re.MULTILINE), (measure, peer, text)
    assert re.search(r"^\| get, bare ÷ null \| \d+\.\d\d \| [\d.]+ to [\d.]+ \| ≤ 1.12 \| ", text, re.MULTILINE), text
    assert re.search(r"^\| post, bare ÷ nginx \| not measured \|", text, re.MULTILINE) and "Wrong answers" not in text
    rows = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert len(rows) == 9 and all(row["value"] > 0 for row in rows)
    assert all(row["requests"] > 0 and row["bad"] == 0 for row in rows if row["measure"] != "start")


def test_a_peer_that_answers_wrongly_is_told_of_and_not_measured(tmp_path, haproxy):
    """HAProxy as ever, but for one line in its configuration: every request gets 200 and another body."""
    liar = tmp_path / "liar"
    liar.write_text('#!/bin/sh\nsed -i "s/^  default_backend app/  http-request return status 200 content-type text\\/plain string wrong\\n&/" haproxy.cfg\n'
                    f'exec {haproxy} "$@"\n')
    liar.chmod(0o755)
    out = tmp_path / "results.md"
    done = run(out, "--cases", "get", "--peers", "haproxy,bare", "--haproxy", liar)
    assert done.returncode == 1, done.stdout + done.stderr
    text = out.read_text()
    assert "- round 0, get, haproxy: a body of 5 bytes that is not the 128 bytes it should be" in text, text
    assert not re.search(r"^\| get \| haproxy \|", text, re.MULTILINE) and re.search(r"^\| get \| bare \|", text, re.MULTILINE)


@pytest.mark.parametrize("case,answer,told", [
    ("get", reply(cases.SMALL[:-1]), "a body of 127 bytes"),
    ("get", reply(cases.SMALL[:-1] + b"X"), "a body of 128 bytes"),
    ("get", reply(cases.SMALL, status="404 Not Found"), "status 404"),
    ("large", reply(cases.SMALL), "a body of 128 bytes"),
    ("post", reply(bytes(cases.POSTED)), "a body of 16384 bytes"),
    ("typical", reply(cases.SMALL), "the origin did not see user-agent"),
], ids=["shorter", "changed", "not found", "not large", "not echoed", "fields lost"])
def test_the_checker_refuses(origin, start, case, answer, told):
    async def handler(connection, _):
        connection.send(answer)

    origin.handler = handler
    proxy = start(to_origin(origin))
    with pytest.raises(cases.WrongAnswer, match=told):
        cases.check(case, proxy.port)


@pytest.mark.parametrize("kind", ["plain", "h2", "waiting", "streams"])
def test_connections_that_stay_are_counted(origin, tmp_path, kind):
    """All of them while the proxy is there, none when it has gone."""
    async def handler(connection, request):
        if request.target == "/wait":
            await connection.read_some()  # for what does not come
        connection.send(reply(cases.SMALL))

    origin.handler = handler
    proxy = Proxy(to_origin(origin), tmp_path)
    stay, gone = (idle.Idle(kind, proxy.port, 20, "0-1") for _ in range(2))
    try:
        assert stay.end() == 20
        proxy.process.kill()
        proxy.process.wait()
        assert gone.end() == 0
    finally:
        stay.stop()
        gone.stop()
        proxy.process.kill()


def test_scale_fills_its_results_file(tmp_path):
    out = tmp_path / "results.md"
    done = subprocess.run([SOURCE / "bench/load/scale", "--build", BUILD, "--groups", "workers", "--rounds", "1", "--seconds", "1", "--tries", "1", "--out", out],
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    assert re.search(r"^\| 1 \| [\d.]+ \| ", text, re.MULTILINE) and re.search(r"^\| 2 \| [\d.]+ \| .* \| \d\.\d\d \| ", text, re.MULTILINE), text
    assert re.search(r"^Two workers of Cleat use \d\.\d\d times the CPU of one", text, re.MULTILINE), text


def test_ratios_are_made_within_rounds():
    """The machine is twice as slow in the second round: the ratio does not notice."""
    found = results.Results()
    for number, slow in enumerate((1.0, 2.0, 1.0)):
        found.add(number, "get", "bare", 8.0 * slow)
        found.add(number, "get", "nginx", 10.0 * slow)
    assert found.paired("get", "bare", "nginx") == [0.8, 0.8, 0.8]


def test_the_interval_of_a_median():
    """Of nine numbers the second to the eighth (96 %), of five and fewer the range, of fifteen the fourth to the twelfth."""
    assert results.interval(list(range(9))) == (1, 7)
    assert results.interval([3, 1, 2]) == (1, 3)
    assert results.interval(list(range(15))) == (3, 11)
