"""HTTP/1.1 from the tests' client, HTTP/2 to the proxy under test: one connection for each of the client's, so that what happens
to the one is seen on the other. What cannot be said in HTTP/2 is answered 599, which no test takes for the proxy's answer."""

import asyncio
import base64
import functools
import hashlib
import http
import socket
import threading

import h2.events
import pairing
import wire
from relay import CANCEL, Gone, Http2Side, Reader, Untranslatable, chunks, head_bytes, pieces

HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}


@functools.cache
def _loop():
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def in_http2(request):
    """(fields, kind): kind is "upgrade", "connect" or None."""
    if request.minor != 1:
        raise Untranslatable("HTTP/1.0")
    connection = {word.lower() for word in request.list("Connection")}
    upgrade = request.method == "GET" and connection == {"upgrade"} and [v.lower() for v in request.all("Upgrade")] == ["websocket"]
    te = request.list("TE") == ["trailers"] and connection == {"te"}
    if not upgrade and not te and any(request.has(name) for name in HOP - {"transfer-encoding"}):
        raise Untranslatable("fields of one connection of HTTP/1.1")
    fields = [(n.lower(), v) for n, v in request.fields if n.lower() not in HOP | {"host"} and not (upgrade and n.lower() == "sec-websocket-key")]
    authority = [(":authority", request.get("Host"))]
    if request.method == "CONNECT":
        return [(":method", "CONNECT"), *authority, *fields], "connect"
    if not request.target.startswith("/") and request.target != "*":
        raise Untranslatable("a target in absolute form")
    head = [(":method", "CONNECT" if upgrade else request.method), (":scheme", pairing.SCHEME), *authority, (":path", request.target)]
    if upgrade:
        head.append((":protocol", "websocket"))
    return [*head, *fields, *([("te", "trailers")] if te else [])], "upgrade" if upgrade else None


class Conversation:
    """One client's connection."""

    def __init__(self, reader, writer, side):
        self.reader, self.writer, self.side = reader, writer, side
        self.busy = False

    async def run(self):
        while True:
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self.busy = True
            try:
                request, _ = wire.run_over(head, wire.read_request, False)
                fields, kind = in_http2(request)
            except (wire.Malformed, Untranslatable) as why:
                fields = [("connection", "close"), ("x-why", repr(str(why))[:200]), ("content-length", "0")]
                self.writer.write(head_bytes("HTTP/1.1 599 Not in HTTP/2", fields))
                return
            if not await self.exchange(request, fields, kind) or self.side.going or self.side.lost:
                return
            self.busy = False

    async def exchange(self, request, fields, kind):
        """False: the client's connection ends with it."""
        has_body = request.has("Transfer-Encoding") or request.get("Content-Length", "0") != "0"
        if kind == "upgrade":
            await self.side.settled.wait()
        stream = self.side.begin(fields, end=not has_body and not kind)
        opened = asyncio.get_running_loop().create_future()  # True once a tunnel is open
        upload = asyncio.ensure_future(self.tunnelled(stream, opened) if kind else self.uploaded(stream, request) if has_body else asyncio.sleep(0))
        answer = asyncio.ensure_future(self.answered(stream, request, kind, opened))
        left = asyncio.ensure_future(self.reader.ended.wait())
        over = asyncio.ensure_future(stream.over.wait())
        try:
            await asyncio.wait({answer, left}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and opened.done() and opened.result():
                await asyncio.wait({answer, over}, return_when=asyncio.FIRST_COMPLETED)
                if not answer.done():
                    await asyncio.wait({answer}, timeout=1)
            if not answer.done():
                stream.reset(CANCEL)
                return False
            whole = answer.result()
            if not upload.done():
                await asyncio.wait({upload, over, left}, return_when=asyncio.FIRST_COMPLETED)
            if kind and not opened.result():
                upload.cancel()
                return whole and kind == "upgrade"
            if not upload.done() or upload.exception():
                stream.reset(CANCEL)
                if upload.done() and not isinstance(upload.exception(), (Gone, EOFError, ConnectionError, Untranslatable)):
                    self.side.failures.append(upload.exception())
                return False
            return whole and not kind
        finally:
            for task in (upload, answer, left, over):
                task.cancel()

    async def uploaded(self, stream, request):
        try:
            await self.body(stream, request)
        except Untranslatable:
            stream.reset(CANCEL)
            raise

    async def body(self, stream, request):
        if request.has("Transfer-Encoding"):
            async for piece in chunks(self.reader):
                if isinstance(piece, list):
                    if piece:
                        stream.head(piece, end=True)
                    else:
                        await stream.data(b"", end=True)
                else:
                    await stream.data(piece)
            return
        left = int(request.get("Content-Length"))
        async for piece in pieces(self.reader, left):
            left -= len(piece)
            await stream.data(piece, end=left == 0)

    async def tunnelled(self, stream, opened):
        if await asyncio.shield(opened):
            async for piece in pieces(self.reader, None):
                await stream.data(piece)
        await stream.data(b"", end=True)

    async def answered(self, stream, request, kind, opened):
        """Passes the response on; whether it came whole."""
        chunked, status, tail = False, None, b""
        try:
            while True:
                event = await stream.event()
                if isinstance(event, h2.events.InformationalResponseReceived):
                    self.write_head(event.headers)
                elif isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[":status"])
                    tunnel = kind is not None and 200 <= status < 300
                    if kind:
                        opened.set_result(tunnel)
                    plain = tunnel or request.method == "HEAD" or status in (204, 304) or any(n == "content-length" for n, _ in event.headers)
                    chunked = not plain
                    framing = [("transfer-encoding", "chunked")] if chunked else []
                    self.write_head(event.headers, framing, request if tunnel and kind == "upgrade" else None)
                    tail = b"0\r\n\r\n" if chunked else b""
                elif isinstance(event, h2.events.DataReceived):
                    if event.data:
                        self.writer.write(b"%x\r\n%b\r\n" % (len(event.data), event.data) if chunked else event.data)
                    await self.writer.drain()
                    stream.passed_on(event)
                elif isinstance(event, h2.events.TrailersReceived):
                    if not chunked:
                        raise Untranslatable("trailers behind a body with a length")
                    tail = head_bytes("0", event.headers)
                elif isinstance(event, h2.events.StreamEnded):
                    self.writer.write(tail)
                    if kind and opened.result() and not self.writer.is_closing():
                        self.writer.write_eof()
                    return True
        except (Gone, OSError):  # the stream is, or the client
            return False
        except Untranslatable as why:
            self.side.failures.append(why)
            return False

    def write_head(self, headers, more=(), upgrade=None):
        status = int(dict(headers)[":status"])
        fields = [(n, v) for n, v in headers if n != ":status"] + list(more)
        if upgrade:
            status = 101
            fields += [("connection", "Upgrade"), ("upgrade", "websocket")]
            if key := upgrade.get("Sec-WebSocket-Key"):
                digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                fields.append(("sec-websocket-accept", base64.b64encode(digest).decode()))
        elif status >= 200 and self.side.going:
            fields.append(("connection", "close"))
        phrase = http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else ""
        self.writer.write(head_bytes(f"HTTP/1.1 {status} {phrase}", fields))


class Relay:
    """Listens on a port of its own; what arrives there goes to `target` of the proxy under test."""

    def __init__(self, target):
        self.target, self.failures, self.tasks = target, [], set()
        self.tls = {"ssl": pairing.client_context("h2"), "server_hostname": pairing.NAME} if pairing.TLS else {}
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        self.port = listening.getsockname()[1]
        self._server = self._call(self._listen(listening))

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(wire.DEADLINE_S)

    async def _listen(self, listening):
        def made():
            reader = Reader()
            return asyncio.StreamReaderProtocol(reader, self._accepted)

        return await asyncio.get_running_loop().create_server(made, sock=listening)

    async def _accepted(self, reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.current_task()
        self.tasks.add(task)
        side, conversation = None, None

        def ended():
            if conversation and not conversation.busy:
                task.cancel()

        try:
            side = Http2Side(True, self.failures, on_end=ended)
            await asyncio.get_running_loop().create_connection(lambda: side, "127.0.0.1", self.target, **self.tls)
            conversation = Conversation(reader, writer, side)
            await conversation.run()
        except (asyncio.CancelledError, ConnectionError, Gone):
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            self.tasks.discard(task)
            writer.close()
            if side and not side.lost and hasattr(side, "transport"):
                side.transport.close()

    def close(self):
        async def end():
            self._server.close()
            for task in list(self.tasks):
                task.cancel()

        self._call(end())
        assert not self.failures, f"what the proxy sent, or a relay, failed: {self.failures}"
