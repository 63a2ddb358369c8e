"""plugins/prometheus: the exposition of all metrics, against promtool and a real Prometheus; large ones, and slow readers."""
# ctest: isolated

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import tool
from handed_port import free_port
from proxy import BUILD, cluster, listener

MANY = BUILD / "hostile_plugins" / "many_series.so"
DEADLINE_S = 60
OPEN_METRICS = "Accept: application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5\r\n"


def config(origin, workers=2, plugins=(), **scrape):
    return {"workers": workers,
            "plugins": [{"name": "metrics", "use": "prometheus", "config": scrape}, *plugins],
            "listeners": [listener([{"name": "hi", "match": {"path": "/hi"}, "reply": {"status": 200, "body": "hi\n"}},
                                    {"name": "up", "match": {"prefix": "/"}, "cluster": "origin"}], name="front"),
                          listener([{"match": {"path": "/metrics"}, "handler": "metrics"}], name="inside")],
            "clusters": [cluster(origin), cluster("127.0.0.1:1", name="nobody")]}


def scrape(proxy, fields=""):
    with proxy.client("inside") as client:
        return client.get("/metrics", fields=fields)


def value(text, series):
    """The value of one series, exactly as it stands."""
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.rpartition(" ")[0] == series]
    assert len(found) == 1, f"{series}: {found}"
    return float(found[0])


def settled(proxy, series, wanted):
    """Scrapes until a count that the end of an exchange makes is there."""
    end = time.monotonic() + DEADLINE_S
    while True:
        text = scrape(proxy).body.decode()
        if value(text, series) == wanted or time.monotonic() > end:
            assert value(text, series) == wanted, series
            return text
        time.sleep(0.02)


def test_what_the_kernel_counts_of_routes_and_clusters(proxy, origin):
    before = scrape(proxy).body.decode()
    requests = 'cleat_route_requests_total{listener="front",route="up",class="2xx"}'
    with proxy.client("front") as client:
        for _ in range(5):
            assert client.get("/x").status == 200
        assert client.get("/hi").status == 200
    settled(proxy, requests, value(before, requests) + 5)
    text = settled(proxy, 'cleat_exchanges_active{listener="front"}', 0)  # the last one is another worker's, perhaps

    def grown(series):
        return value(text, series) - value(before, series)

    assert grown('cleat_route_duration_seconds_count{listener="front",route="up"}') == 5
    assert grown('cleat_route_duration_seconds_bucket{listener="front",route="up",le="+Inf"}') == 5
    assert grown('cleat_upstream_attempt_ends_total{cluster="origin",outcome="2xx"}') == 5
    assert grown('cleat_upstream_attempt_duration_seconds_count{cluster="origin"}') == 5
    assert grown('cleat_request_bytes_total{listener="front"}') > 5 * 20
    assert grown('cleat_response_bytes_total{listener="front"}') > 0
    assert value(text, 'cleat_upstream_in_flight{cluster="origin"}') == 0
    assert value(text, 'cleat_exchanges_active{listener="inside"}') == 1  # this one
    assert value(text, 'cleat_upstream_endpoints{cluster="nobody",state="healthy"}') == 1
    assert value(text, 'cleat_plugin_calls_total{instance="metrics",hook="on_handle"}') >= 1


def test_what_the_process_is(proxy):
    text = scrape(proxy).body.decode()
    assert value(text, "process_open_fds") > 5
    assert value(text, "process_resident_memory_bytes") > 1_000_000
    assert abs(time.time() - value(text, "process_start_time_seconds")) < 3600
    assert value(text, "process_cpu_seconds_total") >= 0
    assert re.search(r'^cleat_build_info\{version="[^"]+",abi="[^"]+"\} 1$', text, re.M)


def test_attempts_that_fail_are_counted_by_outcome(start, origin):
    routes = [{"match": {"prefix": "/"}, "cluster": "nobody"}]
    settings = config(origin)
    settings["listeners"][0] = listener(routes, name="front")
    proxy = start(settings)
    with proxy.client("front") as client:
        assert client.get("/").status == 503
    settled(proxy, 'cleat_upstream_attempt_ends_total{cluster="nobody",outcome="connect_failed"}', 1)


@pytest.mark.parametrize("fields", ["", OPEN_METRICS], ids=["text", "openmetrics"])
def test_families_stand_once_and_together(proxy, fields):
    seen, family = set(), None
    for line in scrape(proxy, fields).body.decode().splitlines():
        if match := re.match(r"# HELP (\S+) ", line):
            family = match[1]
            assert family not in seen, family
            seen.add(family)
        elif line != "# EOF":
            name = re.match(r"(?:# TYPE )?([a-zA-Z_:0-9]+)", line)[1]
            assert name.startswith(family), (family, line)


def test_promtool_finds_nothing(proxy):
    promtool = tool("promtool")
    done = subprocess.run([promtool, "check", "metrics"], input=scrape(proxy).body, capture_output=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


def test_openmetrics_when_asked_for(proxy):
    answer = scrape(proxy, OPEN_METRICS)
    assert answer.get("content-type").startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")
    assert b"# TYPE cleat_requests counter\n" in answer.body
    assert scrape(proxy).get("content-type").startswith("text/plain; version=0.0.4")


def test_other_methods(proxy):
    with proxy.client("inside") as client:
        client.send(b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        head = client.response("HEAD")
        assert head.status == 200 and int(head.get("content-length")) > 1000 and head.body == b""
        client.send(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        answer = client.response()
        assert answer.status == 405 and answer.get("allow") == "GET, HEAD"


def many(start, origin, **scrape_options):
    if not MANY.exists():
        pytest.skip(f"SKIPPED: not built: {MANY} (target cleat_hostile_plugins)")
    return start(config(origin, workers=1, plugins=[{"name": "many", "use": str(MANY)}], **scrape_options))


def test_a_hundred_thousand_series_and_others_are_served_meanwhile(start, origin):
    proxy = many(start, origin, series_max=200_000)
    with proxy.client("inside", receive_buffer=65536) as slow, proxy.client("front") as other:
        slow.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(50):  # before the scraper has read anything
            assert other.get("/hi").status == 200
        text = slow.response().body.decode()
    lines = [line for line in text.splitlines() if line.startswith("many_series_total{")]
    assert len(lines) == 100_000
    assert lines[777] == 'many_series_total{number="00000777"} 777'


def test_series_are_bounded_and_families_can_be_dropped(start, origin):
    proxy = many(start, origin, series_max=1_000, drop=["cleat_access", "process_"])
    scrape(proxy)
    text = scrape(proxy).body.decode()
    assert text.count("\nmany_series_total{") < 1_000
    assert "\nprocess_" not in text
    assert value(text, 'cleat_prometheus_series{instance="metrics"}') == 1_000
    assert value(text, 'cleat_prometheus_series_dropped{instance="metrics"}') > 99_000


def test_scrapes_at_once_are_bounded(start, origin):
    proxy = many(start, origin, series_max=200_000, scrapes_max=1)
    with proxy.client("inside", receive_buffer=65536) as slow:
        slow.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        slow.peek_for(b"HTTP/1.1 200")
        answer = scrape(proxy)
        assert answer.status == 503 and answer.get("retry-after") == "1"
    end = time.monotonic() + DEADLINE_S
    while (status := scrape(proxy).status) == 503 and time.monotonic() < end:  # until the one that left is noticed
        time.sleep(0.05)
    assert status == 200


def test_bad_configuration_is_refused_where_it_stands(start, origin, tmp_path):
    from proxy import run

    file = tmp_path / "bad.yaml"
    file.write_text(json.dumps(config(origin, series_max=0, scrapes_max=0), indent=1))
    done = run("validate", "-c", file)
    assert done.returncode == 2
    for key in ("series_max", "scrapes_max"):
        assert f"config.{key}" in done.stderr, done.stderr


# --- a real one


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def until(check, what):
    """The first answer that is not None."""
    end, why = time.monotonic() + DEADLINE_S, None
    while time.monotonic() < end:
        try:
            if (answer := check()) is not None:
                return answer
        except (OSError, urllib.error.URLError) as error:
            why = error
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s ({why})")


def test_a_real_prometheus_scrapes_it(start, origin, tmp_path):
    program, port = tool("prometheus"), free_port()
    proxy = start(config(origin))
    with proxy.client("front") as client:
        for _ in range(7):
            assert client.get("/hi").status == 200
    series = 'cleat_route_requests_total{listener="front",route="hi",class="2xx"}'
    settled(proxy, series, 7)
    (tmp_path / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "cleat", "static_configs": [{"targets": [f"127.0.0.1:{proxy.ports['inside']}"]}]}]}))
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen([program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
                                   f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def scraped():
            assert server.poll() is None, (tmp_path / "log").read_text()
            result = ask(port, "/api/v1/query?query=" + urllib.parse.quote(series))["data"]["result"]
            return result or None

        found = until(scraped, "Prometheus has no such series")
        assert [one["value"][1] for one in found] == ["7"]
        target, = ask(port, "/api/v1/targets")["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        p99 = ask(port, "/api/v1/query?query=" + urllib.parse.quote(
            'histogram_quantile(0.99, sum by (le) (cleat_route_duration_seconds_bucket{route="hi"}))'))["data"]["result"]
        assert 0 < float(p99[0]["value"][1]) <= 60
    finally:
        server.terminate()
        server.wait(DEADLINE_S)
