"""Backpressure: a slow side holds the fast one back, and the proxy's memory stays where it was."""
# ctest: serial
# ctest: wires tls h2down h2up h2down+h2up+tls
# ctest: timeout 240

import os
import select
import socket
import time
import zlib

import pytest
from proxy import SANITIZED, listener, to_origin

TOTAL = 100 * 1000 * 1000
PIECE = bytes(range(256)) * 256  # 64 KiB
GROWTH_KIB_MAX = (48 if SANITIZED else 16) * 1024  # instrumented builds keep freed memory for a while
STALL_BYTES_MAX = 32 * 1000 * 1000  # the system's socket buffers of four ends, at their largest
QUIET_S = 0.5  # no progress for so long is a stall


def pieces():
    left = TOTAL
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        left -= len(piece)
        yield piece


def checksum():
    total = 0
    for piece in pieces():
        total = zlib.crc32(piece, total)
    return total


@pytest.fixture(scope="module")
def wanted():
    return checksum()


@pytest.fixture
def small_quarantine(start):
    """ASan keeps 256 MB of freed memory to catch late use; with that, resident memory says nothing about the proxy."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return lambda config: start(config, {"ASAN_OPTIONS": f"{options}:quarantine_size_mb=4".lstrip(":")})


class Memory:
    def __init__(self, proxy):
        self.proxy, self.base = proxy, proxy.rss_kib()
        self.most = self.base

    def look(self):
        self.most = max(self.most, self.proxy.rss_kib())

    def check(self, what):
        grown = self.most - self.base
        words = f"{what}: {TOTAL // 1000000} MB passed, RSS {self.base} KiB before, {self.most} KiB at most, grown {grown} KiB"
        print(words)
        assert grown <= GROWTH_KIB_MAX, f"{words}; allowed {GROWTH_KIB_MAX} KiB"


def warm_up(proxy, count=50):
    with proxy.client() as client:
        for _ in range(count):
            assert client.get("/warm").status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_large_upload_to_a_slow_origin_is_held_back_and_memory_stays_flat(small_quarantine, start_origin, wanted, chunked):
    origin = start_origin(receive_buffer=65536, keep_bytes=False)
    release, seen = origin.event(), {"bytes": 0, "crc": 0}

    async def head_handler(connection, head):
        if head.target != "/big":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        connection.transport.pause_reading()
        await release.wait()
        connection.transport.resume_reading()
        if chunked:
            await connection.body_of(head)
            seen.update(bytes=len(head.body), crc=zlib.crc32(head.body))
        else:
            while seen["bytes"] < TOTAL and (piece := await connection.read_some()):
                seen.update(bytes=seen["bytes"] + len(piece), crc=zlib.crc32(piece, seen["crc"]))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    origin.head_handler = head_handler
    proxy = small_quarantine(to_origin(origin))
    warm_up(proxy)
    memory = Memory(proxy)
    with proxy.client(deadline=120) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {TOTAL}"
        client.send(f"POST /big HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n".encode())
        client.socket.setblocking(False)
        sent, stalled_at, until = 0, None, time.monotonic() + 120
        for piece in pieces():
            left = memoryview(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            while left:
                assert time.monotonic() < until
                _, writable, _ = select.select([], [client.socket], [], QUIET_S)
                if not writable and stalled_at is None:
                    stalled_at = sent
                    memory.look()
                    origin.set_event(release)
                    continue
                if writable:
                    done = client.socket.send(left)
                    left, sent = left[done:], sent + done
            if sent % (1024 * 1024) < len(PIECE):
                memory.look()
        assert stalled_at is not None and stalled_at < STALL_BYTES_MAX, f"the sender got rid of {stalled_at} bytes that nobody read"
        client.socket.setblocking(True)
        if chunked:
            client.send(b"0\r\n\r\n")
        assert client.response().body == b"done"
    memory.look()
    assert seen == {"bytes": TOTAL, "crc": wanted}
    memory.check(f"upload, {framing.split(':')[0]}, stalled after {stalled_at} bytes")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_large_download_by_a_slow_client_is_held_back_and_memory_stays_flat(small_quarantine, start_origin, wanted, framing):
    origin = start_origin(keep_bytes=False)
    sent = {"bytes": 0, "at": time.monotonic()}

    async def handler(connection, request):
        if request.target != "/big":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        heads = {"length": f"Content-Length: {TOTAL}\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "close": ""}
        connection.send(f"HTTP/1.1 200 OK\r\n{heads[framing]}\r\n".encode())
        for piece in pieces():
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece
            if not await connection.send_slowly(data):
                return
            sent.update(bytes=sent["bytes"] + len(piece), at=time.monotonic())
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")
        if framing == "close":
            connection.close()

    origin.handler = handler
    proxy = small_quarantine(to_origin(origin))
    warm_up(proxy)
    memory = Memory(proxy)
    with proxy.client(receive_buffer=65536, deadline=120) as client:
        client.send(b"GET /big HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: sent["bytes"] and time.monotonic() - sent["at"] > QUIET_S, "the origin to be held back", 60)
        stalled_at = sent["bytes"]
        assert stalled_at < STALL_BYTES_MAX, f"the origin got rid of {stalled_at} bytes that nobody read"
        memory.look()
        head = client.response(body=False)
        chunked = head.get("Transfer-Encoding") == "chunked"
        assert chunked == (framing != "length")
        crc, count, looked = 0, 0, 0
        until = time.monotonic() + 120
        reader = _body_pieces(client, chunked, until)
        for piece in reader:
            crc, count = zlib.crc32(piece, crc), count + len(piece)
            if count - looked > 1024 * 1024:
                looked = count
                memory.look()
    assert (count, crc) == (TOTAL, wanted)
    memory.check(f"download, {framing}, stalled after {stalled_at} bytes")


def _body_pieces(client, chunked, until):
    feed = client.feed
    left = None if chunked else TOTAL
    while True:
        if chunked and not left:
            while (at := feed.data.find(b"\r\n")) < 0:
                client._more(until)
            left = int(feed.data[:at], 16)
            del feed.data[: at + 2]
            if left == 0:
                return
            left += 2
        while not feed.data:
            client._more(until)
        piece = bytes(feed.data[:left])
        del feed.data[:left]
        left -= len(piece)
        if chunked and left < 2:  # the CRLF behind the chunk
            piece = piece[: len(piece) - (2 - left)] if len(piece) > (2 - left) else b""
        yield piece
        if not chunked and left == 0:
            return


def test_a_client_that_never_reads_does_not_stop_others(small_quarantine, start_origin):
    origin = start_origin(keep_bytes=False)

    async def handler(connection, request):
        if request.target != "/big":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n".encode())
        for piece in pieces():
            if not await connection.send_slowly(piece):
                return

    origin.handler = handler
    proxy = small_quarantine(to_origin(origin))
    with proxy.client(receive_buffer=4096) as deaf:
        deaf.send(b"GET /big HTTP/1.1\r\nHost: a.example\r\n\r\n")
        deaf.peek_for(b"HTTP/1.1 200 ")
        with proxy.client() as other:
            assert [other.get("/x").body for _ in range(50)] == [b"ok"] * 50


def test_the_last_piece_of_a_handlers_reply_may_wait_for_its_client(small_quarantine):
    """Of bodies of all these sizes, some have just the last piece in part in the system and in part in the proxy."""
    sizes = [size * 64 * 1024 for size in range(1, 80)]
    play = {"name": "play", "use": "origin", "config": {"playground": True}}
    proxy = small_quarantine({"workers": 1, "plugins": [play], "listeners": [listener([{"match": {"prefix": "/"}, "handler": "play"}])]})
    clients = [proxy.client(receive_buffer=4096) for _ in sizes]
    for client, size in zip(clients, sizes):
        client.send(f"GET /bytes/{size} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
    time.sleep(0.5)
    with proxy.client() as other:
        assert len(other.get("/bytes/100").body) == 100
    for client, size in zip(clients, sizes):
        assert len(client.response().body) == size
        client.close()
