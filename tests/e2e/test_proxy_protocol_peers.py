"""The PROXY protocol with haproxy, nginx and curl at the other end, in front of the proxy and behind it, and beneath TLS."""
# ctest: timeout 240

import socket
import subprocess

import passing
import pytest
from certificates import Authority
from passing import CLIENT, CLIENT6, FACTS, HERE, HERE6, config, facts, found, passed_on, text, v2
from processes import wait_until
from proxy import listener
from test_tls import exchange
from wire import Client


@pytest.fixture(params=["v1", "v2"])
def how(request):
    return request.param


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_behind_haproxy(proxy, tmp_path, option, mode):
    server = f"backend out\n  mode {mode}\n  server cleat 127.0.0.1:{proxy.ports['required']} {option}"
    with passing.haproxy(tmp_path, frontend=f"mode {mode}\n  unique-id-format %{{+X}}o%ci_%cp\n  default_backend out", backend=server) as address:
        host, port = address.split(":")
        for _ in range(2):
            with Client(int(port)) as client:
                assert facts(client.get()) == (text(client.socket.getsockname()), address, address)


def test_what_haproxy_sends_for_itself_is_taken(proxy, tmp_path):
    check = "option httpchk GET /alive\n  default-server inter 100ms rise 1"
    server = f"backend out\n  {check}\n  server cleat 127.0.0.1:{proxy.ports['hooks']} send-proxy-v2 check check-send-proxy"
    before, refused = found(proxy, "hooks", "v2"), found(proxy, "hooks", "refused")
    with passing.haproxy(tmp_path, frontend="default_backend out", backend=server):
        wait_until(lambda: found(proxy, "hooks", "v2") > before + 3, "haproxy's checks")
    assert found(proxy, "hooks", "refused") == refused


SAYS = 'http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"'


def test_in_front_of_haproxy(start, tmp_path, how):
    with passing.haproxy(tmp_path, bind="accept-proxy", frontend=SAYS) as address:
        proxy = start(passed_on(address, how))
        for name in ("in", "tcp", "in"):
            with proxy.client(name) as client:
                expected = f"{text(client.socket.getsockname())} 127.0.0.1:{proxy.ports[name]}"
                for _ in range(2):
                    assert client.get().body.decode() == expected
        with proxy.client("tcp_behind") as client:
            client.send(v2(CLIENT6, HERE6, v6=True))
            assert client.get().body.decode() == f"{CLIENT6[0]}:{CLIENT6[1]} {HERE6[0]}:{HERE6[1]}"


def test_behind_nginx(proxy, tmp_path):
    server = f"listen 127.0.0.1:@PORT@; proxy_pass 127.0.0.1:{proxy.ports['required']}; proxy_protocol on;"
    with passing.nginx(tmp_path, server, stream=True) as address:
        with Client(int(address.split(":")[1])) as client:
            assert facts(client.get()) == (text(client.socket.getsockname()), address, address)


def test_in_front_of_nginx(start, tmp_path, how):
    says = '"$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port"'
    with passing.nginx(tmp_path, f"listen 127.0.0.1:@PORT@ proxy_protocol; location / {{ return 200 {says}; }}") as address:
        proxy = start(passed_on(address, how))
        for name in ("in", "tcp"):
            with proxy.client(name) as client:
                assert client.get().body.decode() == f"{text(client.socket.getsockname())} 127.0.0.1:{proxy.ports[name]}"


def test_curl_sends_one(proxy, curl):
    done = subprocess.run([curl, "-sS", "-i", "--max-time", "20", "--haproxy-protocol", "--local-port", "40000-60000",
                           f"http://127.0.0.1:{proxy.ports['required']}/"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert f"x-destination: 127.0.0.1:{proxy.ports['required']}" in done.stdout and "x-original" not in done.stdout


def test_before_http2_from_curl(proxy, curl):
    done = subprocess.run([curl, "-sS", "-i", "--max-time", "20", "--haproxy-protocol", "--http2-prior-knowledge",
                           f"http://127.0.0.1:{proxy.ports['optional']}/"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stdout.startswith("HTTP/2 200"), done
    assert f"x-destination: 127.0.0.1:{proxy.ports['optional']}" in done.stdout


def test_before_http2_from_haproxy(proxy, tmp_path):
    server = f"backend out\n  server cleat 127.0.0.1:{proxy.ports['required']} send-proxy-v2 proto h2"
    with passing.haproxy(tmp_path, frontend="default_backend out", backend=server) as address:
        with Client(int(address.split(":")[1])) as client:
            for _ in range(2):
                assert facts(client.get()) == (text(client.socket.getsockname()), address, address)


# --- beneath TLS ---

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("DNS:a.example", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def bundle(leaf, tmp_path_factory):
    file = tmp_path_factory.mktemp("haproxy") / "pair.pem"
    file.write_text(leaf.certificate.read_text() + leaf.key.read_text())
    return file


def with_tls(leaf):
    facts_of = {"name": "facts", "use": "header_rewrite", "config": {"response": {"set": FACTS}}}
    return {"workers": 1, "plugins": [facts_of],
            "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "here"}}], chain=["facts"], proxy_protocol="required",
                                   tls=leaf.pair())]}


def test_the_header_comes_before_the_handshake(start, authority, leaf):
    proxy = start(with_tls(leaf))
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
        plain.sendall(v2(CLIENT, HERE))
        with authority.client_context().wrap_socket(plain, server_hostname="a.example") as secure:
            assert facts(exchange(secure)) == (text(CLIENT), text(HERE), text(HERE))


def test_behind_haproxy_that_speaks_tls(start, tmp_path, leaf):
    proxy = start(with_tls(leaf))
    server = f"backend out\n  server cleat 127.0.0.1:{proxy.port} send-proxy-v2 ssl verify none"
    with passing.haproxy(tmp_path, frontend="default_backend out", backend=server) as address:
        with Client(int(address.split(":")[1])) as client:
            assert facts(client.get()) == (text(client.socket.getsockname()), address, address)


def test_in_front_of_haproxy_that_speaks_tls(start, tmp_path, authority, bundle, how):
    with passing.haproxy(tmp_path, bind=f"accept-proxy ssl crt {bundle}", frontend=SAYS) as address:
        made = passed_on(address, how)
        made["clusters"][0]["tls"] = {"ca": str(authority.certificate), "server_name": "a.example"}
        proxy = start(made)
        for name in ("in", "tcp"):
            with proxy.client(name) as client:
                expected = f"{text(client.socket.getsockname())} 127.0.0.1:{proxy.ports[name]}"
                for _ in range(2):
                    assert client.get(host="a.example").body.decode() == expected
