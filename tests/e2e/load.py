"""Clients that ask without a pause on connections they keep, each in its thread, and write down everything that goes wrong."""

import socket
import threading
import time

import wire

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


class Load:
    """As a context manager: runs for the time of the block. `refused`: connections that were not had. `lost`: requests that were sent and
    got no whole answer. `wrong`: answers other than 200. An answer with "Connection: close" is none of these: the client connects anew."""

    def __init__(self, port, clients=16):
        self.port, self.answered, self.connected = port, 0, 0
        self.refused, self.lost, self.wrong = [], [], []
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_for_answers(len(self._threads))
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(wire.DEADLINE_S)
            assert not thread.is_alive(), "a client does not end"

    def wait_for_answers(self, more):
        """Until so many more requests have been answered."""
        wanted, end = self.answered + more, time.monotonic() + wire.DEADLINE_S
        while self.answered < wanted:
            assert time.monotonic() < end, f"{wanted - self.answered} answers are missing: {self}"
            time.sleep(0.005)

    def __str__(self):
        return (f"{self.answered} answered, {self.connected} connections, {len(self.refused)} refused, {len(self.lost)} lost, {len(self.wrong)} wrong"
                + "".join(f"\n  {each}" for each in [*self.refused, *self.lost, *self.wrong][:10]))

    def assert_no_failure(self):
        assert not self.refused and not self.lost and not self.wrong, str(self)

    def _run(self):
        while not self._over.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), wire.DEADLINE_S)
            except OSError as error:
                self.refused.append(repr(error))
                time.sleep(0.01)
                continue
            with connection:
                with self._lock:
                    self.connected += 1
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while not self._over.is_set() and self._ask(connection):
                    pass

    def _ask(self, connection):
        """True if the connection may be used again."""
        data = b""
        try:
            connection.sendall(REQUEST)
            while not (size := whole(data)):
                piece = connection.recv(65536)
                if not piece:
                    raise ConnectionAbortedError(f"closed after {data[:200]!r}")
                data += piece
        except OSError as error:
            self.lost.append(repr(error))
            return False
        head = data[:size].partition(b"\r\n\r\n")[0]
        if not head.startswith(b"HTTP/1.1 200 "):
            self.wrong.append(head)
        with self._lock:
            self.answered += 1
        return b"\r\nconnection: close" not in head.lower()


def whole(data):
    """The size of the response at the beginning, or 0 while it is not complete. Content-Length only."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    size = len(head) + 4 + length
    return size if len(data) >= size else 0
