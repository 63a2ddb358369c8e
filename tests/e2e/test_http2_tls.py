"""HTTP/2 over TLS: ALPN chooses it, and what is agreed on holds."""
# ctest: timeout 300

import re
import ssl
import subprocess

import pytest
from certificates import Authority
from conftest import tool
from http2_client import PREFACE
from proxy import cluster, listener
from test_http2_conformance import h2spec  # noqa: F401
from test_tls import connect


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secure(authority, shared_origin, tmp_path_factory):
    import proxy as proxies

    pair = authority.leaf("DNS:a.example", "IP:127.0.0.1").pair()
    routes = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    kinds = {"both": {}, "h2": {"protocols": ["http2"]}, "h1": {"protocols": ["http1"]}}
    config = {"workers": 1, "listeners": [listener(routes, name, tls=pair, **others) for name, others in kinds.items()],
              "clusters": [cluster(shared_origin, connections_max=64, pending_max=10_000)]}
    with proxies.running(config, tmp_path_factory.mktemp("secure")) as proxy:
        yield proxy


@pytest.mark.parametrize("name,offered,agreed", [
    ("both", ["h2", "http/1.1"], "h2"), ("both", ["http/1.1", "h2"], "h2"), ("both", ["http/1.1"], "http/1.1"), ("both", [], None),
    ("h2", ["h2", "http/1.1"], "h2"), ("h1", ["h2", "http/1.1"], "http/1.1")])
def test_what_is_agreed_on(secure, authority, name, offered, agreed):
    context = authority.client_context()
    if offered:
        context.set_alpn_protocols(offered)
    with connect(secure.ports[name], context) as connection:
        assert connection.selected_alpn_protocol() == agreed


@pytest.mark.parametrize("name,offered", [("h2", ["http/1.1"]), ("h1", ["h2"])])
def test_nothing_in_common(secure, authority, name, offered):
    context = authority.client_context()
    context.set_alpn_protocols(offered)
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(secure.ports[name], context)


def test_the_preface_after_http1_was_agreed_on(secure, authority):
    context = authority.client_context()
    context.set_alpn_protocols(["http/1.1"])
    with connect(secure.ports["both"], context) as connection:
        connection.sendall(PREFACE)
        assert connection.recv(100).startswith(b"HTTP/1.1 505 ")


@pytest.mark.parametrize("name", ["both", "h2"])
def test_curl(secure, origin, curl, name, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 3_000_000)
    done = subprocess.run([curl, "-sSk", "--http2", "-w", " %{http_version} %{http_code}", "--data-binary", f"@{body}", f"https://127.0.0.1:{secure.ports[name]}/x"],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout == "ok 2 200", done
    request = origin.only_request()
    assert request.body == body.read_bytes() and request.list("X-Forwarded-Proto") == ["https"]


def test_h2load(secure, origin):
    done = subprocess.run([tool("h2load"), "-n", "3000", "-c", "10", "-m", "100", f"https://127.0.0.1:{secure.ports['both']}/"], capture_output=True, text=True,
                          timeout=120)
    assert re.search(r"requests: 3000 total, .* 3000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout


def test_h2spec(secure, origin, h2spec):  # noqa: F811
    done = subprocess.run([str(h2spec), "-t", "-k", "-h", "127.0.0.1", "-p", str(secure.ports["h2"]), "-o", "5"], capture_output=True, text=True, timeout=300)
    counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    print(counts and counts[0])
    assert counts and int(counts[1]) >= 140 and int(counts[3]) <= 1 and counts[4] == "0", done.stdout[done.stdout.find("Failures:"):]
