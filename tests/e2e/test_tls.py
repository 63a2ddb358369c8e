"""TLS on both sides, against OpenSSL, curl and Python's ssl: certificates by name, versions and ciphers, clients' certificates, resumption,
verification of endpoints, and that none of it is lost by a reload."""
# ctest: threads

import json
import os
import re
import socket
import ssl
import subprocess
import time

import pytest
import wire
from certificates import Authority, openssl
from conftest import tool
from origin import reply, switched
from proxy import BUILD, cluster, listener, run, to_origin
from sources import port_of


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def web(authority):
    return authority.leaf("DNS:a.example", "DNS:*.wild.example", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def client_leaf(authority):
    return authority.leaf("URI:spiffe://mesh.example/ns/shop/sa/cart", "DNS:cart.example")


def tls_config(origin, tls, log=None, cluster_options=None, **options):
    config = to_origin(origin, {"tls": tls, **options}, cluster_options)
    if log:
        config["plugins"] = [{"name": "log", "use": "access_log", "config": {"path": str(log), "line": (
            "%{status}|%{tls_version}|%{tls_cipher}|%{tls_server_name}|%{tls_alpn}|%{tls_peer_subject}|%{tls_peer_uri}|%{tls_peer_dns}|"
            "%{tls_peer_fingerprint}|%{tls_resumed}|%{reply_reason}")}}]
        config["listeners"][0]["chain"] = ["log"]
    return config


def connect(port, context, name="a.example", session=None):
    plain = socket.create_connection(("127.0.0.1", port), timeout=wire.DEADLINE_S)
    return context.wrap_socket(plain, server_hostname=name, session=session)


def exchange(connection, target="/", host="a.example", fields=""):
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
    data = bytearray()
    while True:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
        try:
            response, rest = wire.run_over(bytes(data), wire.read_response)
        except wire.Incomplete:
            continue
        assert rest == b""
        return response
    response, _ = wire.run_over(bytes(data), wire.read_response)
    assert response is not None, "closed without an answer"
    return response


# --- downstream


def test_curl_is_served_and_the_endpoint_is_told_https(start, origin, authority, web, curl):
    proxy = start(tls_config(origin, web.pair()))
    body = subprocess.run([curl, "-sS", "--cacert", authority.certificate, "--resolve", f"a.example:{proxy.port}:127.0.0.1",
                           f"https://a.example:{proxy.port}/x"], capture_output=True, timeout=30, check=True)
    assert body.stdout == b"ok"
    assert origin.only_request().get("X-Forwarded-Proto") == "https"


def test_who_speaks_no_tls_is_not_answered(start, origin, web):
    proxy = start(tls_config(origin, web.pair()))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        left = client.rest()
        assert b"HTTP/1" not in left
    assert origin.saw() == []


def test_large_bodies_both_ways_and_many_exchanges_on_one_connection(start, origin, authority, web):
    blob = bytes(range(256)) * 4096 * 4  # 4 MiB

    async def handler(connection, request):
        connection.send(reply(request.body if request.method == "POST" else blob))

    origin.handler = handler
    proxy = start(tls_config(origin, web.pair()))
    with connect(proxy.port, authority.client_context()) as connection:
        for n in range(5):
            assert exchange(connection, f"/{n}").body == blob
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(blob))
        connection.sendall(blob)
        assert exchange_rest(connection).body == blob


def exchange_rest(connection):
    data = bytearray()
    while True:
        data += connection.recv(65536)
        try:
            return wire.run_over(bytes(data), wire.read_response)[0]
        except wire.Incomplete:
            continue


def test_the_head_may_come_with_the_end_of_the_handshake_and_byte_by_byte(start, origin, authority, web):
    proxy = start(tls_config(origin, web.pair()))
    with connect(proxy.port, authority.client_context()) as connection:
        for byte in b"GET / HTTP/1.1\r\nHost: a.example\r\n\r":
            connection.sendall(bytes([byte]))
        time.sleep(0.05)
        connection.sendall(b"\n")
        assert exchange_rest(connection).status == 200


def test_certificates_are_chosen_by_name(start, origin, authority, web):
    other = authority.leaf("DNS:b.example", rsa=True)
    config = tls_config(origin, {"secrets": ["web", "other"]})
    config["secrets"] = [{"name": "web", **web.pair()}, {"name": "other", **other.pair()}]
    proxy = start(config)
    context = authority.client_context(check_hostname=False)

    def names(server_name):
        with connect(proxy.port, context, server_name) as connection:
            return {value for kind, value in connection.getpeercert()["subjectAltName"] if kind == "DNS"}

    assert names("a.example") == {"a.example", "*.wild.example"}
    assert names("B.example") == {"b.example"}
    assert "*.wild.example" in names("x.wild.example")
    assert "a.example" in names("unknown.example"), "the first where none fits"
    assert "a.example" in names("x.y.wild.example"), "a wildcard stands for one label"


@pytest.mark.parametrize("version, minimum, goes", [("TLSv1_2", None, True), ("TLSv1_3", None, True), ("TLSv1_2", "1.3", False), ("TLSv1_1", None, False)])
def test_versions(start, origin, authority, web, version, minimum, goes, tmp_path):
    log = tmp_path / "log"
    proxy = start(tls_config(origin, web.pair() | ({"min_version": minimum} if minimum else {}), log))
    context = authority.client_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = getattr(ssl.TLSVersion, version)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if not goes:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(proxy.port, context)
        return
    with connect(proxy.port, context) as connection:
        assert exchange(connection).status == 200
    assert log_line(proxy, log).split("|")[1] == version.replace("_", ".")


def log_line(proxy, log):
    end = time.monotonic() + wire.DEADLINE_S
    while not (log.exists() and log.read_text().endswith("\n")):
        assert time.monotonic() < end, proxy.log()
        time.sleep(0.02)
    return log.read_text().splitlines()[-1]


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "DES-CBC3-SHA", "NULL-SHA"])
def test_weak_ciphers_are_refused(start, origin, authority, web, cipher):
    proxy = start(tls_config(origin, web.pair()))
    context = authority.client_context(check_hostname=False)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(cipher + ":@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip("this OpenSSL does not offer it at all")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(proxy.port, context)


def test_a_scanner_finds_nothing_weak(start, origin, web):
    proxy = start(tls_config(origin, web.pair()))
    said = subprocess.run([tool("sslscan"), "--no-colour", f"127.0.0.1:{proxy.port}"], capture_output=True, text=True, timeout=120).stdout
    for version, state in (("SSLv2", "disabled"), ("SSLv3", "disabled"), ("TLSv1.0", "disabled"), ("TLSv1.1", "disabled"), ("TLSv1.2", "enabled"), ("TLSv1.3", "enabled")):
        assert re.search(rf"^{version}\s+{state}$", said, re.M), said
    assert "Session renegotiation not supported" in said and "vulnerable to heartbleed" not in said.replace("not vulnerable to heartbleed", "")
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+\d+ bits\s+(\S+)", said, re.M)
    assert len(ciphers) == 6 and all("GCM" in one or "CHACHA20" in one for one in ciphers), ciphers


def test_alpn(start, origin, authority, web):
    proxy = start(tls_config(origin, web.pair()))
    context = authority.client_context()
    context.set_alpn_protocols(["http/1.1"])
    with connect(proxy.port, context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["spdy/3"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(proxy.port, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_over_workers_and_reloads(start, origin, authority, web, version, tmp_path):
    log = tmp_path / "log"
    config = tls_config(origin, web.pair(), log)
    config["workers"] = 2
    proxy = start(config)
    context = authority.client_context()
    context.maximum_version = version
    with connect(proxy.port, context) as connection:
        exchange(connection)
        session = connection.session
        assert not connection.session_reused
    config["listeners"][0]["timeouts"] = {"idle": "7s"}
    proxy.file.write_text(json.dumps(config))
    proxy.signal(1)
    proxy.wait_for_line("generation 2 is in force")
    for _ in range(8):
        with connect(proxy.port, context, session=session) as connection:
            exchange(connection)
            assert connection.session_reused
            session = connection.session
    assert log_line(proxy, log).split("|")[9] == "1"
    # Not under another policy towards clients: whoever resumes would slip through.
    config["listeners"][0]["tls"] |= {"client_ca": str(authority.certificate), "client_certificate": "optional"}
    proxy.file.write_text(json.dumps(config))
    proxy.signal(1)
    proxy.wait_for_line("generation 3 is in force")
    with connect(proxy.port, context, session=session) as connection:
        exchange(connection)
        assert not connection.session_reused


def test_no_tickets_where_they_are_off(start, origin, authority, web):
    proxy = start(tls_config(origin, web.pair() | {"tickets": False}))
    context = authority.client_context()
    with connect(proxy.port, context) as connection:
        exchange(connection)
        session = connection.session
    if session is None:
        return
    with connect(proxy.port, context, session=session) as connection:
        exchange(connection)
        assert not connection.session_reused


def test_clients_certificates(start, origin, authority, web, client_leaf, tmp_path):
    log = tmp_path / "log"
    proxy = start(tls_config(origin, web.pair() | {"client_ca": str(authority.certificate), "client_names": ["spiffe://mesh.example/ns/shop/*"]}, log))
    with connect(proxy.port, authority.client_context(client_leaf)) as connection:
        assert exchange(connection).status == 200
    fields = log_line(proxy, log).split("|")
    assert fields[3] == "a.example"
    assert fields[6:8] == ["spiffe://mesh.example/ns/shop/sa/cart", "cart.example"]
    fingerprint = openssl("x509", "-in", client_leaf.certificate, "-noout", "-fingerprint", "-sha256").strip().split("=")[1].replace(":", "").lower()
    assert fields[8] == fingerprint
    origin.reset()
    stranger = Authority(tmp_path / "stranger", "Another CA").leaf("URI:spiffe://mesh.example/ns/shop/sa/cart")
    wrong_name = authority.leaf("URI:spiffe://mesh.example/ns/other/sa/x")
    for leaf in (None, stranger, wrong_name):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with connect(proxy.port, authority.client_context(leaf)) as connection:  # 1.3 tells at the first read
                exchange(connection)
    assert origin.saw() == []


def test_optional_certificates_are_verified_where_they_are_shown(start, origin, authority, web, client_leaf, tmp_path):
    log = tmp_path / "log"
    proxy = start(tls_config(origin, web.pair() | {"client_ca": str(authority.certificate), "client_certificate": "optional"}, log))
    with connect(proxy.port, authority.client_context()) as connection:
        assert exchange(connection).status == 200
    assert log_line(proxy, log).split("|")[5] == "-"
    with connect(proxy.port, authority.client_context(client_leaf)) as connection:
        assert exchange(connection).status == 200
    stranger = Authority(tmp_path / "stranger", "Another CA").leaf("DNS:cart.example")
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        with connect(proxy.port, authority.client_context(stranger)) as connection:
            exchange(connection)


def test_a_handshake_that_does_not_end_is_ended(start, origin, web):
    proxy = start(tls_config(origin, web.pair() | {"handshake_timeout": "300ms"}))
    with proxy.client() as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00")  # the beginning of a ClientHello
        client.expect_closed()


def test_an_ocsp_response_is_stapled(start, origin, authority, web, tmp_path):
    index, response = tmp_path / "index.txt", tmp_path / "ocsp.der"
    serial = openssl("x509", "-in", web.certificate, "-noout", "-serial").strip().split("=")[1]
    index.write_text(f"V\t301231235959Z\t\t{serial}\tunknown\t/CN=leaf\n")
    openssl("ocsp", "-index", index, "-rsigner", authority.certificate, "-rkey", authority.key, "-CA", authority.certificate, "-issuer", authority.certificate,
            "-cert", web.certificate, "-respout", response, "-ndays", "3")
    proxy = start(tls_config(origin, web.pair() | {"ocsp": str(response)}))
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", "a.example", "-status", "-CAfile", authority.certificate],
                          input="", capture_output=True, text=True, timeout=30)
    assert "OCSP Response Status: successful" in said.stdout, said.stdout


def test_a_client_may_change_its_keys_and_ask_for_ours(start, origin, authority, web):
    async def large(connection, request):
        connection.send(reply(b"x" * 300_000))

    origin.handler = large
    proxy = start(tls_config(origin, web.pair()))
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", "a.example", "-CAfile", authority.certificate, "-crlf"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = bytearray()

    def say(line, answer, count):
        client.stdin.write(line)
        client.stdin.flush()
        deadline = time.monotonic() + wire.DEADLINE_S
        while output.count(answer) < count:
            assert time.monotonic() < deadline and client.poll() is None, bytes(output[-2000:])
            output.extend(os.read(client.stdout.fileno(), 65536))

    try:
        for i, command in enumerate([b"K\n", b"k\n", b"K\n", b"K\n"]):  # K: asks for new keys of ours as well
            say(command, b"KEYUPDATE", i + 1)
            say(b"GET / HTTP/1.1\nHost: a.example\n\n", b"x" * 300_000, i + 1)
    finally:
        client.kill()
        client.communicate()
    assert len(origin.saw()) == 4


# --- configuration


def test_what_is_wrong_with_tls_is_told_with_its_place(tmp_path, authority, web):
    def refused(tls, more=None, of_cluster=None):
        config = {"listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}], tls=tls)],
                  "clusters": [cluster("127.0.0.1:1", **({"tls": of_cluster} if of_cluster else {}))], **(more or {})}
        file = tmp_path / "cleat.yaml"
        file.write_text(json.dumps(config, indent=1))
        done = run("validate", "-c", file)
        assert done.returncode != 0
        assert re.search(r"cleat.yaml:\d+:\d+: ", done.stderr), done.stderr
        return done.stderr

    other = authority.leaf("DNS:x.example")
    assert "is not the key of the certificate" in refused({"certificate": str(web.certificate), "key": str(other.key)})
    assert "needs certificate and key, or secrets" in refused({})
    assert "is not a file" in refused({"certificate": "nowhere.pem", "key": str(web.key)})
    assert 'there is no secret "wbe" (did you mean "web"?)' in refused({"secrets": "wbe"}, {"secrets": [{"name": "web", **web.pair()}]})
    assert "names no cipher" in refused(web.pair() | {"ciphers": "WRONG"})
    assert "needs client_ca" in refused(web.pair() | {"client_certificate": "required"})
    assert 'did you mean "min_version"' in refused(web.pair() | {"min_versoin": "1.2"})
    assert "is not a successful OCSP response" in refused(web.pair() | {"ocsp": str(web.certificate)})
    assert "only one of certificate and secrets" in refused(web.pair() | {"secrets": "web"}, {"secrets": [{"name": "web", **web.pair()}]})
    assert "has no meaning with verify: false" in refused(web.pair(), of_cluster={"verify": False, "names": ["a.example"]})
    assert "is a name, *.name, a URI" in refused(web.pair(), of_cluster={"names": ["a*.example"]})


# --- certificates that change


def test_a_rotated_certificate_is_taken_up_and_a_bad_one_is_not(start, origin, authority, tmp_path):
    leaf = authority.leaf("DNS:a.example", into=tmp_path / "web")
    config = tls_config(origin, leaf.pair())
    config["watch"] = "50ms"
    proxy = start(config)

    def serial():
        with connect(proxy.port, authority.client_context()) as connection:
            return connection.getpeercert()["serialNumber"]

    first = serial()
    leaf.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    proxy.wait_for_line(r"certificate.*cannot be read|holds no certificate")
    assert serial() == first
    authority.leaf("DNS:a.example", into=tmp_path / "web")
    proxy.wait_for_line(r"generation \d+ is in force")
    end = time.monotonic() + wire.DEADLINE_S
    while serial() == first:
        assert time.monotonic() < end, proxy.log()
        time.sleep(0.02)


def test_secrets_come_from_a_source_and_a_bad_pair_changes_nothing(start, authority, tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()

    def put(name, document):
        (folder / f".{name}").write_text(json.dumps(document))
        (folder / f".{name}").rename(folder / name)

    one, two = authority.leaf("DNS:a.example"), authority.leaf("DNS:a.example")
    pem = lambda leaf: {"certificate": leaf.certificate.read_text(), "key": leaf.key.read_text()}
    put("secret.web.yaml", pem(one))
    put("listener.web.yaml", {"address": "127.0.0.1:0", "tls": {"secrets": "web"}, "routes": [{"match": {"prefix": "/"}, "reply": {"status": 204}}]})
    proxy = start({"workers": 1, "log_level": "debug", "plugin_path": [str(BUILD / "hostile_plugins")], "plugins": [
        {"name": "teller", "use": "tells_events"}, {"name": "files", "use": "file_source", "config": {"path": str(folder), "settle": "10ms"}}]})
    port = port_of(proxy, "web")
    proxy.wait_for_line(r"2 resources of .* are in force")

    def serial():
        with connect(port, authority.client_context()) as connection:
            return int(connection.getpeercert()["serialNumber"], 16)

    def serial_of(leaf):
        return int(openssl("x509", "-in", leaf.certificate, "-noout", "-serial").strip().split("=")[1], 16)

    assert serial() == serial_of(one)
    put("secret.web.yaml", {"certificate": two.certificate.read_text(), "key": one.key.read_text()})
    proxy.wait_for_line(r"is not the key of the certificate")
    assert serial() == serial_of(one)
    put("secret.web.yaml", pem(two))
    end = time.monotonic() + wire.DEADLINE_S
    while serial() != serial_of(two):
        assert time.monotonic() < end, proxy.log()
        time.sleep(0.02)
    assert one.key.read_text().splitlines()[1] not in proxy.log(), "a message never holds what a secret says"
    put("listener.web.yaml", {"address": "127.0.0.1:0", "tls": {"secrets": "web"}, "routes": [{"match": {"prefix": "/"}, "reply": {"status": 205}}]})
    proxy.wait_for_line(r"teller event cleat.generation.applied generation=4$")
    told = re.findall(r"teller event cleat\.(secret\.changed secret=web|generation\.applied)", proxy.log())
    assert told == ["secret.changed secret=web", "generation.applied"] * 2 + ["generation.applied"], "of a refused pair, and of a secret that stays, nothing"


def test_fifty_rotations_under_load_fail_nobody(start, origin, authority, tmp_path):
    wrk = tool("wrk")
    leaf = authority.leaf("DNS:a.example", into=tmp_path / "web")
    spare = [authority.leaf("DNS:a.example", into=tmp_path / f"spare{n}") for n in range(2)]
    proxy = start(tls_config(origin, leaf.pair()))
    load = subprocess.Popen([wrk, "-t1", "-c8", "-d8s", "-H", "Host: a.example", f"https://127.0.0.1:{proxy.port}/"], stdout=subprocess.PIPE, text=True)
    begun = time.monotonic()
    for n in range(50):
        one = spare[n % 2]
        leaf.key.write_bytes(one.key.read_bytes())
        leaf.certificate.write_bytes(one.certificate.read_bytes())
        proxy.signal(1)
        proxy.wait_for_line(rf"generation {n + 2} is in force")
    assert time.monotonic() - begun < 60
    out, _ = load.communicate(timeout=60)
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    assert int(re.search(r"(\d+) requests in", out)[1]) > 0


# --- upstream


def tls_origin(start_origin, context, **kwargs):
    return start_origin(tls=context, **kwargs)


def status_and_reason(start, config, log, host="a.example"):
    config["plugins"] = [{"name": "log", "use": "access_log", "config": {"path": str(log), "line": "%{status} %{reply_reason}"}}]
    config["listeners"][0]["chain"] = ["log"]
    proxy = start(config)
    with proxy.client() as client:
        status = client.get("/", host=host).status
    return status, log_line(proxy, log)


def test_endpoints_are_verified_by_chain_and_name(start, start_origin, authority, web, tmp_path):
    origin = tls_origin(start_origin, authority.server_context(web))
    stranger = Authority(tmp_path / "stranger", "Another CA")
    ca = {"ca": str(authority.certificate)}
    cases = [
        ({**ca}, "a.example", 200, ""),                                     # the request's host
        ({**ca}, "x.wild.example:8443", 200, ""),
        ({**ca}, "b.example", 503, "hostname mismatch"),
        ({**ca}, "127.0.0.1", 200, ""),
        ({**ca}, "127.0.0.2", 503, "IP address mismatch"),
        ({**ca, "server_name": "a.example"}, "other.example", 200, ""),     # a fixed one
        ({**ca, "server_name": "b.example"}, "a.example", 503, "hostname mismatch"),
        ({**ca, "names": ["*.wild.example"]}, "b.example", 200, ""),        # by the configuration's names
        ({**ca, "names": ["c.example"]}, "a.example", 503, "mismatch"),
        ({"ca": str(stranger.certificate)}, "a.example", 503, "unable to get local issuer"),
        ({}, "a.example", 503, "unable to get local issuer"),               # the system's
        ({"verify": False}, "b.example", 200, ""),
    ]
    for n, (tls, host, status, reason) in enumerate(cases):
        got, line = status_and_reason(start, to_origin(origin, None, {"tls": tls}), tmp_path / f"log{n}", host)
        assert got == status, (tls, host, line)
        assert reason in line, (tls, host, line)


def test_the_endpoint_sees_sni_and_a_clients_certificate(start, start_origin, authority, web, client_leaf):
    context = authority.server_context(web, clients=True)
    asked = []
    context.sni_callback = lambda connection, name, _: asked.append(name)
    origin = tls_origin(start_origin, context)
    proxy = start(to_origin(origin, None, {"tls": {"ca": str(authority.certificate), **client_leaf.pair()}}))
    with proxy.client() as client:
        assert client.get("/", host="a.example:81").status == 200
        assert client.get("/", host="x.wild.example").status == 200
        assert client.get("/", host="a.example").status == 200
    assert asked == ["a.example", "x.wild.example"], "a connection serves the name it was made for"
    assert len(origin.connections) == 2


def test_idle_connections_to_endpoints_outlive_session_tickets_and_are_resumed(start, start_origin, authority, web):
    origin = tls_origin(start_origin, authority.server_context(web))
    proxy = start(to_origin(origin, None, {"tls": {"ca": str(authority.certificate)}}))
    with proxy.client() as client:
        for _ in range(5):
            assert client.get("/").status == 200
            time.sleep(0.05)
        assert len(origin.connections) == 1
        origin.call(close_all(origin))
        assert client.get("/").status == 200
    assert len(origin.connections) == 2
    assert origin.connections[1].transport.get_extra_info("ssl_object").session_reused


async def close_all(origin):
    for connection in origin.connections:
        connection.transport.close()


def test_an_endpoint_that_speaks_no_tls_or_never_answers(start, start_origin, tmp_path):
    async def plain(connection):
        await connection.read_some()
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    async def silent(connection):
        await connection.until_closed()

    for n, (conversation, reason) in enumerate([(plain, "TLS: "), (silent, "")]):
        origin = start_origin()
        origin.on_connection = conversation
        status, line = status_and_reason(start, to_origin(origin, None, {"tls": {"verify": False}, "connect_timeout": "500ms"}), tmp_path / f"log{n}")
        assert status == 503 and reason in line, line


def test_a_response_that_ends_with_the_connection_must_end_in_order(start, start_origin, authority, web):
    """Without close_notify the end may be an attacker's."""
    orderly = True

    async def handler(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        if orderly:
            connection.close()
        else:
            await connection.flush()
            connection.cut()

    origin = tls_origin(start_origin, authority.server_context(web), handler=handler)
    proxy = start(to_origin(origin, None, {"tls": {"ca": str(authority.certificate)}}))
    with proxy.client() as client:
        assert client.get("/").body == b"half of it"
    orderly = False
    with proxy.client() as client:
        with pytest.raises((wire.Incomplete, AssertionError)):
            client.get("/")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("raw", [False, True])
def test_what_an_endpoint_breaks_off_does_not_end_in_order(start, start_origin, authority, web, raw, version):
    """Half must not pass for the whole where the connection's end is the only end there is."""
    origin = start_origin()
    enough = origin.event()

    async def half(connection):
        await connection.request()
        connection.send(b"half of it" if raw else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf of it\r\n")
        await enough.wait()
        connection.reset()

    origin.on_connection = half
    tcp = {"workers": 1, "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin", "tls": web.pair()}], "clusters": [cluster(origin)]}
    proxy = start(tcp if raw else tls_config(origin, web.pair()))
    context = authority.client_context(minimum_version=version, maximum_version=version)
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=wire.DEADLINE_S)
    with context.wrap_socket(plain, server_hostname="a.example", suppress_ragged_eofs=False) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        got = b""
        while not got.endswith(b"half of it"):
            got += connection.recv(65536)
        origin.set_event(enough)
        with pytest.raises(OSError):
            ended = connection.recv(65536)
            assert ended != b"", "it ended in order"


def test_a_tunnel_without_close_notify_does_not_end_in_order(start, start_origin, authority, web):
    async def switch(connection, request):
        connection.send(switched(request))
        await connection.until_closed()

    origin = start_origin(handler=switch)
    proxy = start(tls_config(origin, web.pair()))
    for orderly in (True, False):
        connection = connect(proxy.port, authority.client_context())
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert b" 101 " in connection.recv(65536)
        if orderly:
            connection.settimeout(wire.DEADLINE_S)
            connection.unwrap().close()
        else:
            socket.close(connection.detach())
        origin.wait_for(lambda: origin.connections[-1].lost, "the far end to be closed")
        assert origin.connections[-1].was_reset != orderly


def test_raw_tcp_with_tls_on_either_side(start, start_origin, authority, web):
    async def echo(connection):
        while data := await connection.read_some():
            connection.send(data)

    inner = tls_origin(start_origin, authority.server_context(web))
    inner.on_connection = echo
    config = {"workers": 1, "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "echo", "tls": web.pair()}],
              "clusters": [cluster(inner, name="echo", tls={"ca": str(authority.certificate), "server_name": "a.example"})]}
    proxy = start(config)
    blob = bytes(range(256)) * 2048
    with connect(proxy.port, authority.client_context()) as connection:
        connection.sendall(blob)
        got = b""
        while len(got) < len(blob):
            got += connection.recv(65536)
        assert got == blob


# --- cleat.tls/1: what plugins see and decide


def peer_config(origin, tls, **plugin):
    config = tls_config(origin, tls)
    config |= {"plugin_path": [str(BUILD / "hostile_plugins")], "plugins": [{"name": "peer", "use": "tls_peer", "config": plugin}]}
    config["listeners"][0]["chain"] = ["peer"]
    config["listeners"][0]["timeouts"] = {"suspend": "300ms"}
    return config


def test_a_plugin_sees_the_client_hello_and_chooses_the_certificate(start, origin, authority, web):
    other = authority.leaf("DNS:other.example", "DNS:slow.example")
    config = peer_config(origin, {"secrets": ["web"]})
    config["secrets"] = [{"name": "web", **web.pair()}, {"name": "other", **other.pair()}]
    proxy = start(config)
    context = authority.client_context(check_hostname=False)
    context.set_alpn_protocols(["http/1.1", "x"])
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")

    def names(server_name):
        with connect(proxy.port, context, server_name) as connection:
            return {value for kind, value in connection.getpeercert()["subjectAltName"] if kind == "DNS"}

    with connect(proxy.port, context, "A.Example") as connection:
        said = dict(line.split(" ", 1) for line in exchange(connection, "/hello").body.decode().splitlines())
    assert said["version"] == "0303" and said["name"] == "a.example" and said["none"] == "absent"
    assert "c02b" in said["ciphers"] and "1301" in said["ciphers"] and "c02f" not in said["ciphers"]
    assert bytes.fromhex(said["alpn"]) == b"\x08http/1.1\x01x"
    assert "0304" in said["versions"] and len(said["extensions"]) % 4 == 0 and "002b" in said["extensions"]
    assert "a.example" in names("a.example")
    assert "other.example" in names("other.example"), "chosen in the hook"
    assert "slow.example" in names("slow.example"), "chosen while it was suspended"
    assert "a.example" in names("missing.example")
    for name in ("refused.example", "stuck.example"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(proxy.port, context, name)
    assert "a.example" in names("a.example")


def test_a_client_may_leave_while_its_hello_is_held_back(start, origin, authority, web):
    config = peer_config(origin, web.pair())
    config["listeners"][0]["timeouts"] = {"suspend": "20s"}
    proxy = start(config)
    context = authority.client_context(check_hostname=False)
    for name in ("stuck.example", "slow.example"):
        plain = socket.create_connection(("127.0.0.1", proxy.port))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
        plain.sendall(outgoing.read())
        time.sleep(0.02)
        plain.close()
    with connect(proxy.port, context, "a.example") as connection:
        assert exchange(connection, "/x").status == 200


def test_a_plugin_judges_certificates_that_nobody_has_verified(start, origin, authority, web, tmp_path):
    mine = Authority(tmp_path / "mine", "Own CA").leaf("URI:spiffe://a/b")
    size = len(ssl.PEM_cert_to_DER_cert(mine.certificate.read_text()))
    proxy = start(peer_config(origin, web.pair() | {"client_certificate": "unverified"}, accept=size))
    with connect(proxy.port, authority.client_context(mine)) as connection:
        assert exchange(connection).status == 200
    origin.reset()
    for leaf in (None, authority.leaf("DNS:" + "long." * 12 + "example")):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with connect(proxy.port, authority.client_context(leaf)) as connection:
                exchange(connection)
    assert origin.saw() == []


def test_what_nobody_has_verified_is_no_attribute(start, origin, authority, web, tmp_path):
    log = tmp_path / "log"
    proxy = start(tls_config(origin, web.pair() | {"client_certificate": "unverified"}, log))
    mine = Authority(tmp_path / "mine", "Own CA").leaf("URI:spiffe://a/b")
    with connect(proxy.port, authority.client_context(mine)) as connection:
        assert exchange(connection).status == 200
    assert log_line(proxy, log).split("|")[5:9] == ["-"] * 4
