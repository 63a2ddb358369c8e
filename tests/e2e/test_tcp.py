"""A listener of protocol tcp: bytes both ways, to an endpoint of its cluster. Ends are passed on, each side holds the other back."""
# ctest: threads

import contextlib
import json
import signal
import socket
import threading
import time

import pytest
import wire
from proxy import BUILD, run

DEADLINE_S = wire.DEADLINE_S


class Server:
    """Accepts connections; `serve(socket)` runs in a thread for each."""

    def __init__(self, serve):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listening.getsockname()[1]
        self.accepted, self.failures = 0, []
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.accepted += 1
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        connection.settimeout(DEADLINE_S)
        with connection:
            try:
                self._serve(connection)
            except ConnectionError:
                pass
            except Exception as error:  # noqa: BLE001 - shown by the test
                self.failures.append(error)

    def close(self):
        self.listening.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def server():
    running = []

    def start_one(serve=echo):
        running.append(Server(serve))
        return running[-1]

    yield start_one
    for one in running:
        one.close()
        assert not one.failures


def config(*addresses, chain=(), cluster=None, **listener):
    return {"workers": 1, "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"name": name, "use": name, "config": {"mark": "tcp"}} for name in chain],
            "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocol": "tcp", "cluster": "far", "chain": list(chain), **listener}],
            "clusters": [{"name": "far", "endpoints": list(addresses), **(cluster or {})}]}


def connect(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.settimeout(DEADLINE_S)
    return client


def read_all(client):
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def refused():
    """An address that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def test_bytes_go_both_ways_and_ends_are_passed_on(start, server):
    proxy = start(config(server().address))
    with connect(proxy) as client:
        client.sendall(b"\x00\xff not http \r\n\r\n")
        assert client.recv(100) == b"\x00\xff not http \r\n\r\n"
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"last"  # the answer comes behind the half-close


def test_a_server_may_speak_first_and_end_first(start, server):
    received = []

    def greet(connection):
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        received.append(read_all(connection))

    proxy = start(config(server(greet).address))
    with connect(proxy) as client:
        assert read_all(client) == b"hello"
        client.sendall(b"and still heard")
    end = time.monotonic() + DEADLINE_S
    while not received:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert received == [b"and still heard"]


def test_much_goes_through_a_slow_reader_in_flat_memory(start, server):
    size = 64 * 1024 * 1024

    def pour(connection):
        block = bytes(range(256)) * 1024
        for _ in range(size // len(block)):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)

    proxy = start(config(server(pour).address))
    with connect(proxy) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        got, most = 0, 0
        before = proxy.rss_kib()
        while piece := client.recv(65536):
            got += len(piece)
            if got % (1024 * 1024) < len(piece):
                most = max(most, proxy.rss_kib())
                time.sleep(0.005)
    assert got == size
    assert most - before < 16 * 1024, (before, most)


def test_another_endpoint_is_tried_when_one_refuses(start, server):
    good = server()
    proxy = start(config(refused(), good.address))
    for _ in range(4):
        with connect(proxy) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
    assert good.accepted == 4


@pytest.mark.parametrize("addresses", [[], ["refused"], ["refused", "refused2", "refused3", "refused4"]])
def test_without_an_endpoint_the_connection_is_closed(start, addresses):
    proxy = start(config(*[refused() for _ in addresses]))
    with connect(proxy) as client:
        assert client.recv(1) == b""


def test_silence_ends_it(start, server):
    proxy = start(config(server().address, timeouts={"tunnel_idle": "100ms"}))
    with connect(proxy) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert client.recv(1) == b""


def test_a_reset_is_passed_on(start, server):
    def reset(connection):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    proxy = start(config(server(reset).address))
    with connect(proxy) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_the_clusters_bound_holds(start, server):
    proxy = start(config(server().address, cluster={"connections_max": 2}))
    with connect(proxy) as one, connect(proxy) as two:
        for client in (one, two):
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        with connect(proxy) as three:
            assert three.recv(1) == b""
        one.close()
        end = time.monotonic() + DEADLINE_S
        while True:  # room again, once the end has been seen
            with connect(proxy) as four, contextlib.suppress(ConnectionError):  # closed over what was not read: a reset
                four.sendall(b"y")
                if four.recv(1) == b"y":
                    break
            assert time.monotonic() < end


def test_plugins_see_connections_begin_and_end(start, server):
    proxy = start(config(server().address, chain=["lifecycle"]))
    with connect(proxy) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        proxy.wait_for_line("on_connection 1 tcp")
    proxy.wait_for_line("on_connection_end 1 tcp")


def test_a_reload_leaves_connections_alone_and_a_drain_cuts_them_in_the_end(start, server):
    first, second = server(), server()
    proxy = start(config(first.address, timeouts={"drain": "300ms"}))
    with connect(proxy) as old:
        old.sendall(b"x")
        assert old.recv(1) == b"x"
        proxy.file.write_text(json.dumps(config(second.address, timeouts={"drain": "300ms"})))
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line("generation 2 is in force")
        with connect(proxy) as new:
            new.sendall(b"y")
            assert new.recv(1) == b"y"
        old.sendall(b"z")
        assert old.recv(1) == b"z"
        assert (first.accepted, second.accepted) == (1, 1)
        proxy.signal()
        with contextlib.suppress(ConnectionResetError):
            assert old.recv(1) == b""
    proxy.stop()


@pytest.mark.parametrize("change, expected", [
    ({"routes": []}, "listeners[0].routes: has no meaning for a listener whose protocol is tcp"),
    ({"forward": {"via": False}}, "listeners[0].forward: has no meaning for a listener whose protocol is tcp"),
    ({"cluster": None}, "listeners[0]: needs one of cluster and clusters"),
    ({"cluster": "fra"}, "fra"),
    ({"protocol": "tpc"}, "listeners[0].protocol: "),
    ({"chain": ["throws"]}, "chain: plugin \"throws\" has no hook of connections"),
])
def test_what_makes_no_sense_is_refused(tmp_path, change, expected):
    wrong = config("127.0.0.1:1")
    wrong["listeners"][0].update(change)
    if "chain" in change:
        wrong["plugins"] = [{"name": "throws", "use": "origin"}]
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(wrong))
    done = run("run", "-c", file)
    assert done.returncode == 2
    assert expected in done.stderr, done.stderr
