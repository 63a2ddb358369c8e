"""Upstreams for the tests: RecordingOrigin keeps the exact bytes of every connection and answers by script; http_server and
nginx are peers that others wrote. Each listens on 127.0.0.1 at a port the system chose. Scripts are coroutines that run on
the origin's own thread; tests read its records from theirs, after settle()."""

import asyncio
import base64
import contextlib
import functools
import hashlib
import http.server
import shutil
import socket
import threading
import time

import pairing
import relay_up
import wire
from handed_port import serving


def reply(body=b"ok", status="200 OK", fields="", length=True):
    """A whole response with Content-Length."""
    head = f"HTTP/1.1 {status}\r\n" + (f"Content-Length: {len(body)}\r\n" if length else "") + fields + "\r\n"
    return head.encode("latin-1") + body


def listen(receive_buffer=None):
    """A listening socket on 127.0.0.1, at a port the system chose."""
    listening = socket.socket()
    if receive_buffer:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    return listening


def switched(request, fields="", protocol="websocket"):
    """The head of the answer that agrees to an upgrade."""
    key = request.get("Sec-WebSocket-Key", "").encode()
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    head = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\nSec-WebSocket-Accept: {accept}\r\n"
    return f"{head}{fields}\r\n".encode()


class Connection(asyncio.Protocol):
    """One accepted connection, seen by a script: await request(), send(), close()."""

    def __init__(self, origin):
        self.origin = origin
        self.received = bytearray()  # every byte, for ever: the record
        self.feed = wire.Feed()
        self.requests = []
        self.error = None            # what was wrong with the bytes, where the origin read them as requests
        self.closed = False          # the peer closed its side, or the connection is gone
        self.lost = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    # asyncio.Protocol
    def connection_made(self, transport):
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.origin.connections.append(self)
        self.task = asyncio.ensure_future(self._run())

    def data_received(self, data):
        if self.origin.keep_bytes:
            self.received += data
        self.feed.data += data
        self._wake.set()

    def eof_received(self):
        self.feed.eof = self.closed = True
        self._wake.set()
        return not self.origin.tls  # keep our side open, where it can be: scripts decide

    def connection_lost(self, error):
        self.feed.eof = self.closed = self.lost = True
        self._wake.set()
        self._room.set()

    def pause_writing(self):
        self._room.clear()

    def resume_writing(self):
        self._room.set()

    async def _run(self):
        try:
            await self.origin.on_connection(self)
        except (wire.Malformed, wire.Incomplete) as error:
            self.error = error
        except asyncio.CancelledError:
            pass
        except Exception as error:  # a script's own mistake must not pass unseen
            self.origin.failures.append(error)
        finally:
            if not self.lost:
                self.transport.close()

    # for scripts
    async def _parse(self, generator):
        try:
            while True:
                next(generator)
                await self.more()
        except StopIteration as end:
            return end.value

    async def more(self):
        """Waits for bytes or the end."""
        self._wake.clear()
        await self._wake.wait()

    async def request(self, body=True):
        """The next request, strictly read; None when the peer closed cleanly."""
        request = await self._parse(wire.read_request(self.feed, body))
        if request:
            self.requests.append(request)
        return request

    async def body_of(self, request):
        """Reads the body of a request() with body=False."""
        await self._parse(wire.read_request_body(self.feed, request))

    async def read(self, count):
        while len(self.feed.data) < count and not self.feed.eof:
            await self.more()
        data = bytes(self.feed.data[:count])
        del self.feed.data[:count]
        return data

    async def read_some(self):
        """At least a byte, or b"" at the end."""
        while not self.feed.data and not self.feed.eof:
            await self.more()
        data = bytes(self.feed.data)
        self.feed.data.clear()
        return data

    async def until_closed(self):
        while not self.feed.eof:
            await self.more()

    def send(self, data):
        if not self.lost:
            self.transport.write(data)

    async def send_slowly(self, data):
        """For long data: waits while the peer does not read. False once the peer is gone."""
        await self._room.wait()
        self.send(data)
        await asyncio.sleep(0)  # or a loop of these never lets the loop see that the peer is gone
        return not self.lost and not self.transport.is_closing()

    def half_close(self):
        if not self.lost:
            self.transport.write_eof()

    def close(self):
        if not self.lost:
            self.transport.close()

    async def flush(self):
        while not self.lost and self.transport.get_write_buffer_size():
            await asyncio.sleep(0)

    def cut(self):
        """FIN without a word: of TLS, no close_notify."""
        self.transport.abort()

    def reset(self):
        """RST, not FIN."""
        if not self.lost:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.transport.abort()


class RecordingOrigin:
    """handler(connection, request) is awaited for each request of each connection and sends the answer; tests replace it at
    will. head_handler, where set, is awaited instead, before the body is read. on_connection replaces the whole conversation of
    later connections. The default answers 200 with the body "ok"."""

    def __init__(self, handler=None, receive_buffer=None, keep_bytes=True, tls=None):
        self.connections, self.failures = [], []
        self.keep_bytes, self.tls = keep_bytes, tls or (pairing.server_context() if pairing.ORIGIN_TLS else None)
        self.default_handler = handler or self._ok
        self.handler, self.head_handler = self.default_handler, None
        self._marks = {}
        self.on_connection = self.serve
        self.loop = asyncio.new_event_loop()
        listening = listen(receive_buffer)
        self.port = listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._relay = None
        if pairing.UP:
            self._relay = relay_up.Relay(listen(), self.port, self.failures)
            self.address = self._relay.address
        if pairing.TLS or pairing.UP:
            pairing.origins.add(self.address)
        self._server = self.loop.run_until_complete(self.loop.create_server(lambda: Connection(self), sock=listening, ssl=self.tls))
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    @staticmethod
    async def _ok(connection, request):
        connection.send(reply())

    def _main(self):
        asyncio.set_event_loop(self.loop)
        if self._relay:
            self.loop.run_until_complete(self._relay.serve())
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def serve(self, connection):
        while (request := await connection.request(body=False)) is not None:
            if self.head_handler:
                await self.head_handler(connection, request)
            else:
                await connection.body_of(request)
                await self.handler(connection, request)

    # for tests, from their thread
    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(wire.DEADLINE_S)

    def settle(self):
        """Returns once everything that had arrived in this process's sockets has been recorded."""

        async def turns():
            for _ in range(24 if self._relay else 4):  # each turn of the loop polls the sockets once
                await asyncio.sleep(0)

        self.call(turns())
        assert not self.failures, f"a script of the origin failed: {self.failures}"

    def event(self):
        """An asyncio.Event of the origin's loop that tests may set from their thread: set_event(event)."""

        async def make():
            return asyncio.Event()

        return self.call(make())

    def set_event(self, event):
        self.loop.call_soon_threadsafe(event.set)

    def reset(self):
        """What came before is no longer counted; connections stay as they are."""
        self.settle()
        self.handler, self.head_handler, self.on_connection = self.default_handler, None, self.serve
        self._marks = {connection: len(connection.received) for connection in self.connections}

    def since_reset(self):
        """[(connection, bytes)] of connections that have received bytes since reset()."""
        self.settle()
        found = [(c, bytes(c.received[self._marks.get(c, 0):])) for c in self.connections]
        return [(c, data) for c, data in found if data]

    def saw(self):
        """Every request since reset(), strictly re-read from the recorded bytes."""
        return [request for _, data in self.since_reset() for request in wire.requests_in(data)]

    def only_request(self):
        requests = self.saw()
        assert len(requests) == 1, f"the origin saw {len(requests)} requests: {requests}"
        return requests[0]

    def wait_for(self, condition, what, deadline=wire.DEADLINE_S):
        """Waits until condition() holds; looked at from the test's thread."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not within {deadline} s: {what}"
            time.sleep(0.005)

    def close(self):
        async def end():
            self._server.close()
            if self._relay:
                self._relay.close()
            tasks = [c.task for c in self.connections if not c.task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in self.connections:
                if not connection.lost and not connection.transport.is_closing():
                    connection.transport.abort()
            await asyncio.sleep(0)

        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(wire.DEADLINE_S)


@contextlib.contextmanager
def recording(*args, **kwargs):
    origin = RecordingOrigin(*args, **kwargs)
    try:
        yield origin
        assert not origin.failures, f"a script of the origin failed: {origin.failures}"
    finally:
        origin.close()


class ClosedPort:
    """A port nobody listens on, and which nobody else gets while this lives: it is bound."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self):
        self._socket.close()


class DeafPort:
    """A listener whose queue is full: a further connect gets no answer at all until its timeout."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._fill = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._socket.getsockname())
            self._fill.append(filler)

    def close(self):
        for each in [*self._fill, self._socket]:
            each.close()


class _EchoHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        if self.headers.get("Transfer-Encoding"):
            feed, body = self.rfile, b""
            while (size := int(feed.readline(), 16)):
                body += feed.read(size)
                feed.readline()
            while feed.readline() not in (b"\r\n", b""):
                pass
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def http_server(folder, protocol="HTTP/1.1"):
    """Python's http.server: serves the folder, echoes POST. Yields its address."""
    handler = functools.partial(type("Handler", (_EchoHandler,), {"protocol_version": protocol}), directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def nginx(folder, locations="", listen=""):
    """nginx as an origin: serves folder/www; `locations` is added to its server, `listen` to its socket. Yields its address."""
    www, temp = folder / "www", folder / "nginx"
    for each in (www, temp):
        each.mkdir(exist_ok=True)
    def command(port):
        (temp / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; pid {temp}/pid; error_log {temp}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {temp}/body; proxy_temp_path {temp}/proxy; fastcgi_temp_path {temp}/fastcgi;
  uwsgi_temp_path {temp}/uwsgi; scgi_temp_path {temp}/scgi; client_max_body_size 0; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port} backlog=1024 {listen}; root {www}; {locations} }}
}}
""")
        return [NGINX, "-e", f"{temp}/error.log", "-p", temp, "-c", f"{temp}/nginx.conf"]

    with serving(command, temp / "output") as port:
        yield f"127.0.0.1:{port}"
