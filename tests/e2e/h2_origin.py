"""An origin that speaks HTTP/2 with prior knowledge, by hyper-h2, and answers by script, also what no honest peer would: Stream's methods that begin
with `raw` go past the library's own checks. Scripts are coroutines on the origin's own thread; tests read its records from theirs, after settle()."""

import asyncio
import contextlib
import shutil
import socket
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest
import wire
from handed_port import serving

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 7, 8, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Stream:
    """One request. `fields` is a list of pairs in order of arrival; `body` grows as it comes."""

    def __init__(self, connection, number, fields):
        self.connection, self.number, self.fields = connection, number, [(n.decode("latin-1"), v.decode("latin-1")) for n, v in fields]
        self.body, self.trailers, self.ended, self.reset_code = bytearray(), None, False, None
        self.done = False     # its script has ended
        self.owed = 0         # of its windows: bytes that came and were not acknowledged
        self._wake = asyncio.Event()

    def get(self, name, default=None):
        return next((value for n, value in self.fields if n == name), default)

    def all(self, name):
        return [value for n, value in self.fields if n == name]

    @property
    def method(self):
        return self.get(":method")

    @property
    def path(self):
        return self.get(":path")

    def woken(self):
        self._wake.set()

    async def more(self):
        self._wake.clear()
        await self._wake.wait()

    async def until(self, condition):
        while not condition():
            await self.more()

    async def whole(self):
        await self.until(lambda: self.ended or self.reset_code is not None or self.connection.lost)

    # answers
    def head(self, status=200, fields=(), end=False):
        pairs = [(":status", str(status)), *fields]
        self.connection.h2.send_headers(self.number, pairs, end_stream=end)
        self.connection.flush()

    async def data(self, data, end=True):
        """Sends as the peer's windows allow; False once it is gone or has reset the stream."""
        view = memoryview(bytes(data))
        while True:
            if self.connection.lost or self.reset_code is not None:
                return False
            room = min(self.connection.h2.local_flow_control_window(self.number), self.connection.h2.max_outbound_frame_size, len(view))
            if room == 0 and len(view):
                await self.more()
                continue
            self.connection.h2.send_data(self.number, bytes(view[:room]), end_stream=end and room == len(view))
            self.connection.flush()
            view = view[room:]
            if not len(view):
                return True
            await self.connection.drained()

    def trail(self, fields):
        self.connection.h2.send_headers(self.number, list(fields), end_stream=True)
        self.connection.flush()

    async def reply(self, body=b"ok", status=200, fields=()):
        self.head(status, [("content-length", str(len(body))), *fields], end=not body)
        if body:
            await self.data(body)

    def reset(self, code):
        self.connection.h2.reset_stream(self.number, code)
        self.connection.flush()

    def raw_head(self, pairs, end=True, end_headers=True):
        """Any fields at all, as one HEADERS frame."""
        block = self.connection.encoder.encode([(n.encode("latin-1"), v.encode("latin-1")) for n, v in pairs])
        flags = (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0)
        self.connection.raw(frame(HEADERS, flags, self.number, block))

    def raw_data(self, data, end=True):
        self.connection.raw(frame(DATA, END_STREAM if end else 0, self.number, data))


class Connection(asyncio.Protocol):
    def __init__(self, origin):
        self.origin, self.streams, self.lost, self.terminated = origin, {}, False, None
        self.served = []      # every stream, in order
        self.open_most = 0    # streams open at once
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.encoder, self.h2.decoder.max_header_list_size = self.h2.encoder, 1024 * 1024
        self.origin.connections.append(self)
        if self.origin.greet:
            self.origin.greet(self)
        else:
            if self.origin.settings:
                self.h2.local_settings = h2.settings.Settings(client=False, initial_values=self.origin.settings)
            self.h2.initiate_connection()
            self.flush()

    def data_received(self, data):
        self.origin.bytes_received += len(data)
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            if not self.origin.deaf:
                self.origin.failures.append(error)
            return
        for event in events:
            self._take(event)
        if not self.origin.greet:
            self.flush()

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event.stream_id, event.headers)
            self.served.append(stream)
            self.origin.streams.append(stream)
            self.open_most = max(self.open_most, sum(not s.done for s in self.served))
            stream.task = asyncio.ensure_future(self._run(stream))
        elif isinstance(event, h2.events.DataReceived):
            if stream:
                stream.body += event.data
            if self.origin.eager:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif stream:
                stream.owed += event.flow_controlled_length
        elif isinstance(event, h2.events.TrailersReceived) and stream:
            stream.trailers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
        elif isinstance(event, h2.events.StreamEnded) and stream:
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset) and stream:
            stream.reset_code = int(event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.terminated = int(event.error_code)
        if stream:
            stream.woken()
        else:
            self._wake_all()

    def acknowledge(self, stream):
        """Gives back the windows of what has come, where the origin is not `eager`."""
        owed, stream.owed = stream.owed, 0
        if owed:
            self.h2.acknowledge_received_data(owed, stream.number)
            self.flush()

    def _wake_all(self):
        for stream in self.streams.values():
            stream.woken()

    async def _run(self, stream):
        try:
            await self.origin.handler(stream)
        except asyncio.CancelledError:
            pass
        except h2.exceptions.StreamClosedError:
            pass  # the peer reset it while the script answered
        except (h2.exceptions.ProtocolError, KeyError) as error:  # what went before was not HTTP/2
            if not self.origin.deaf:
                self.origin.failures.append(error)
        except Exception as error:  # a script's own mistake must not pass unseen
            self.origin.failures.append(error)
        finally:
            stream.done = True

    def flush(self):
        self.raw(self.h2.data_to_send())

    def raw(self, data):
        if data and not self.lost and not self.transport.is_closing():
            self.transport.write(data)

    async def drained(self):
        await self._room.wait()
        await asyncio.sleep(0)

    def goaway(self, last, code=NO_ERROR):
        self.raw(frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big")))

    def close(self):
        if not self.lost:
            self.transport.close()

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.lost = True
        self._room.set()
        self._wake_all()

    def pause_writing(self):
        self._room.clear()

    def resume_writing(self):
        self._room.set()


class H2Origin:
    """handler(stream) is awaited for each request from its head on. `settings`: a dict of h2.settings.SettingCodes. `greet(connection)` in place of
    the origin's preface. `deaf`: what the proxy sends may be anything. `eager`: windows are given back at once. `tls`: an ssl.SSLContext."""

    def __init__(self, handler=None, settings=None, greet=None, deaf=False, eager=True, tls=None):
        self.connections, self.streams, self.failures, self.bytes_received = [], [], [], 0
        self.settings, self.greet, self.deaf, self.eager, self.tls = settings, greet, deaf, eager, tls
        self.handler = handler or self._ok
        self.loop = asyncio.new_event_loop()
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        self.port = listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._server = self.loop.run_until_complete(self.loop.create_server(lambda: Connection(self), sock=listening, ssl=self.tls))
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    @staticmethod
    async def _ok(stream):
        await stream.whole()
        await stream.reply()

    def _main(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(wire.DEADLINE_S)

    def event(self):
        async def make():
            return asyncio.Event()

        return self.call(make())

    def set_event(self, event):
        self.loop.call_soon_threadsafe(event.set)

    def wait_for(self, condition, what, deadline=wire.DEADLINE_S):
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not within {deadline} s: {what}"
            time.sleep(0.005)

    def settle(self):
        async def turns():
            for _ in range(4):
                await asyncio.sleep(0)

        self.call(turns())
        assert not self.failures, f"a script of the origin, or what the proxy sent, failed: {self.failures}"

    def only_stream(self):
        self.settle()
        assert len(self.streams) == 1, [s.fields for s in self.streams]
        return self.streams[0]

    def close(self):
        async def end():
            self._server.close()
            tasks = [s.task for c in self.connections for s in c.served if not s.task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in self.connections:
                if not connection.lost:
                    connection.transport.abort()
            await asyncio.sleep(0)

        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(wire.DEADLINE_S)


def in_parallel(count, work):
    """work(index) in so many threads; what they returned, in order."""
    results = [None] * count

    def run(index):
        try:
            results[index] = work(index)
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * wire.DEADLINE_S)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@contextlib.contextmanager
def nghttpd(folder, *options, tls=None):
    """nghttp2's server, in the clear or with that certificates.Leaf: serves the folder, echoes uploads. Yields its address."""
    program = shutil.which("nghttpd") or shutil.which("/usr/sbin/nghttpd")
    if not program:
        pytest.skip("SKIPPED: no nghttpd on this machine (tests/install installs it)")
    def command(port):
        where = [port, tls.key, tls.certificate] if tls else ["--no-tls", port]
        return [program, "-a", "127.0.0.1", "-d", folder, "--echo-upload", *options, *where]

    with serving(command) as port:
        yield f"127.0.0.1:{port}"
