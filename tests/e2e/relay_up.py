"""HTTP/2 from the proxy under test, HTTP/1.1 to the recording origin: a connection there carries one stream after the other, and a new one is made
when none is free. It runs on the origin's own loop. What is not whole and well-formed HTTP/1.1 resets the stream."""

import asyncio
import base64
import os
import socket

import h2.events
import pairing
import wire
from relay import INTERNAL_ERROR, Gone, Http2Side, Reader, Untranslatable, chunks, head_bytes, pieces

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"}


class Connection:
    """One to the origin, and whether it is in use."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @property
    def usable(self):
        return not self.reader.ended.is_set() and not self.reader._buffer

    @staticmethod
    async def to(port):
        reader = Reader()
        transport, protocol = await asyncio.get_running_loop().create_connection(lambda: asyncio.StreamReaderProtocol(reader), "127.0.0.1", port)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop()))


def whole_cookies(fields):
    """RFC 9113 8.2.3: in HTTP/1.1 there is one."""
    crumbs = [value for name, value in fields if name == "cookie"]
    first = next((i for i, (name, _) in enumerate(fields) if name == "cookie"), None)
    return [(n, "; ".join(crumbs) if i == first else v) for i, (n, v) in enumerate(fields) if n != "cookie" or i == first]


def in_http1(headers, ended):
    """(head, kind, chunked) of a request."""
    pseudo = {n: v for n, v in headers if n.startswith(":")}
    fields = whole_cookies([(n, v) for n, v in headers if not n.startswith(":")])
    host = [("host", pseudo[":authority"])] if ":authority" in pseudo else []
    method, kind, more, chunked = pseudo[":method"], None, [], False
    if pseudo.get(":protocol"):
        method, kind = "GET", "upgrade"
        key = base64.b64encode(os.urandom(16)).decode()
        more = [("connection", "Upgrade"), ("upgrade", pseudo[":protocol"]), ("sec-websocket-key", key)]
    elif method == "CONNECT":
        kind = "connect"
    elif not ended and not any(n == "content-length" for n, _ in fields):
        chunked, more = True, [("transfer-encoding", "chunked")]
    if any(n == "te" for n, _ in fields):
        more.append(("connection", "te"))
    target = pseudo[":authority"] if kind == "connect" else pseudo[":path"]
    return head_bytes(f"{method} {target} HTTP/1.1", [*host, *fields, *more]), method, kind, chunked


def final_or_not(data):
    """A response's head, strictly read."""
    line, _, rest = data.partition(b"\r\n")
    if not (match := wire.STATUS_LINE.fullmatch(line)):
        raise wire.Malformed(f"not a status line: {line!r}")
    response = wire.Response()
    response.minor, response.status = int(match[1]), int(match[2])
    response.fields, _ = wire.run_over(rest, wire._fields, bytearray(), "the response head")
    about_connection = {"close", "keep-alive"} | ({"upgrade"} if response.status == 101 else set())
    others = HOP - {"connection", "transfer-encoding"} - ({"upgrade"} if response.status == 101 else set())
    if response.minor != 1:
        raise Untranslatable("HTTP/1.0")
    if not {word.lower() for word in response.list("Connection")} <= about_connection or any(response.has(name) for name in others):
        raise Untranslatable("fields of one connection of HTTP/1.1")
    return response


class Session:
    """One connection of the proxy's, and those to the origin that are made for it."""

    def __init__(self, relay):
        self.relay, self.free, self.all, self.tasks = relay, [], set(), set()
        self.side = Http2Side(False, relay.failures, self.begin, self.end)

    def begin(self, stream, event):
        task = asyncio.ensure_future(self.exchange(stream, event.headers, event.stream_ended is not None))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def end(self):
        for task in self.tasks:
            task.cancel()
        for connection in self.all:
            connection.writer.close()

    async def connection(self):
        while self.free:
            if (connection := self.free.pop()).usable:
                return connection
            self.drop(connection)
        connection = await Connection.to(self.relay.target)
        self.all.add(connection)
        return connection

    def drop(self, connection):
        self.all.discard(connection)
        connection.writer.close()

    async def exchange(self, stream, headers, ended):
        connection, reusable, tasks = None, False, []
        try:
            for _ in range(4):  # one whose answer the proxy has seen end gives its connection back first
                await asyncio.sleep(0)
            connection = await self.connection()
            head, method, kind, chunked = in_http1(headers, ended)
            connection.writer.write(head)
            opened = asyncio.get_running_loop().create_future()
            tasks = [asyncio.ensure_future(self.upload(stream, connection, kind, chunked, opened)),
                     asyncio.ensure_future(self.download(stream, connection, method, kind, opened)), asyncio.ensure_future(stream.over.wait())]
            upload, download, over = tasks
            await asyncio.wait({download, over}, return_when=asyncio.FIRST_COMPLETED)
            if download.done():
                reusable = download.result()
                await asyncio.wait({upload, over}, return_when=asyncio.FIRST_COMPLETED)
                reusable = reusable and upload.done() and upload.exception() is None
        except (Gone, asyncio.CancelledError):
            pass
        except (EOFError, ConnectionError, wire.Malformed, wire.Incomplete, Untranslatable, ValueError):
            stream.reset(INTERNAL_ERROR)
        except Exception as error:
            self.relay.failures.append(error)
            stream.reset(INTERNAL_ERROR)
        finally:
            for task in tasks:
                task.cancel()
            self.side.streams.pop(stream.number, None)
            if connection and reusable and connection.usable:
                self.free.append(connection)
            elif connection:
                self.drop(connection)

    async def upload(self, stream, connection, kind, chunked, opened):
        writer, tail = connection.writer, b"0\r\n\r\n" if chunked else b""
        while True:
            event = await stream.event()
            if isinstance(event, h2.events.DataReceived):
                if kind:
                    await asyncio.shield(opened)
                if event.data:
                    writer.write(b"%x\r\n%b\r\n" % (len(event.data), event.data) if chunked else event.data)
                await writer.drain()
                stream.passed_on(event)
            elif isinstance(event, h2.events.TrailersReceived):
                if not chunked:
                    raise Untranslatable("trailers behind a body with a length")
                tail = head_bytes("0", event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                writer.write(tail)
                if kind and opened.done() and opened.result():
                    writer.write_eof()
                return

    async def download(self, stream, connection, method, kind, opened):
        """Passes the response on; whether the connection may carry another."""
        reader = connection.reader
        while True:
            response = final_or_not(await reader.readuntil(b"\r\n\r\n"))
            fields = [(n.lower(), v) for n, v in response.fields if n.lower() not in HOP | {"sec-websocket-accept"}]
            tunnel = (kind == "upgrade" and response.status == 101) or (kind == "connect" and 200 <= response.status < 300)
            if not tunnel and (response.status == 101 or (kind == "upgrade" and 200 <= response.status < 300)):
                raise Untranslatable("what would agree on HTTP/2 and does not here, or the other way round")
            if tunnel or response.status >= 200:
                break
            stream.head([(":status", str(response.status)), *fields])
        if kind:
            opened.set_result(tunnel)
        stays = response.minor == 1 and "close" not in [v.lower() for v in response.list("Connection")]
        framing, length = wire._framing(response, "a response")
        if tunnel:
            framing, length, stays = None, None, False
        elif method == "HEAD" or response.status in (204, 304):
            framing, length = "length", 0
        stream.head([(":status", "200" if tunnel else str(response.status)), *fields], end=framing == "length" and length == 0)
        if framing == "chunked":
            async for piece in chunks(reader):
                if isinstance(piece, bytes):
                    await stream.data(piece)
                elif piece:
                    stream.head(piece, end=True)
                else:
                    await stream.data(b"", end=True)
        elif length != 0:
            async for piece in pieces(reader, length):
                length = length - len(piece) if length is not None else None
                await stream.data(piece, end=length == 0)
            if length is None:
                await stream.data(b"", end=True)
        return stays and framing is not None


class Relay:
    """Listens at `listening`; what arrives there goes to the origin's own port."""

    def __init__(self, listening, target, failures):
        self.listening, self.target, self.failures, self.sessions = listening, target, failures, []
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self.tls = pairing.server_context("h2") if pairing.TLS else None

    async def serve(self):
        self.server = await asyncio.get_running_loop().create_server(self._accepted, sock=self.listening, ssl=self.tls)

    def _accepted(self):
        self.sessions.append(Session(self))
        return self.sessions[-1].side

    def close(self):
        self.server.close()
        for session in self.sessions:
            if not session.side.lost and hasattr(session.side, "transport"):
                session.side.transport.abort()
