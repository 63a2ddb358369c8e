"""A downstream that speaks HTTP/2, by python3-h2, and can send what h2 would not: any fields, any frames. Every wait has a
deadline."""

import functools
import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import pairing
import wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, RST_STREAM, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, DATA, HEADERS, PRIORITY = 4, 3, 6, 7, 8, 9, 0, 1, 2
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 2, 3, 5, 7, 8, 11


@functools.cache
def tls_context():
    context = pairing.new_client_context()
    context.set_alpn_protocols(["h2"])
    return context


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def head(path="/", method="GET", scheme="http", authority="a.example", fields=()):
    """A request's head, in order; None leaves a pseudo-header field out."""
    pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    return [(name, value) for name, value in pseudo if value is not None] + list(fields)


class Stream:
    """What came of one request."""

    def __init__(self):
        self.status, self.fields, self.body, self.trailers = None, [], bytearray(), []
        self.informational = []
        self.ended, self.reset = False, None

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def __repr__(self):
        return f"<{self.status} {self.fields} {bytes(self.body)[:200]!r} ended={self.ended} reset={self.reset}>"


class Http2Client:
    def __init__(self, port, deadline=wire.DEADLINE_S, receive_buffer=None, window=None, read_bodies=True, preface=True):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(deadline)
        self.socket.connect(("127.0.0.1", port))
        if pairing.TLS:
            self.socket = tls_context().wrap_socket(self.socket, server_hostname=pairing.NAME)
        self.deadline, self.read_bodies, self.received = deadline, read_bodies, bytearray()
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.streams, self.goaways, self.closed, self.was_reset, self.settled, self.pongs = {}, [], False, False, False, 0
        if window is not None:
            self.h2.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        if preface:
            self.h2.initiate_connection()
            self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Exact bytes. A peer that closed in the meantime is no error here."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def flush(self):
        return self.send(self.h2.data_to_send())

    def start(self, fields, end=True, flush=True):
        """Sends a head as it stands there; the stream's number."""
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        self.h2.send_headers(number, fields, end_stream=end)
        if flush:
            self.flush()
        return number

    def data(self, number, data, end=False):
        """A body, as the windows allow."""
        until = time.monotonic() + self.deadline
        while True:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(data))
            if room > 0 or not data:
                self.h2.send_data(number, data[:room], end_stream=end and room == len(data))
                self.flush()
                data = data[room:]
                if not data:
                    return
            else:
                self.read_some(until)
                assert self.streams[number].reset is None and not self.closed, f"reset in the middle of a body: {self.streams[number]}"

    def request(self, fields, body=None, trailers=None):
        number = self.start(fields, end=body is None and trailers is None)
        if body is not None:
            self.data(number, body, end=trailers is None)
        if trailers is not None:
            self.h2.send_headers(number, trailers, end_stream=True)
            self.flush()
        return number

    def get(self, path="/", **others):
        return self.response(self.request(head(path, **others)))

    def read_some(self, until):
        """Takes what comes next."""
        left = until - time.monotonic()
        assert left > 0, f"nothing more within {self.deadline} s; so far {self.streams} {self.goaways}"
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(262144)
        except socket.timeout:
            raise AssertionError(f"nothing more within {self.deadline} s; so far {self.streams} {self.goaways}") from None
        except (ConnectionResetError, ssl.SSLError):
            self.was_reset = True
            data = b""
        if not data:
            self.closed = True
            return
        self.take(data)

    def take(self, data):
        """Frame by frame: h2 would see what follows a GOAWAY as an error."""
        self.received += data
        while len(self.received) >= 9 and len(self.received) >= (size := 9 + int.from_bytes(self.received[:3], "big")):
            one, self.received = self.received[:size], self.received[size:]
            for event in self.h2.receive_data(bytes(one)):
                self._take(event)
        self.flush()

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaways.append((int(event.error_code), event.last_stream_id))
            # h2 takes the first GOAWAY for the end; a graceful one is followed by what the streams have left to say.
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.settled = True
        elif stream is None:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            stream.fields = [(name, value) for name, value in event.headers if name != ":status"]
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.informational.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.read_bodies and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)

    def wait(self, condition, what):
        until = time.monotonic() + self.deadline
        while not condition():
            assert not self.closed, f"closed before {what}: {self.streams} {self.goaways}"
            self.read_some(until)

    def response(self, number):
        """The stream, ended or reset."""
        stream = self.streams[number]
        self.wait(lambda: stream.ended or stream.reset is not None, f"the end of stream {number}")
        return stream

    def expect_closed(self):
        """The peer closes; the codes of the GOAWAY frames it sent."""
        until = time.monotonic() + self.deadline
        while not self.closed:
            self.read_some(until)
        return [code for code, _ in self.goaways]
