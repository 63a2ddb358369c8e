"""Clients and origins that others wrote: curl and wrk in front, nginx and Python's http.server behind."""
# ctest: serial

import filecmp
import os
import re
import subprocess

import pytest
from origin import http_server, reply
from proxy import SANITIZED, to_origin


class At:
    def __init__(self, address):
        self.address = address


def run_curl(curl, *arguments, timeout=60):
    done = subprocess.run([curl, "-sS", "--max-time", "50", "--noproxy", "*", *map(str, arguments)], capture_output=True, timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    return done.stdout


@pytest.fixture
def url(proxy):
    return f"http://127.0.0.1:{proxy.port}"


@pytest.fixture
def echo(origin):
    async def handler(connection, request):
        connection.send(reply(request.body, fields=f"X-Method: {request.method}\r\n"))

    origin.handler = handler
    return origin


def test_curl_gets(curl, url, origin):
    assert run_curl(curl, f"{url}/a?b") == b"ok"
    seen = origin.only_request()
    assert seen.target == "/a?b" and seen.get("User-Agent").startswith("curl/")


def test_curl_reuses_its_connection(curl, url, origin):
    out = run_curl(curl, "-w", "%{num_connects} ", f"{url}/1", f"{url}/2", f"{url}/3")
    assert out == b"ok1 ok0 ok0 " and len(origin.saw()) == 3


def test_curl_speaks_http_1_0(curl, url, origin):
    assert run_curl(curl, "--http1.0", "-w", " %{http_version}", url) in (b"ok 1.1", b"ok 1.0")


def test_curl_posts_a_form(curl, url, echo):
    assert run_curl(curl, "-d", "a=1&b=2", url) == b"a=1&b=2"


def test_curl_uploads_a_large_file_with_expect_100_continue(curl, url, echo, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1 << 20) * 4)
    run_curl(curl, "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-X", "POST", "-T", file, "-o", tmp_path / "back", f"{url}/up")
    assert filecmp.cmp(file, tmp_path / "back", shallow=False)


def test_curl_uploads_chunked(curl, url, echo, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1 << 20))
    run_curl(curl, "-H", "Transfer-Encoding: chunked", "-X", "PUT", "--data-binary", f"@{file}", "-o", tmp_path / "back", url)
    assert filecmp.cmp(file, tmp_path / "back", shallow=False)
    assert echo.only_request().get("Transfer-Encoding") == "chunked"


def test_curl_asks_for_heads(curl, url, origin):
    assert run_curl(curl, "-I", url).startswith(b"HTTP/1.1 200 OK\r\n")
    assert origin.only_request().method == "HEAD"


def test_curl_uses_the_proxy_as_a_forward_proxy_in_absolute_form(curl, url, origin):
    done = subprocess.run([curl, "-sS", "--max-time", "30", "--proxy", url, "http://named.example/x"], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"ok"), done.stderr
    seen = origin.only_request()
    assert (seen.target, seen.get("Host")) == ("/x", "named.example")


def test_curl_is_refused_a_connect_tunnel(curl, url, origin):
    done = subprocess.run([curl, "-sS", "--max-time", "30", "--proxy", url, "--proxytunnel", "http://named.example/x"],
                          capture_output=True, timeout=60)
    assert done.returncode != 0 and b"405" in done.stderr
    assert origin.saw() == []


# --- nginx behind


def test_nginx_serves_files_ranges_and_conditions(curl, nginx_origin, start, tmp_path):
    with nginx_origin("location /len { return 200 hello; }") as address:
        data = os.urandom(300_000)
        (tmp_path / "www" / "file.bin").write_bytes(data)
        url = f"http://127.0.0.1:{start(to_origin(At(address))).port}"
        assert run_curl(curl, f"{url}/file.bin") == data
        assert run_curl(curl, "-r", "1000-1999", f"{url}/file.bin") == data[1000:2000]
        etag = re.search(rb'ETag: ("[^"]+")', run_curl(curl, "-I", f"{url}/file.bin"))[1].decode()
        assert run_curl(curl, "-w", "%{http_code}", "-H", f"If-None-Match: {etag}", f"{url}/file.bin") == b"304"
        assert run_curl(curl, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/nothing") == b"404"
        assert run_curl(curl, "-H", "Accept-Encoding: gzip", f"{url}/len") == b"hello"


def test_nginx_accepts_a_large_upload(curl, nginx_origin, start, tmp_path):
    locations = "location /up { client_body_in_file_only clean; proxy_pass http://unix:/nowhere.sock; error_page 502 = @done; } " \
                "location @done { return 201; }"
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1 << 20) * 8)
    with nginx_origin(locations) as address:
        url = f"http://127.0.0.1:{start(to_origin(At(address))).port}"
        for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
            assert run_curl(curl, *extra, "-w", "%{http_code}", "-o", "/dev/null", "--data-binary", f"@{file}", f"{url}/up") == b"201"


def test_wrk_finds_no_error_in_two_seconds(wrk, nginx_origin, start, tmp_path):
    with nginx_origin("location / { return 200 \"hello from the origin\\n\"; }") as address:
        proxy = start(to_origin(At(address), workers=2))
        done = subprocess.run([wrk, "-t2", "-c32", "-d2s", "--latency", f"http://127.0.0.1:{proxy.port}/"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for bad in ("Socket errors", "Non-2xx"):
        assert bad not in done.stdout, done.stdout
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    print(done.stdout)
    assert count > (200 if SANITIZED else 1000), done.stdout


# --- Python's http.server behind


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/1.0"])
def test_http_server_serves_files_and_echoes_posts(curl, start, tmp_path, protocol):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.txt").write_text("a file")
    with http_server(tmp_path / "www", protocol) as address:
        url = f"http://127.0.0.1:{start(to_origin(At(address))).port}"
        assert run_curl(curl, f"{url}/a.txt", f"{url}/a.txt") == b"a filea file"
        assert b"a.txt" in run_curl(curl, f"{url}/")
        assert run_curl(curl, "-d", "echo me", f"{url}/") == b"echo me"
        assert run_curl(curl, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/none") == b"404"


def test_curl_and_http_server_pass_a_large_body_both_ways(curl, start, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1 << 20) * 8)
    (tmp_path / "www").mkdir()
    with http_server(tmp_path / "www") as address:
        url = f"http://127.0.0.1:{start(to_origin(At(address))).port}"
        for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
            run_curl(curl, *extra, "--data-binary", f"@{file}", "-o", tmp_path / "back", f"{url}/")
            assert filecmp.cmp(file, tmp_path / "back", shallow=False)
