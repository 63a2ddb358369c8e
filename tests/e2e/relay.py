"""A connection of HTTP/2, by hyper-h2, as relay_down and relay_up see it: streams whose events are awaited one by one, and windows that are given
back only when what came has been passed on."""

import asyncio
import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

INTERNAL_ERROR, CANCEL = 2, 8
HEAD_MAX = 512 * 1024


class Gone(Exception):
    """The stream was reset, or its connection is no more."""


class Untranslatable(Exception):
    """It cannot be said on the other wire."""


class Reader(asyncio.StreamReader):
    """One that tells of its end before everything has been read."""

    def __init__(self):
        super().__init__(limit=HEAD_MAX)
        self.ended = asyncio.Event()

    def feed_eof(self):
        super().feed_eof()
        self.ended.set()

    def set_exception(self, error):
        super().set_exception(error)
        self.ended.set()


def on_wire(name):
    """A field's name as HTTP/1.1 likes to see it."""
    return "-".join(part[:1].upper() + part[1:] for part in name.split("-"))


def head_bytes(line, fields):
    return (line + "\r\n" + "".join(f"{on_wire(name)}: {value}\r\n" for name, value in fields) + "\r\n").encode("latin-1")


async def chunks(reader):
    """Pieces of a chunked body as they come, then its trailers as a list."""
    while True:
        line = await reader.readuntil(b"\r\n")
        if not line[:-2].isalnum():
            raise Untranslatable(f"chunk extensions: {line!r}")
        left = int(line, 16)
        if left == 0:
            break
        while left:
            piece = await reader.read(min(left, 65536))
            if not piece:
                raise EOFError
            left -= len(piece)
            yield piece
        if await reader.readexactly(2) != b"\r\n":
            raise Untranslatable("a chunk longer than its size")
    trailers = []
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(":")
        trailers.append((name.lower(), value.strip()))
    yield trailers


async def pieces(reader, length):
    """Of a body with a length, or until the end where that is None."""
    while length != 0:
        piece = await reader.read(min(length or 65536, 65536))
        if not piece:
            if length is None:
                return
            raise EOFError
        if length is not None:
            length -= len(piece)
        yield piece


class Stream:
    def __init__(self, side, number):
        self.side, self.number = side, number
        self.events = asyncio.Queue()  # what came and was not looked at; bounded by the stream's window
        self.over = asyncio.Event()    # reset, or the connection is lost
        self.wake = asyncio.Event()

    async def event(self):
        event = await self.events.get()
        if event is None:
            self.events.put_nowait(None)
            raise Gone
        return event

    def head(self, fields, end=False):
        self._do(self.side.h2.send_headers, self.number, [(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields], end_stream=end)

    async def data(self, data, end=False):
        view = memoryview(data)
        while True:
            if self.over.is_set():
                raise Gone
            self.wake.clear()
            room = min(self.side.h2.local_flow_control_window(self.number), self.side.h2.max_outbound_frame_size, len(view))
            if len(view) and room <= 0:
                await self.wake.wait()
                continue
            self._do(self.side.h2.send_data, self.number, bytes(view[:room]), end_stream=end and room == len(view))
            view = view[room:]
            if not len(view):
                return

    def passed_on(self, event):
        if event.flow_controlled_length and not self.side.lost:
            self.side.h2.acknowledge_received_data(event.flow_controlled_length, self.number)
            self.side.flush()

    def reset(self, code):
        if not self.over.is_set() and not self.side.lost:
            try:
                self._do(self.side.h2.reset_stream, self.number, code)
            except Gone:
                pass
        self.end()

    def end(self):
        self.over.set()
        self.wake.set()
        self.events.put_nowait(None)

    def _do(self, what, *arguments, **options):
        if self.side.lost or self.over.is_set():
            raise Gone
        try:
            what(*arguments, **options)
        except (h2.exceptions.StreamClosedError, h2.exceptions.NoSuchStreamError):
            raise Gone from None
        self.side.flush()


class Http2Side(asyncio.Protocol):
    """`on_stream` is called with each stream that the peer begins, and its head; `on_end` when the connection is lost."""

    def __init__(self, client, failures, on_stream=None, on_end=None):
        self.client, self.failures, self.on_stream, self.on_end = client, failures, on_stream, on_end
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=client, header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False,
            normalize_inbound_headers=False))
        self.streams, self.received, self.lost = {}, bytearray(), False
        self.going = False              # the peer takes no more streams
        self.settled = asyncio.Event()  # the peer's settings have come

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.client:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        self.h2.initiate_connection()
        self.flush()
        self.preface = 0 if self.client else len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def begin(self, fields, end):
        stream = Stream(self, self.h2.get_next_available_stream_id())
        self.streams[stream.number] = stream
        stream.head(fields, end)
        return stream

    def flush(self):
        if (data := self.h2.data_to_send()) and not self.lost:
            self.transport.write(data)

    def data_received(self, data):
        """Frame by frame: h2 would see what follows a GOAWAY as an error."""
        self.received += data
        if self.preface and len(self.received) >= self.preface:
            self.h2.receive_data(bytes(self.received[: self.preface]))
            del self.received[: self.preface]
            self.preface = 0
        while not self.preface and len(self.received) >= 9 and len(self.received) >= (size := 9 + int.from_bytes(self.received[:3], "big")):
            frame = bytes(self.received[:size])
            del self.received[:size]
            try:
                events = self.h2.receive_data(frame)
            except h2.exceptions.ProtocolError as error:
                self.failures.append(error)
                self.flush()
                self.transport.abort()
                return
            for event in events:
                self._take(event)
        self.flush()

    def _take(self, event):
        if isinstance(event, h2.events.ConnectionTerminated):
            self.going = True
            states = h2.connection.ConnectionState
            self.h2.state_machine.state = states.CLIENT_OPEN if self.client else states.SERVER_OPEN
            return
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settled.set()
        if isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for stream in self.streams.values():
                stream.wake.set()
            return
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event.stream_id)
            self.on_stream(stream, event)
            return
        stream = self.streams.get(getattr(event, "stream_id", None))
        if stream and isinstance(event, h2.events.StreamReset):
            stream.end()
        elif stream:
            stream.events.put_nowait(event)

    def connection_lost(self, error):
        self.lost = True
        for stream in self.streams.values():
            stream.end()
        if self.on_end:
            self.on_end()

    def eof_received(self):
        return False
