"""The PROXY protocol, in and out: who a connection is said to be is what plugins, fields and logs see, and what endpoints are told.
Other programs as peers: test_proxy_protocol_peers.py."""
# ctest: threads
# ctest: timeout 240

import contextlib
import itertools
import json
import re
import signal
import socket
import time

import passing
import pytest
from handed_port import free_port
from origin import reply
from passing import CLIENT, CLIENT6, FACTS, HEAD_MS, HERE, HERE6, config, extension, facts, found, own, passed_on, text, v1, v2
from processes import wait_until
from proxy import cluster, listener, run
from wire import Client


# --- in ---

HEADERS = {
    "v1": v1(CLIENT, HERE),
    "v1 over IPv6": v1(CLIENT6, HERE6, v6=True),
    "v2": v2(CLIENT, HERE),
    "v2 over IPv6": v2(CLIENT6, HERE6, v6=True),
    "v2 with extensions": v2(CLIENT, HERE, more=extension(passing.TYPE_AUTHORITY, b"a.example") + extension(0xEA, b"\1vpce")),
    "v2 with a checksum": passing.with_checksum(lambda more: v2(CLIENT, HERE, more=more)),
    "v2 as long as may be": v2(CLIENT, HERE, more=extension(passing.TYPE_NOTHING, b"\0" * (4096 - 16 - 12 - 3))),
}


@pytest.mark.parametrize("name", ["required", "optional"])
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_the_client_is_who_the_header_says(proxy, header, name):
    source, destination = (CLIENT6, HERE6) if b"2001:db8" in header or header[13:14] == b"\x21" else (CLIENT, HERE)
    expected = text(source), text(destination), text(destination)
    with proxy.client(name) as client:
        client.send(header + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")  # in one piece
        assert facts(client.response()) == expected
        assert facts(client.get()) == expected  # and so it stays
    with proxy.client(name) as client:
        client.send(header)  # alone
        assert facts(client.get()) == expected


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n", v2(command=0x20), v2(CLIENT, HERE, command=0x20), v2(),
    passing.SIGNATURE + b"\x21\x31\x00\xd8" + b"/run/a.sock".ljust(216, b"\0"), v2(CLIENT, HERE, family=0x12)],
    ids=["v1 UNKNOWN", "v1 UNKNOWN with more", "v2 LOCAL", "v2 LOCAL with addresses", "v2 unspecified", "v2 unix", "v2 datagrams"])
def test_without_a_clients_address_the_connections_own_hold(proxy, header):
    with proxy.client("required") as client:
        client.send(header)
        assert facts(client.get()) == own(client, proxy, "required")


@pytest.mark.parametrize("header", [v1(CLIENT6, HERE6, v6=True), v2(CLIENT6, HERE6, v6=True, more=extension(passing.TYPE_NOTHING, b"x"))], ids=["v1", "v2"])
def test_a_header_may_come_byte_by_byte(proxy, header):
    with proxy.client("required") as client:
        for byte in header + b"GET / HT":
            client.send(bytes([byte]))
            time.sleep(0.0005)
        client.send(b"TP/1.1\r\nHost: a.example\r\n\r\n")
        assert facts(client.response())[0] == text(CLIENT6)


@pytest.mark.parametrize("name", ["required", "optional"])
@pytest.mark.parametrize("wrong", [
    b"PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n", b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\n", b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 012345 443\r\n", b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n", b"PROXY TCP5 a b 1 2\r\n",
    b"PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n", b"PROXY UNKNOWN " + b"x" * 200, passing.SIGNATURE + b"\x11\x11\x00\x00",
    v2(CLIENT, HERE, command=0x22), v2(CLIENT, HERE, family=0x41), v2(CLIENT, HERE, family=0x21), v2(command=0x20, more=b"\0" * 4081),
    v2(CLIENT, HERE, more=b"\4"), v2(CLIENT, HERE, more=b"\4\xff\xff"), v2(CLIENT, HERE, more=extension(passing.TYPE_CHECKSUM, b"abcd"))],
    ids=lambda header: repr(header[:40]))
def test_a_malformed_header_closes_the_connection(proxy, wrong, name):
    before = found(proxy, name, "refused")
    with proxy.client(name) as client:
        client.send(wrong + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.expect_closed()
    assert found(proxy, name, "refused") == before + 1
    proxy.wait_for_line(rf"debug downstream listener {name}: from 127\.0\.0\.1:\d+: PROXY header refused: \w+")


def test_one_that_breaks_off_is_malformed_and_silence_is_nothing(proxy):
    before = found(proxy, "required", "refused")
    for _ in range(5):
        proxy.client("required").close()
    for piece in (b"PROX", passing.SIGNATURE + b"\x21"):
        with proxy.client("required") as client:
            client.send(piece)
            client.half_close()
            client.expect_closed()
    assert found(proxy, "required", "refused") == before + 2


def test_where_it_is_required_nothing_else_is_served(proxy):
    before = found(proxy, "required", "refused")
    for other in (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"\x16\x03\x01\x00"):
        with proxy.client("required") as client:
            client.send(other)
            client.expect_closed()
    assert found(proxy, "required", "refused") == before + 3


@pytest.mark.parametrize("pieces, status", [
    ([b"GET / HTTP/1.1\r\n"], 200), ([b"\r\nGET / HTTP/1.1\r\n"], 200), ([b"\r\n", b"GET / HTTP/1.1\r\n"], 200), ([b"P", b"OST / HTTP/1.1\r\n"], 200),
    ([b"\r\n\r\n", b"GET / HTTP/1.1\r\n"], 400), ([b"PROX", b" / HTTP/1.1\r\n"], 501)])
def test_where_it_is_optional_a_connection_may_do_without(proxy, pieces, status):
    before = found(proxy, "optional", "absent")
    with proxy.client("optional") as client:
        for piece in pieces:  # the first may look like the beginning of a header
            client.send(piece)
            time.sleep(0.05)
        client.send(b"Host: a.example\r\n\r\n")
        response = client.response()
        assert response.status == status
        if status == 200:
            assert facts(response) == own(client, proxy, "optional")
    assert found(proxy, "optional", "absent") == before + 1


@pytest.mark.parametrize("name", ["required", "optional", "tcp"])
@pytest.mark.parametrize("begun", [b"", b"PROXY TCP4 192.0.2.1", v2(CLIENT, HERE)[:20]], ids=["nothing", "half a line", "half a block"])
def test_it_must_come_in_time(proxy, begun, name):
    start = time.monotonic()
    with proxy.client(name) as client:
        client.send(begun)
        client.expect_closed()
    assert HEAD_MS / 1000 * 0.9 < time.monotonic() - start < HEAD_MS / 1000 + 5


def test_trickling_does_not_lengthen_the_time(proxy):
    start = time.monotonic()
    with proxy.client("required") as client:
        for byte in itertools.chain(b"PROXY UNKNOWN ", itertools.repeat(ord("x"), 80)):
            if not client.send(bytes([byte])):
                break
            time.sleep(0.05)
        assert time.monotonic() - start < HEAD_MS / 1000 + 3


@pytest.mark.parametrize("name", ["hooks", "waits"])
def test_plugins_see_the_client_from_the_connections_first_hook_on(proxy, name):
    header = v2(("192.0.2.77", 4321), HERE)
    with proxy.client(name) as client:
        client.send(header + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert facts(client.response()) == ("192.0.2.77:4321", text(HERE), text(HERE))
        plugin = "sees" if name == "hooks" else name
        proxy.wait_for_line(rf"plugin/{plugin} on_connection from 192\.0\.2\.77:4321 to 198\.51\.100\.2:443 wanted 198\.51\.100\.2:443$")
    if name == "hooks":
        proxy.wait_for_line(r"^log 192\.0\.2\.77:4321 198\.51\.100\.2:443$")


def test_plugins_see_nothing_of_what_was_refused(proxy):
    with proxy.client("hooks") as client:
        client.send(b"PROXY TCP4 192.0.2.99 198.51.100.2 99 99999\r\n")
        client.expect_closed()
    with proxy.client("hooks") as client:
        client.send(v1(("192.0.2.98", 98), HERE))
        client.get()
    proxy.wait_for_line(r"on_connection from 192\.0\.2\.98:98 ")
    assert not [line for line in proxy.lines() if "192.0.2.99" in line]


async def echo(connection):
    while data := await connection.read_some():
        connection.send(data)


@pytest.mark.parametrize("header", [v1(CLIENT, HERE), v2(CLIENT6, HERE6, v6=True)], ids=["v1", "v2"])
def test_raw_bytes_follow_the_header(proxy, origin, header):
    origin.on_connection = echo
    with proxy.client("tcp") as client:
        client.send(header + b"\0raw")
        assert client.read(4) == b"\0raw"
        client.send(v1(CLIENT, HERE))  # the second one is theirs
        assert client.read(len(v1(CLIENT, HERE))) == v1(CLIENT, HERE)
    with proxy.client("tcp_optional") as client:
        client.send(b"PRO-xy")
        assert client.read(6) == b"PRO-xy"


def test_of_what_is_refused_no_byte_reaches_an_endpoint(proxy, origin):
    for wrong in (b"hello", b"PROXY TCP4 1 2 3 4\r\nhello", passing.SIGNATURE + b"\0\0\0\0hello"):
        with proxy.client("tcp") as client:
            client.send(wrong)
            client.expect_closed()
    assert origin.since_reset() == []


def test_a_drain_does_not_wait_for_headers(start, origin):
    proxy = start(config(origin))
    with proxy.client("hooks"), proxy.client("hooks") as begun, proxy.client("hooks") as late:
        begun.send(b"PROXY ")
        time.sleep(0.1)
        began = time.monotonic()
        proxy.signal()
        late.send(v1(CLIENT, HERE) + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")  # was on its way
        assert facts(late.response())[0] == text(CLIENT)
        proxy.stop()
        assert time.monotonic() - began < 10


def test_a_reload_turns_it_on_for_connections_to_come(start, origin):
    said = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "here"}}]
    facts_of = {"name": "facts", "use": "header_rewrite", "config": {"response": {"set": FACTS}}}
    port = free_port()

    def with_headers(how):
        return {"workers": 1, "plugins": [facts_of],
                "listeners": [listener(said, address=f"127.0.0.1:{port}", chain=["facts"], proxy_protocol=how)]}

    proxy = start(with_headers("off"))
    with Client(port) as before, Client(port) as fresh:
        assert facts(before.get())[0] == text(before.socket.getsockname())
        proxy.file.write_text(json.dumps(with_headers("required")))
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line("generation 2 is in force")
        assert facts(before.get())[0] == text(before.socket.getsockname())
        assert facts(fresh.get())[0] == text(fresh.socket.getsockname())
        with Client(port) as after:
            after.send(v1(CLIENT, HERE))
            assert facts(after.get())[0] == text(CLIENT)


# --- out ---

def headed(origin):
    """The origin reads the header of each connection first. Returns where it keeps (kind, source, destination)."""
    seen = []

    async def conversation(connection):
        first = bytes(await connection.read(6))
        if first == b"PROXY ":
            while not first.endswith(b"\r\n"):
                first += await connection.read(1)
        else:
            first += await connection.read(10)
            first += await connection.read(first[14] << 8 | first[15])
        *what, rest = passing.read(first)
        assert rest == b""
        seen.append(tuple(what))
        while (request := await connection.request()) is not None:
            if request.method == "RAW":
                break
            connection.send(reply(fields=f"x-connection: {len(origin.connections)}\r\n"))
        while data := await connection.read_some():
            connection.send(data)

    origin.on_connection = conversation
    return seen


@pytest.fixture(params=["v1", "v2"])
def how(request):
    return request.param


def test_each_connection_says_whose_it_is_and_serves_no_other(start, origin, how):
    seen = headed(origin)
    proxy = start(passed_on(origin, how))
    expected = []
    for _ in range(2):
        with proxy.client("in") as one, proxy.client("in") as two:
            for client in (one, two, one):
                assert client.get().status == 200
                expected.append((how, client.socket.getsockname(), ("127.0.0.1", proxy.ports["in"])))
    assert seen == expected


def test_bodies_and_tunnels_come_behind_the_header(start, origin, how):
    seen = headed(origin)
    proxy = start(passed_on(origin, how))
    with proxy.client("in") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
        assert client.response().status == 200
        client.send(f"CONNECT {origin.address} HTTP/1.1\r\nHost: {origin.address}\r\n\r\n".encode())
        assert client.response("CONNECT").status == 200
        client.send(b"GET /inside HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.response().status == 200
        assert seen == [(how, client.socket.getsockname(), ("127.0.0.1", proxy.ports["in"]))] * 2


def test_what_came_in_with_a_header_goes_out_with_it(start, origin, how):
    seen = headed(origin)
    proxy = start(passed_on(origin, how))
    for header in (v1(CLIENT, HERE), v2(CLIENT, HERE)):
        with proxy.client("behind") as client:
            client.send(header)
            assert client.get().status == 200
    with proxy.client("tcp_behind") as client:
        client.send(v2(CLIENT6, HERE6, v6=True) + b"RAW / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.send(b"raw")
        assert client.read(3) == b"raw"
    assert seen == [(how, CLIENT, HERE), (how, CLIENT, HERE), (how, CLIENT6, HERE6)]


def test_raw_tcp_says_it_before_either_side_speaks(start, origin, how):
    seen = headed(origin)
    proxy = start(passed_on(origin, how))
    with proxy.client("tcp") as client:
        wait_until(lambda: seen, "the header, though the client has sent nothing")
        assert seen == [(how, client.socket.getsockname(), ("127.0.0.1", proxy.ports["tcp"]))]


def test_a_plugins_call_is_for_nobody_but_the_proxy(start, origin, how):
    seen = headed(origin)
    proxy = start(passed_on(origin, how))
    with proxy.client("calls") as client:
        for _ in range(2):
            assert client.get(fields="x-call: origin GET /\r\n").body.startswith(b"done 200")
    assert seen == [("v1 unknown" if how == "v1" else "v2 local", None, None)] * 2


def test_over_ipv6_too(start, origin, how):
    seen = headed(origin)
    made = passed_on(origin, how)
    made["listeners"] = [{**made["listeners"][0], "address": "[::1]:0"}]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(socket.socket(socket.AF_INET6)).bind(("::1", 0))
        except OSError:
            pytest.skip("SKIPPED: no IPv6 loopback here")
        proxy = start(made)
        with socket.create_connection(("::1", proxy.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            assert seen == [(how, client.getsockname()[:2], ("::1", proxy.port))]


def test_the_clusters_bound_holds_where_no_connection_is_kept(start, origin, how):
    headed(origin)
    proxy = start(passed_on(origin, how, connections_max=1))
    for _ in range(20):
        with proxy.client("in") as client:
            assert client.get().status == 200
            assert client.get().status == 200


# --- configuration ---

@pytest.mark.parametrize("where, word, expected", [
    ("listeners", "requierd", 'listeners[0].proxy_protocol: must be off, optional or required, not "requierd" (did you mean "required"?)'),
    ("listeners", "v1", "listeners[0].proxy_protocol: "), ("clusters", "v3", "clusters[0].proxy_protocol: "),
    ("clusters", "required", "clusters[0].proxy_protocol: ")])
def test_a_wrong_word_is_refused_with_its_place(tmp_path, where, word, expected):
    made = {"listeners": [listener([{"reply": {"status": 204}}])], "clusters": [cluster("127.0.0.1:1")]}
    made[where][0]["proxy_protocol"] = word
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(made, indent=1))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and re.search(r"cleat\.yaml:\d+:\d+: " + re.escape(expected), done.stderr), done.stderr
