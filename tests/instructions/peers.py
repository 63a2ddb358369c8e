"""The two ends of the proxy that is counted: an origin and clients that send one message at a time, each in one write, and wait between two, so
that the proxy is asleep when the next comes: what it does for a request is then always the same."""

import socket
import ssl
import threading
import time

import h2.config
import h2.connection
import h2.events

PAUSE_S = 0.0005
WAIT_S = 30.0


def _receive_message(connection, data):
    """One HTTP/1.1 message that has a Content-Length or no body, as (its bytes, what came behind it)."""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _some(connection)
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    size = end + 4 + (int(head[at + 17:].split(b"\r\n")[0]) if at >= 0 else 0)
    while len(data) < size:
        data += _some(connection)
    return data[:size], data[size:]


def _some(connection):
    if data := connection.recv(1 << 20):
        return data
    raise ConnectionError("the peer closed the connection")


class Origin:
    """Answers every request with `answer`, an HTTP/1.1 message. For one proxy at a time."""

    def __init__(self, answer):
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        data = b""
        with connection:
            while True:
                try:
                    _, data = _receive_message(connection, data)
                    time.sleep(PAUSE_S)
                    connection.sendall(self._answer)
                except ConnectionError:
                    return

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def connect(port):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    connection.settimeout(WAIT_S)
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask_http1(connection, request, count):
    """Sends the request so often, each after the answer to the one before."""
    data = b""
    for _ in range(count):
        time.sleep(PAUSE_S)
        connection.sendall(request)
        answer, data = _receive_message(connection, data)
        if not answer.startswith(b"HTTP/1.1 200 ") or data:
            raise RuntimeError(f"not the answer that was expected: {answer[:200]!r}")


def over_tls(connection):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(connection, server_hostname="a.example")


def ask_http2(connection, fields, count):
    """The same over HTTP/2 with prior knowledge, a stream at a time. The connection's window is as large as can be: none is given back."""
    session = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    session.initiate_connection()
    session.increment_flow_control_window((1 << 31) - 1 - 65_535)
    connection.sendall(session.data_to_send())
    for _ in range(count):
        time.sleep(PAUSE_S)
        session.send_headers(session.get_next_available_stream_id(), fields, end_stream=True)
        connection.sendall(session.data_to_send())
        ended = False
        while not ended:
            for event in session.receive_data(_some(connection)):
                if isinstance(event, h2.events.ResponseReceived) and dict(event.headers)[b":status"] != b"200":
                    raise RuntimeError(f"not the answer that was expected: {event.headers}")
                ended = ended or isinstance(event, h2.events.StreamEnded)
            if reply := session.data_to_send():
                connection.sendall(reply)
