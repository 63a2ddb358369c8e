"""DNS servers for tests: dnsmasq as an operator would run it, and one of our own that says whatever a test wants."""

import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

A, CNAME, AAAA, SRV = 1, 5, 28, 33


def free_port():
    """Free for UDP and TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            try:
                other.bind(one.getsockname())
                return one.getsockname()[1]
            except OSError:
                continue
    raise AssertionError("no port is free for both")


class Dnsmasq:
    """As a context manager. `hosts`: {name: [addresses]}, which may be changed; their TTL is 1 s. `srv`: [(service, target, port, priority, weight)]."""

    def __init__(self, folder, hosts, srv=()):
        program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if program is None:
            pytest.skip("SKIPPED: dnsmasq is not installed (tests/install brings it)")
        self.port, self._file = free_port(), pathlib.Path(folder) / "hosts"
        self._write(hosts)
        self._command = [program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
                         "--listen-address=127.0.0.1", f"--port={self.port}", f"--addn-hosts={self._file}", "--local-ttl=1", "--pid-file",
                         "--local=/example/", *(f"--srv-host={','.join(map(str, one))}" for one in srv)]
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _write(self, hosts):
        self._file.write_text("".join(f"{address} {name}\n" for name, all_ in hosts.items() for address in all_))

    def change(self, hosts):
        self._write(hosts)
        self.process.send_signal(signal.SIGHUP)

    def start(self):
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 15
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\5ready\7example\0\0\1\0\1"
        while True:  # until it answers, and not somebody else who got the port
            try:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                    asking.settimeout(0.5)
                    asking.connect(("127.0.0.1", self.port))
                    asking.send(query)
                    assert asking.recv(512)[:2] == query[:2]
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, "dnsmasq does not start"
                time.sleep(0.02)

    def stop(self):
        self.process.kill()
        self.process.wait()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(owner, kind, data, ttl=1):
    return (b"\xc0\x0c" if owner is None else encode(owner)) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def answer(query, records=(), flags=0x8180, question=None):
    """The message; `question`: another than the one that was asked."""
    end = query.index(b"\0", 12) + 5
    asked = query[12:end] if question is None else question
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + asked + b"".join(records)


def asked(query):
    """(name, type)"""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0]


class Scripted:
    """As a context manager: answers each query by `say(query, tcp)`: bytes, or None to say nothing."""

    def __init__(self, say):
        self.port, self.say, self.queries = free_port(), say, 0
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        self._over = False

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        for run in (self._run_udp, self._run_tcp):
            threading.Thread(target=run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._over = True
        for one in (self._udp, self._tcp):
            one.close()

    def _run_udp(self):
        while not self._over:
            try:
                query, peer = self._udp.recvfrom(65536)
                self.queries += 1
                if (said := self.say(query, False)) is not None:
                    self._udp.sendto(said, peer)
            except OSError:
                if self._over:
                    return

    def _run_tcp(self):
        while not self._over:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                while head := connection.recv(2):
                    query = connection.recv(struct.unpack(">H", head)[0])
                    self.queries += 1
                    said = self.say(query, True)
                    if said is None:
                        return
                    connection.sendall(struct.pack(">H", len(said)) + said)
        except OSError:
            pass
