"""gRPC by a real client and a real server (grpcio), HTTP/2 on both sides, with plugins/grpc: every kind of call, deadlines, and replies made by the proxy."""
# ctest: threads

import concurrent.futures
import threading
import time

import pytest
import wire
from origin import ClosedPort
from proxy import cluster, listener, running

grpc = pytest.importorskip("grpc", reason="SKIPPED: no Python module grpc (tests/install installs it)")


class Service(grpc.GenericRpcHandler):
    """Bytes in and out, no protobuf. What it has seen of cancelled calls is in `cancelled`."""

    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        kinds = {"Echo": grpc.unary_unary_rpc_method_handler(self.echo), "Count": grpc.unary_stream_rpc_method_handler(self.count),
                 "Sum": grpc.stream_unary_rpc_method_handler(self.sum), "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
                 "Sleep": grpc.unary_unary_rpc_method_handler(self.sleep), "Fail": grpc.unary_unary_rpc_method_handler(self.fail)}
        return kinds.get(name)

    @staticmethod
    def echo(request, context):
        context.set_trailing_metadata((("x-seen", dict(context.invocation_metadata()).get("x-asked", "")), ("x-bin-bin", b"\0\xff")))
        return request

    @staticmethod
    def count(request, context):
        for n in range(int(request)):
            yield b"%d" % n

    @staticmethod
    def sum(requests, context):
        return b"%d" % sum(map(int, requests))

    @staticmethod
    def chat(requests, context):
        for request in requests:
            yield request.upper()

    def sleep(self, request, context):
        context.add_callback(self.cancelled.set)
        time.sleep(float(request))
        return b"slept"

    @staticmethod
    def fail(request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: é")


@pytest.fixture(scope="module")
def service():
    return Service()


@pytest.fixture(scope="module")
def channel(service, tmp_path_factory):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    routes = [{"match": {"prefix": "/closed"}, "cluster": "closed"}, {"match": {"prefix": "/short"}, "cluster": "app", "timeout": "300ms"},
              {"match": {"prefix": "/svc"}, "cluster": "app"}]
    config = {"workers": 1, "plugins": [{"name": "grpc", "use": "grpc"}], "listeners": [listener(routes, chain=["grpc"], timeouts={"request": "20s"})],
              "clusters": [cluster(f"127.0.0.1:{port}", name="app", protocol="http2"),
                           cluster(ClosedPort().address, name="closed", protocol="http2", connect_timeout="2s")]}
    with running(config, tmp_path_factory.mktemp("grpc")) as proxy:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}", options=[("grpc.enable_retries", 0)]) as made:
            yield made
    server.stop(None)


def test_unary_calls_with_metadata_both_ways(channel):
    call = channel.unary_unary("/svc/Echo")
    for size in (0, 1, 100_000, 3_000_000):
        answer, made = call.with_call(b"x" * size, metadata=(("x-asked", "a b"),), timeout=20)
        assert answer == b"x" * size
        assert dict(made.trailing_metadata()) == {"x-seen": "a b", "x-bin-bin": b"\0\xff"}


def test_streams_of_each_kind(channel):
    assert list(channel.unary_stream("/svc/Count")(b"1000", timeout=20)) == [b"%d" % n for n in range(1000)]
    assert channel.stream_unary("/svc/Sum")((b"%d" % n for n in range(1000)), timeout=20) == b"499500"
    turn = threading.Semaphore(1)

    def words():
        for word in (b"one", b"two", b"three"):
            assert turn.acquire(timeout=wire.DEADLINE_S)
            yield word

    got = []
    for answer in channel.stream_stream("/svc/Chat")(words(), timeout=20):  # each is sent when the last has been answered
        got.append(answer)
        turn.release()
    assert got == [b"ONE", b"TWO", b"THREE"]


def test_a_hundred_calls_at_once(channel):
    call = channel.unary_unary("/svc/Echo")
    waiting = [call.future(b"%d" % n, timeout=20) for n in range(100)]
    assert [one.result() for one in waiting] == [b"%d" % n for n in range(100)]


def refused(channel, method, request=b"", **options):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(method)(request, **{"timeout": 10, **options})
    return error.value.code(), error.value.details()


def test_statuses_and_messages_pass(channel):
    assert refused(channel, "/svc/Fail") == (grpc.StatusCode.FAILED_PRECONDITION, "not now: é")
    assert refused(channel, "/svc/Nothing")[0] == grpc.StatusCode.UNIMPLEMENTED


def test_replies_of_the_proxy_are_statuses(channel):
    code, said = refused(channel, "/closed/Echo")
    assert code == grpc.StatusCode.UNAVAILABLE and said.startswith("connect_failed")
    assert refused(channel, "/nowhere/Echo")[0] == grpc.StatusCode.UNIMPLEMENTED
    code, said = refused(channel, "/short/Sleep", b"2")
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED and said.startswith("request_timeout")


def test_the_clients_deadline_reaches_the_server_as_an_end(channel, service):
    service.cancelled.clear()
    begun = time.monotonic()
    assert refused(channel, "/svc/Sleep", b"3", timeout=0.3)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - begun < 2
    assert service.cancelled.wait(wire.DEADLINE_S)
    assert channel.unary_unary("/svc/Echo")(b"on", timeout=10) == b"on"


def test_a_cancelled_call_is_cancelled_at_the_server(channel, service):
    service.cancelled.clear()
    call = channel.unary_unary("/svc/Sleep").future(b"2", timeout=20)
    time.sleep(0.2)
    call.cancel()
    assert service.cancelled.wait(wire.DEADLINE_S)
