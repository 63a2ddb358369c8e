#!/usr/bin/env python3
"""Connections that stay: each asks once, and is idle from then on.

    bench/load/idle.py KIND PORT COUNT [SOURCE]          SOURCE: the address they come from, such as 127.0.0.2

KIND: plain, tls, h2 (idle after one answer); waiting (HTTP/1.1, an answer that does not come); streams (HTTP/2, COUNT streams, 100 of a
connection, answers that do not come). Says "ready" when all are there, holds them until standard input ends, then says how many there still are.

`Idle` is the same for those who measure: it starts the program and waits for it."""

import contextlib
import itertools
import socket
import ssl
import subprocess
import sys

STREAMS = 100
ANSWER_BYTES = 128
DEADLINE_S = 30
END_STREAM, ACK = 1, 1
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode()


def frame(kind, flags, stream, payload=b""):
    """RFC 9113 4.1"""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(stream, path):
    """GET, http, the path and the authority as literals without index (RFC 7541 6.2.2), and no body."""
    text = lambda index, value: bytes([index, len(value)]) + value  # noqa: E731
    return frame(HEADERS, 4 | END_STREAM, stream, b"\x82\x86" + text(4, path) + text(1, b"bench.example"))


def some(one, size):
    data = one.recv(size)
    if not data:
        raise SystemExit("a connection ended too soon")
    return data


def take(one, size):
    data = b""
    while len(data) < size:
        data += some(one, size - len(data))
    return data


def ask_http1(one):
    one.sendall(request("/"))
    data = b""
    while len(data.partition(b"\r\n\r\n")[2]) < ANSWER_BYTES:
        data += some(one, 4096)
    if not data.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"refused: {data[:200]!r}")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)


def ask_http2(one):
    one.sendall(PREFACE + headers(1, b"/"))
    while True:
        head = take(one, 9)
        take(one, int.from_bytes(head[:3], "big"))
        if head[3] == SETTINGS and not head[4] & ACK:
            one.sendall(frame(SETTINGS, ACK, 0))
        if head[3] == GOAWAY:
            raise SystemExit("refused: GOAWAY")
        if head[3] in (DATA, HEADERS) and head[4] & END_STREAM:
            return


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def opened(kind, port, source, streams, context):
    one = socket.create_connection(("127.0.0.1", port), DEADLINE_S, (source, 0))
    if kind == "tls":
        one = context.wrap_socket(one)
    if kind in ("plain", "tls"):
        ask_http1(one)
    elif kind == "h2":
        ask_http2(one)
    elif kind == "waiting":
        one.sendall(request("/wait"))
    else:
        one.sendall(PREFACE + frame(SETTINGS, ACK, 0) + b"".join(headers(1 + 2 * number, b"/wait") for number in range(streams)))
    return one


def came(one):
    """What the other side has sent by now; None if it has closed the connection."""
    one.setblocking(False)
    data = b""
    try:
        while got := one.recv(4096):
            data += got
    except (BlockingIOError, ssl.SSLWantReadError):
        return data
    except OSError:
        pass
    return None


def still(kind, one, streams):
    """How many of what was opened there are still: of those that wait, none that got an answer."""
    data = came(one)
    if data is None or kind != "streams":
        return int(data is not None and (kind != "waiting" or not data))
    ended = 0
    while len(data) >= 9:
        ended += data[3] in (HEADERS, RST_STREAM)
        if data[3] == GOAWAY:
            return 0
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return streams - ended


def main(kind, port, count, source="127.0.0.1"):
    each = STREAMS if kind == "streams" else 1
    parts = [min(each, left) for left in range(int(count), 0, -each)]
    context = tls_context()
    connections = [opened(kind, int(port), source, streams, context) for streams in parts]
    print("ready", flush=True)
    sys.stdin.read()
    print(sum(still(kind, one, streams) for one, streams in zip(connections, parts)), flush=True)


class Idle:
    """`count` of them, from as many processes and source addresses as that takes."""

    EACH = 10_000
    sources = itertools.cycle(f"127.0.0.{number}" for number in range(2, 250))

    def __init__(self, kind, port, count, cores):
        self.wanted = count
        self.clients = [subprocess.Popen(["taskset", "-c", cores, sys.executable, __file__, kind, str(port), str(min(self.EACH, left)), next(self.sources)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for left in range(count, 0, -self.EACH)]
        if any(client.stdout.readline() != "ready\n" for client in self.clients):
            self.stop()
            raise RuntimeError(f"{count} connections ({kind}) could not be made")

    def end(self):
        """How many were still there."""
        return sum(int(client.communicate("", timeout=120)[0] or 0) for client in self.clients)

    def stop(self):
        for client in self.clients:
            with contextlib.suppress(ProcessLookupError):
                client.kill()
            client.communicate()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in ("plain", "tls", "h2", "waiting", "streams"):
        raise SystemExit(__doc__)
    try:
        main(*sys.argv[1:])
    except OSError as why:
        raise SystemExit(f"a connection could not be made: {why}") from None
