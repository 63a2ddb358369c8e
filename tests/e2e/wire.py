"""HTTP/1.1 on the wire as these tests read it: a small parser, stricter than any peer needs to be, that runs over bytes a
generator is fed with, so that the synchronous client and the asyncio origin share it. It never repairs anything: what is not
exactly RFC 9112 raises Malformed. Standard library only."""

import contextlib
import re
import select
import socket
import ssl
import time

import pairing

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\x20\x09\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([\x20\x09\x21-\x7e\x80-\xff]*)")
DEADLINE_S = 15.0  # of any single wait; generous because instrumented builds on shared machines are slow


class Malformed(AssertionError):
    pass


class Incomplete(AssertionError):
    """The peer closed, or the bytes ended, inside a message. `got` holds what there was of it."""

    def __init__(self, what, got=b""):
        super().__init__(f"{what}; got {bytes(got)[:2000]!r}")
        self.got = bytes(got)


class Message:
    """A request or a response. `fields` is a list of (name, value) in order of arrival, as text (latin-1)."""

    def __init__(self):
        self.fields, self.trailers = [], []
        self.body, self.raw, self.minor = b"", b"", 1
        self.chunks = None  # sizes of the chunks where the body came chunked
        self.until_close = False

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, default=None):
        """The value of a field that may stand there once at most."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands there {len(values)} times: {self.raw[:2000]!r}"
        return values[0] if values else default

    def list(self, name):
        """The members of a comma-separated list, over all its fields."""
        return [part.strip() for value in self.all(name) for part in value.split(",") if part.strip()]

    def has(self, name):
        return bool(self.all(name))


class Request(Message):
    method = target = ""

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields} {self.body[:200]!r}>"


class Response(Message):
    status, reason = 0, ""

    def __init__(self):
        super().__init__()
        self.informational = []  # the 1xx responses before this one

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {self.body[:200]!r}>"


class Feed:
    """The bytes so far, and whether more can come. A parser yields when it wants more."""

    def __init__(self, data=b"", eof=False):
        self.data, self.eof = bytearray(data), eof


def _line(feed, raw, what, bytes_max=256 * 1024):
    """One line without its CRLF. Yields for more."""
    searched = 0
    while True:
        at = feed.data.find(b"\n", searched)
        if at >= 0:
            break
        searched = len(feed.data)
        if searched > bytes_max:
            raise Malformed(f"{what} longer than {bytes_max} bytes")
        if feed.eof:
            raise Incomplete(f"closed inside {what}", raw + feed.data)
        yield
    line = bytes(feed.data[: at + 1])
    del feed.data[: at + 1]
    raw += line
    if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
        raise Malformed(f"{what} is not a line: {line[:300]!r}")
    return line[:-2]


def _exactly(feed, raw, count, what):
    got = bytearray()
    while True:
        piece = bytes(feed.data[: count - len(got)])
        del feed.data[: len(piece)]
        got += piece
        if len(got) == count:
            raw += got
            return bytes(got)
        if feed.eof:
            raise Incomplete(f"closed inside {what}: {len(got)} of {count} bytes", raw + got)
        yield


def _fields(feed, raw, what):
    fields = []
    while True:
        line = yield from _line(feed, raw, what)
        if not line:
            return fields
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.fullmatch(name):
            raise Malformed(f"not a field of {what}: {line[:300]!r}")
        if value and not VALUE.fullmatch(value):
            raise Malformed(f"not a field value: {line[:300]!r}")
        fields.append((name.decode(), value.decode("latin-1")))


def _framing(message, what):
    """('chunked', None), ('length', n) or (None, None); refuses what could be read in two ways."""
    codings, lengths = message.all("Transfer-Encoding"), message.all("Content-Length")
    if codings and lengths:
        raise Malformed(f"{what} with Transfer-Encoding and Content-Length: {message.fields}")
    if codings:
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise Malformed(f"{what} with Transfer-Encoding {codings}")
        if message.minor == 0:
            raise Malformed(f"{what} of HTTP/1.0 with Transfer-Encoding")
        return "chunked", None
    if lengths:
        if len(lengths) != 1 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lengths[0]):
            raise Malformed(f"{what} with Content-Length {lengths}")
        return "length", int(lengths[0])
    return None, None


def _chunked(feed, raw, message):
    body, message.chunks = bytearray(), []
    while True:
        line = yield from _line(feed, raw, "a chunk-size line")
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise Malformed(f"not a chunk size: {line[:300]!r}")
        size = int(line, 16)
        if size == 0:
            message.trailers = yield from _fields(feed, raw, "the trailer section")
            message.body = bytes(body)
            return
        message.chunks.append(size)
        body += yield from _exactly(feed, raw, size, "a chunk")
        if (yield from _line(feed, raw, "the end of a chunk")) != b"":
            raise Malformed("a chunk is longer than its size")


def read_request(feed, body=True):
    """One request. None at a clean end before its first byte. body=False stops after the head."""
    message, raw = Request(), bytearray()
    while not feed.data:
        if feed.eof:
            return None
        yield
    line = yield from _line(feed, raw, "a request line")
    match = REQUEST_LINE.fullmatch(line)
    if not match:
        raise Malformed(f"not a request line: {line[:300]!r}")
    message.method, message.target, message.minor = match[1].decode(), match[2].decode(), int(match[3])
    message.fields = yield from _fields(feed, raw, "the request head")
    if message.minor == 1 and len(message.all("Host")) != 1:
        raise Malformed(f"Host stands there {len(message.all('Host'))} times: {bytes(raw)!r}")
    message.raw = bytes(raw)
    _framing(message, "a request")
    if body:
        yield from read_request_body(feed, message)
    return message


def read_request_body(feed, message):
    """The body of a request whose head was read with body=False."""
    raw = bytearray(message.raw)
    kind, length = _framing(message, "a request")
    if kind == "chunked":
        yield from _chunked(feed, raw, message)
    elif kind == "length":
        message.body = yield from _exactly(feed, raw, length, "the request body")
    message.raw = bytes(raw)


def read_response(feed, method="GET", body=True):
    """One final response, with the 1xx ones that came before it. None at a clean end before its first byte."""
    informational = []
    while True:
        message, raw = Response(), bytearray()
        while not feed.data:
            if feed.eof:
                if informational:
                    raise Incomplete(f"closed after {informational}")
                return None
            yield
        line = yield from _line(feed, raw, "a status line")
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"not a status line: {line[:300]!r}")
        message.minor, message.status, message.reason = int(match[1]), int(match[2]), match[3].decode("latin-1")
        message.fields = yield from _fields(feed, raw, "the response head")
        kind, length = _framing(message, "a response")
        message.raw = bytes(raw)
        if 100 <= message.status < 200 and message.status != 101:
            if kind:
                raise Malformed(f"a 1xx response with a body's framing: {message.fields}")
            informational.append(message)
            continue
        message.informational = informational
        if message.status in (101, 204) or (method == "CONNECT" and 200 <= message.status < 300):
            if kind == "chunked" or (kind == "length" and (message.status != 204 or length)):
                raise Malformed(f"a {message.status} with a body's framing: {message.fields}")
        elif method == "HEAD" or message.status == 304 or not body:
            pass
        elif kind == "chunked":
            yield from _chunked(feed, raw, message)
        elif kind == "length":
            message.body = yield from _exactly(feed, raw, length, "the response body")
        else:
            message.until_close = True
            while not feed.eof:
                yield
            message.body = bytes(feed.data)
            raw += feed.data
            feed.data.clear()
        message.raw = bytes(raw)
        return message


def run_over(data, parser, *args, **kwargs):
    """The parser's result over bytes that are all there; (result, what is left)."""
    feed = Feed(data, eof=True)
    try:
        generator = parser(feed, *args, **kwargs)
        while True:
            next(generator)
    except StopIteration as end:
        return end.value, bytes(feed.data)


def requests_in(data):
    """Every request in what an origin saw; raises Malformed or Incomplete where it is not whole requests and nothing else."""
    found = []
    while data:
        request, data = run_over(data, read_request)
        found.append(request)
    return found


class Client:
    """A downstream that sends exact bytes. Every wait has a deadline."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None, deadline=DEADLINE_S):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:  # before connect, so that it bounds the window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.deadline = deadline
        self.socket.settimeout(deadline)
        self.feed = Feed()
        self.was_reset = False
        self.socket.connect((host, port))
        if pairing.CLIENT_TLS:
            self.socket = pairing.client_context().wrap_socket(self.socket, server_hostname=pairing.NAME)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """Sends all of it; a peer that closed in the meantime is no error here: the answer is what tests look at."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def get(self, target="/", host="a.example", fields=""):
        self.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode("latin-1"))
        return self.response()

    def _more(self, until):
        left = until - time.monotonic()
        if left <= 0:
            raise AssertionError(f"nothing more within {self.deadline} s; so far {bytes(self.feed.data)[:2000]!r}")
        self.socket.settimeout(left)
        try:
            piece = self.socket.recv(262144)
        except socket.timeout:
            raise AssertionError(f"nothing more within {self.deadline} s; so far {bytes(self.feed.data)[:2000]!r}") from None
        except ConnectionResetError:
            self.was_reset = True
            piece = b""
        except ssl.SSLEOFError:  # the end, without close_notify: cut off
            piece = b""
        if piece:
            self.feed.data += piece
        else:
            self.feed.eof = True

    def response(self, method="GET", body=True):
        """The next final response; an AssertionError if the connection closes before its first byte."""
        until = time.monotonic() + self.deadline
        generator = read_response(self.feed, method, body)
        try:
            while True:
                next(generator)
                self._more(until)
        except StopIteration as end:
            assert end.value is not None, f"closed without a response{' (reset)' if self.was_reset else ''}"
            return end.value

    def read(self, count):
        until = time.monotonic() + self.deadline
        while len(self.feed.data) < count:
            assert not self.feed.eof, f"closed after {bytes(self.feed.data)!r}"
            self._more(until)
        data = bytes(self.feed.data[:count])
        del self.feed.data[:count]
        return data

    def read_while_sending(self, data, count):
        """As read, with the sending of `data` going on at the same time. In one thread, since TLS of Python's takes no two on a connection."""
        until = time.monotonic() + self.deadline
        left = memoryview(data)
        self.socket.setblocking(False)
        while left or len(self.feed.data) < count:
            assert time.monotonic() < until, f"{len(left)} bytes unsent, {len(self.feed.data)} read within {self.deadline} s"
            moved = False
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if left:
                    left = left[self.socket.send(left[:65536]):]
                    moved = True
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                piece = self.socket.recv(262144)
                assert piece, f"closed after {len(self.feed.data)} bytes"
                self.feed.data += piece
                moved = True
            if not moved:
                select.select([self.socket], [self.socket] if left else [], [], 0.05)
        data = bytes(self.feed.data[:count])
        del self.feed.data[:count]
        return data

    def peek_for(self, wanted):
        """Waits until these bytes have arrived; they stay unread."""
        until = time.monotonic() + self.deadline
        while wanted not in self.feed.data:
            assert not self.feed.eof, f"closed after {bytes(self.feed.data)[:2000]!r}"
            self._more(until)

    def rest(self):
        """Everything until the peer closes."""
        until = time.monotonic() + self.deadline
        while not self.feed.eof:
            self._more(until)
        data = bytes(self.feed.data)
        self.feed.data.clear()
        return data

    def expect_closed(self):
        """The peer closes (or resets) and has sent nothing more."""
        left = self.rest()
        assert left == b"", f"more bytes before the close: {left[:2000]!r}"

    def half_close(self, tunnel=False):
        pairing.needs_half_close(tunnel)
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()


def status_of_replies(data, methods=("GET",)):
    """Statuses of all responses in the bytes, for a connection that was read to its end."""
    statuses, index = [], 0
    while data:
        response, data = run_over(data, read_response, methods[min(index, len(methods) - 1)])
        statuses.append(response.status)
        index += 1
    return statuses
