"""plugins/access_log: one line for each exchange, that a client cannot forge and that no reader can hold up."""
# ctest: threads
# ctest: wires h2down+h2up+tls
# ctest: isolated

import json
import os
import re
import signal
import time

import pairing
import pytest
from proxy import BUILD, listener, run
from wire import DEADLINE_S


def config(path, workers=1, **settings):
    routes = [{"match": {"path": "/stats"}, "handler": "numbers"},
              {"match": {"path": "/echo"}, "handler": "play"},
              {"match": {"path": "/down"}, "reply": {"status": 503, "body": "down\n"}},
              {"match": {"prefix": "/"}, "reply": {"status": 200, "body": "hello\n"}}]
    return {"workers": workers, "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": "log", "use": "access_log", "config": {"path": str(path), **settings}},
                        {"name": "play", "use": "origin", "config": {"playground": True}},
                        {"name": "numbers", "use": "stats"}],
            "listeners": [listener(routes, chain=["log"])]}


def lines_of(path, count, deadline=DEADLINE_S):
    """The file's lines, once there are so many; every one ends."""
    end = time.monotonic() + deadline
    while True:
        text = path.read_text() if path.exists() else ""
        if text.count("\n") >= count:
            assert text.endswith("\n")
            return text.splitlines()
        assert time.monotonic() < end, f"{text.count(chr(10))} of {count} lines"
        time.sleep(0.01)


def metric(proxy, name):
    with proxy.client() as client:
        text = client.get("/stats").body.decode()
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


def test_the_default_line(start, tmp_path):
    proxy = start(config(tmp_path / "log"))
    with proxy.client() as client:
        client.get("/a?b=c", fields="User-Agent: test/1\r\n")
    (line,) = lines_of(tmp_path / "log", 1)
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1:\d+ "GET /a\?b=c HTTP/[12.]+" 200 6 \d+\.\d{3} '
                        r'"a\.example" "test/1" \S+ \S+ - - \S+', line), line


def test_the_time_is_now(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{start_unix_us} %{time}"))
    before = time.time()
    with proxy.client() as client:
        client.get()
    (line,) = lines_of(tmp_path / "log", 1)
    micros, iso = line.split()
    assert before - 1 <= int(micros) / 1e6 <= time.time() + 1
    assert iso.startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(micros) // 1_000_000)))


def test_json_lines_are_json(start, tmp_path):
    proxy = start(config(tmp_path / "log", format="json"))
    with proxy.client() as client:
        client.get("/x", fields='User-Agent: a "quoted" \\ thing \xe9\r\n')
        client.get("/down")
    first, second = (json.loads(line) for line in lines_of(tmp_path / "log", 2))
    assert first["status"] == 200 and first["method"] == "GET" and first["target"] == "/x" and first["host"] == "a.example"
    assert first["user_agent"] == 'a "quoted" \\ thing \xe9'
    assert isinstance(first["duration"], float) and first["response_body_bytes"] == 6 and first["endpoint"] is None
    assert second["status"] == 503 and second["user_agent"] is None


def test_fields_as_chosen(start, tmp_path):
    fields = {"m": "%{method}", "both": "%{method} %{path}?%{query}", "n": "%{request_body_bytes}", "h": "%{request_header.X-One}",
              "r": "%{response_header.content-type}", "no": "%{metadata.nobody.knows}", "ip": "%{source_ip}", "pct": "100%%"}
    proxy = start(config(tmp_path / "log", format="json", fields=fields))
    with proxy.client() as client:
        client.send(b"POST /echo?q=1 HTTP/1.1\r\nHost: a.example\r\nX-One: first\r\nX-One: second\r\n"
                    b"Content-Type: a/b\r\nContent-Length: 3\r\n\r\nabc")
        client.response()
    (line,) = lines_of(tmp_path / "log", 1)
    assert json.loads(line) == {"m": "POST", "both": "POST /echo?q=1", "n": 3, "h": "first", "r": "a/b",
                                "no": None, "ip": "127.0.0.1", "pct": "100%"}


def test_a_client_cannot_forge_a_line(start, tmp_path):
    proxy = start(config(tmp_path / "log", line='"%{request_header.user-agent}" "%{original_target}"'))
    with proxy.client() as client:
        client.get('/%0a%22x', fields='User-Agent: x" 200\t"\xff\r\n')
    (line,) = lines_of(tmp_path / "log", 1)
    assert line.startswith(r'"x\x22 200\x09\x22\xff" "')
    assert line.count('"') == 4


@pairing.needs_http1_down("exact bytes")
def test_requests_that_were_refused_are_logged_too(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{status} %{reply_by} %{reply_flag}"))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert client.response().status == 400
    (line,) = lines_of(tmp_path / "log", 1)
    assert line.startswith("400 kernel ") and not line.endswith(" -")


def test_min_status_and_sample(start, tmp_path):
    proxy = start(config(tmp_path / "errors", line="%{status}", min_status=500))
    sampled = start(config(tmp_path / "sampled", line="%{status}", sample=10))
    for each in (proxy, sampled):
        with each.client() as client:
            for _ in range(50):
                client.get("/")
            client.get("/down")
    assert lines_of(tmp_path / "errors", 1) == ["503"]
    sampled.stop()
    assert len(lines_of(tmp_path / "sampled", 5)) in (5, 6)


def test_nothing_is_lost_at_the_end(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{target}"))
    with proxy.client() as client:
        for i in range(200):
            client.get(f"/{i}")
    proxy.stop()
    assert (tmp_path / "log").read_text().splitlines() == [f"/{i}" for i in range(200)]


def test_many_workers_write_whole_lines(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{target} " + "x" * 200 + " end", workers=4))
    clients = [proxy.client() for _ in range(16)]
    for turn in range(25):
        for number, client in enumerate(clients):
            client.send(f"GET /{number}-{turn} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        for client in clients:
            assert client.response().status == 200
    for client in clients:
        client.close()
    lines = lines_of(tmp_path / "log", 400)
    assert sorted(line.split()[0] for line in lines) == sorted(f"/{n}-{t}" for n in range(16) for t in range(25))
    assert all(re.fullmatch(r"/\d+-\d+ x{200} end", line) for line in lines)


def test_standard_output(start):
    proxy = start(config("/dev/stdout", line="line %{status}"))
    with proxy.client() as client:
        client.get()
    proxy.stop()
    assert b"".join(proxy._out).splitlines() == [b"line 200"]


def test_sigusr1_reopens_a_moved_file(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{target}"))
    with proxy.client() as client:
        client.get("/before")
        (tmp_path / "log").rename(tmp_path / "log.1")
        client.get("/before-the-signal")
        lines_of(tmp_path / "log.1", 2)
        proxy.signal(signal.SIGUSR1)
        end = time.monotonic() + DEADLINE_S
        while not (tmp_path / "log").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        client.get("/after")
    assert lines_of(tmp_path / "log", 1) == ["/after"]
    assert lines_of(tmp_path / "log.1", 2) == ["/before", "/before-the-signal"]


def test_a_reader_that_does_not_read_costs_lines_and_nothing_else(start, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy = start(config(fifo, line="%{target} " + "x" * 8000, buffer="64KiB"))
        with proxy.client() as client:
            for i in range(100):
                assert client.get(f"/{i}").status == 200  # 800 kB into 64 + 64 kB
        end = time.monotonic() + DEADLINE_S
        while metric(proxy, "cleat_access_log_dropped_total") == 0:
            assert time.monotonic() < end
        proxy.wait_for_line(r"plugin/log .*lines? lost")
        proxy.stop()
    finally:
        os.close(reader)


def test_lines_are_counted(start, tmp_path):
    proxy = start(config(tmp_path / "log", line="%{target}"))
    with proxy.client() as client:
        for _ in range(10):
            client.get("/")
    lines_of(tmp_path / "log", 10)
    end = time.monotonic() + DEADLINE_S
    while metric(proxy, "cleat_access_log_lines_total") < 10:
        assert time.monotonic() < end
    assert metric(proxy, "cleat_access_log_dropped_total") == 0


@pytest.mark.parametrize("settings,words", [
    ({"line": "%{statsu}"}, r"config\.line: unknown field %\{statsu\}; did you mean %\{status\}\?"),
    ({"format": "json", "fields": {"a": "%{status}", "b": "%{nope}"}}, r"config\.fields\.b: unknown field"),
    ({"format": "json", "line": "x"}, r"config\.line: belongs to `format: text`"),
    ({"fields": {"a": "b"}}, r"config\.fields: belongs to `format: json`"),
    ({"format": "xml"}, r"must be one of: text, json"),
    ({"buffer": "1KiB"}, r"between 64KiB and 64MiB"),
    ({"sample": 0}, r"sample"),
    ({"path": "/nonexistent/folder/log"}, r"config\.path: no such folder: /nonexistent/folder"),
    ({"formt": "x"}, r'did you mean "format"'),
])
def test_mistakes_in_the_configuration_are_told(settings, words, tmp_path):
    settings = dict(settings)
    path = settings.pop("path", tmp_path / "log")
    (tmp_path / "cleat.yaml").write_text(json.dumps(config(path, **settings)))
    done = run("validate", "-c", tmp_path / "cleat.yaml")
    assert done.returncode == 2 and re.search(words, done.stderr), done.stderr
    assert not (tmp_path / "log").exists()  # validating has no effects
