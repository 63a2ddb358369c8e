"""Long bodies that nobody looks at go from socket to socket through a pipe: the same bytes, bounds and ends as of those that are read."""
# ctest: timeout 180

import json
import os
import socket
import time

from origin import reply
from proxy import to_origin

LONG = bytes(range(256)) * 4096 + b"the end"  # 1 MiB and a little
SHORT = b"s" * 500


def pipes(proxy):
    """Descriptors of pipes that the proxy has now."""
    folder, count = f"/proc/{proxy.process.pid}/fd", 0
    for fd in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{fd}").startswith("pipe:")
        except FileNotFoundError:
            continue
    return count


async def long_or_short(connection, request):
    connection.send(reply(LONG if request.target == "/long" else SHORT))


def test_long_and_short_bodies_alternate_on_one_connection(proxy, origin):
    origin.handler = long_or_short
    before = pipes(proxy)
    with proxy.client() as client:
        for path in ["/long", "/long", "/short", "/short", "/long", "/short"] * 3:
            answered = client.get(path)
            assert answered.status == 200 and answered.body == (LONG if path == "/long" else SHORT)
    assert pipes(proxy) > before, "no body went through a pipe"
    assert len(origin.connections) == 1, "a connection whose long body went past can be used again"


def test_bytes_after_a_long_body_spoil_the_connection(proxy, origin):
    async def more_than_asked_for(connection, request):
        connection.send(reply(LONG) + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")

    origin.handler = more_than_asked_for
    with proxy.client() as client:
        assert client.get("/1").body == LONG
        origin.handler = long_or_short
        assert client.get("/short").body == SHORT
    assert len(origin.connections) == 2


def test_a_long_body_that_is_broken_off_does_not_end_as_a_whole_one(proxy, origin):
    async def half(connection, request):
        connection.send(reply(LONG)[: len(LONG) // 2])
        await connection.flush()
        connection.close()

    origin.handler = half
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(10)
        client.sendall(b"GET /half HTTP/1.1\r\nHost: a.example\r\n\r\n")
        got = bytearray()
        try:
            while piece := client.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
    assert got.startswith(b"HTTP/1.1 200 ")
    body = got.partition(b"\r\n\r\n")[2]
    assert len(body) < len(LONG) and LONG.startswith(bytes(body))


def test_slow_readers_get_every_byte_and_hold_bounded_pipes(start, origin):
    origin.handler = long_or_short
    proxy = start(to_origin(origin))
    with proxy.client() as client:
        assert client.get("/long").body == LONG
    readers = []
    for _ in range(100):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        reader.connect(("127.0.0.1", proxy.port))
        reader.sendall(b"GET /long HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        readers.append(reader)
    time.sleep(1)
    assert 0 < pipes(proxy) <= 2 * 64 + 20
    for reader in readers:
        reader.settimeout(20)
        got = bytearray()
        while piece := reader.recv(1 << 20):
            got += piece
        reader.close()
        assert got.partition(b"\r\n\r\n")[2] == LONG


def test_a_reader_that_goes_away_gives_its_pipe_back(start, origin):
    origin.handler = long_or_short
    proxy = start(to_origin(origin))
    for _ in range(200):  # three times as many as there are pipes
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            reader.connect(("127.0.0.1", proxy.port))
            reader.sendall(b"GET /long HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert reader.recv(4096).startswith(b"HTTP/1.1 200 ")
    before = pipes(proxy)
    with proxy.client() as client:
        for _ in range(3):
            assert client.get("/long").body == LONG
    assert before <= 2 * 64 + 20
    assert pipes(proxy) > 0


def test_bytes_that_go_past_are_counted(start, origin, tmp_path):
    origin.handler = long_or_short
    log = tmp_path / "log"
    proxy = start(to_origin(origin, {"chain": ["log"]}, plugins=[{"name": "log", "use": "access_log", "config": {"path": str(log), "format": "json"}}]))
    with proxy.client() as client:
        for _ in range(3):
            assert client.get("/long").body == LONG
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (not log.exists() or log.read_text().count("\n") < 3):
        time.sleep(0.05)
    assert [json.loads(line)["response_body_bytes"] for line in log.read_text().splitlines()] == [len(LONG)] * 3


def test_raw_tcp_goes_past_too(start, start_origin):
    total = 8 * 1024 * 1024

    async def pour(connection):
        await connection.read(2)
        connection.send(bytes(total))
        await connection.flush()
        connection.close()

    upstream = start_origin()
    upstream.on_connection = pour
    proxy = start({
        "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "origin"}],
        "clusters": [{"name": "origin", "endpoints": [f"127.0.0.1:{upstream.port}"]}],
    })
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(20)
        client.sendall(b"go")
        got = 0
        while piece := client.recv(1 << 20):
            got += len(piece)
    assert got == total
    assert pipes(proxy) > 0
