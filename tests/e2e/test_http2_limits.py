"""What a client of HTTP/2 may not do: floods of frames, streams that it resets at once, readers and writers that stall; and how its
connection ends when it is idle, when its listener says so, when the process drains."""
# ctest: serial
# ctest: timeout 240

import json
import signal
import socket
import subprocess
import time

import pytest
from conftest import tool
from http2_client import (CANCEL, CONTINUATION, DATA, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, NO_ERROR, PING, PRIORITY, SETTINGS, WINDOW_UPDATE,
                          Http2Client, frame, head)
from origin import reply
from pairing import SCHEME
from proxy import SANITIZED, cluster, listener, to_origin

MIB = 1024


def config(origin):
    routes = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    kinds = {"in": {}, "few": {"http2": {"concurrent_streams": 4}}, "resets": {"http2": {"stream_resets": 20}},
             "requests": {"limits": {"requests_per_connection": 3}}, "idle": {"timeouts": {"idle": "300ms", "head": "300ms", "body": "500ms"}},
             "small": {"http2": {"stream_window": "16KiB"}}}
    return {"workers": 1, "plugins": [{"name": "numbers", "use": "prometheus"}],
            "listeners": [*(listener(routes, name, **others) for name, others in kinds.items()),
                          listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats")],
            "clusters": [cluster(origin, connections_max=200)]}


def hits(proxy, limit, name="in"):
    with proxy.client("stats") as client:
        text = client.get("/").body.decode()
    found = [line for line in text.splitlines()
             if line.startswith("cleat_limit_hits_total{") and f'limit="{limit}"' in line and f'listener="{name}"' in line]
    return int(float(found[0].split()[-1])) if found else 0


def still_well(proxy, name="in"):
    with Http2Client(proxy.ports[name]) as client:
        assert client.get("/after").status == 200


def active(proxy, name):
    with proxy.client("stats") as client:
        text = client.get("/").body.decode()
    return next(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("cleat_connections_active{") and f'listener="{name}"' in line)


# --- floods ---

FLOODS = {
    "ping": frame(PING, payload=b"12345678"),
    "ping_ack": frame(PING, 1, payload=b"12345678"),
    "settings": frame(SETTINGS),
    "settings_of_one": frame(SETTINGS, payload=b"\0\4\0\1\0\0"),
    "priority": frame(PRIORITY, 0, 1, b"\0\0\0\3\7"),
    "window_update": frame(WINDOW_UPDATE, payload=b"\0\0\0\1"),
    "empty_data": frame(DATA, 0, 1),
    "data_of_padding": frame(DATA, 8, 1, b"\3\0\0\0"),
    "goaway": frame(GOAWAY, payload=b"\0" * 8),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_frames_ends_the_connection(proxy, origin, kind):
    before = hits(proxy, "http2_frames")
    with Http2Client(proxy.ports["in"]) as client:
        client.start(head("/v", "POST"), end=False)
        client.wait(lambda: client.settled, "the settings")
        client.send(FLOODS[kind] * 30_000)
        assert client.expect_closed()[-1] == ENHANCE_YOUR_CALM
    assert hits(proxy, "http2_frames") == before + 1
    still_well(proxy)


def test_a_flood_of_continuations_ends_the_connection(proxy, origin):
    with Http2Client(proxy.ports["in"]) as client:
        client.wait(lambda: client.settled, "the settings")
        client.send(frame(HEADERS, 1, 1, client.h2.encoder.encode(head("/v"))) + frame(CONTINUATION, 0, 1) * 30_000)
        assert client.expect_closed() == [ENHANCE_YOUR_CALM]
    assert origin.saw() == []
    still_well(proxy)


def test_a_flood_of_pings_that_nobody_reads_the_answers_of(proxy, origin):
    with Http2Client(proxy.ports["in"], receive_buffer=4096) as client:
        client.wait(lambda: client.settled, "the settings")
        client.socket.settimeout(5)
        try:
            client.socket.sendall(FLOODS["ping"] * 2_000_000)
            raise AssertionError("34 MB of pings were taken")
        except OSError:
            pass
    still_well(proxy)


def test_a_list_of_fields_that_unpacks_to_much_ends_the_connection(proxy, origin):
    before, memory = hits(proxy, "head_bytes"), proxy.rss_kib()
    with Http2Client(proxy.ports["in"]) as client:
        client.wait(lambda: client.settled, "the settings")
        block = client.h2.encoder.encode([*head("/v"), ("x-bomb", "b" * 3900)])
        one = client.h2.encoder.encode([("x-bomb", "b" * 3900)])
        assert len(one) == 1
        client.send(frame(HEADERS, 5, 1, block + one * 12_000))
        assert client.expect_closed() == [ENHANCE_YOUR_CALM]
    assert hits(proxy, "head_bytes") == before + 1
    assert proxy.rss_kib() - memory < 8 * MIB
    assert origin.saw() == []


def reset_at_once(client, count):
    for number in range(1, 2 * count, 2):
        client.h2.send_headers(number, head(f"/{number}"), end_stream=True)
        client.h2.reset_stream(number, CANCEL)
    client.flush()


def test_streams_reset_at_once_end_the_connection(proxy, origin):
    before = hits(proxy, "stream_resets", "resets")
    with Http2Client(proxy.ports["resets"]) as client:
        client.wait(lambda: client.settled, "the settings")
        reset_at_once(client, 40)
        assert client.expect_closed() == [ENHANCE_YOUR_CALM]
    assert hits(proxy, "stream_resets", "resets") == before + 1
    assert len(origin.saw()) <= 21
    still_well(proxy, "resets")


def test_a_few_streams_reset_are_no_flood(proxy, origin):
    with Http2Client(proxy.ports["resets"]) as client:
        client.wait(lambda: client.settled, "the settings")
        reset_at_once(client, 20)
        assert client.get("/after").status == 200


def test_streams_that_the_client_has_reset_for_it_count_too(proxy, origin):
    with Http2Client(proxy.ports["resets"]) as client:
        client.wait(lambda: client.settled, "the settings")
        for _ in range(40):
            client.start(head("/v", fields=[("connection", "close")]), flush=False)
        client.flush()
        assert client.expect_closed() == [ENHANCE_YOUR_CALM]
    assert origin.saw() == []


def test_more_streams_than_are_allowed_are_refused(proxy, origin):
    release = origin.event()

    async def handler(connection, request):
        await release.wait()
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    with Http2Client(proxy.ports["few"]) as client:
        client.wait(lambda: client.settled, "the settings")
        assert client.h2.remote_settings.max_concurrent_streams == 4
        client.h2.remote_settings.acknowledge()
        for number in (1, 3, 5, 7):
            client.request(head(f"/{number}"))
        origin.wait_for(lambda: len(origin.saw()) == 4, "four requests")
        client.send(frame(HEADERS, 5, 9, client.h2.encoder.encode(head("/9"))))
        codes = client.expect_closed()  # acknowledged, and gone beyond all the same: an error of the connection (RFC 9113 5.1.2)
        assert codes and codes[-1] != NO_ERROR
    origin.set_event(release)
    assert len(origin.saw()) == 4


# --- stalls: what is kept, and that it is no more ---

def test_readers_that_stall_on_every_stream_keep_what_is_stated(proxy, origin):
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while await connection.send_slowly(b"x" * 65536):
            pass

    origin.handler = handler
    memory = proxy.rss_kib()
    with Http2Client(proxy.ports["in"], window=0) as client:
        client.wait(lambda: client.settled, "the settings")
        for _ in range(100):
            client.request(head("/big"))
        origin.wait_for(lambda: len(origin.since_reset()) == 100, "the requests upstream")
        time.sleep(2)
        grown = proxy.rss_kib() - memory
        print(f"100 stalled streams: {grown} KiB")
        assert grown < 100 * 128 + (40 if SANITIZED else 12) * MIB
        still_well(proxy)


def test_a_slow_reader_of_much_keeps_memory_flat(proxy, origin, curl):
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            if not await connection.send_slowly(b"x" * 1_000_000):
                return

    origin.handler = handler
    memory = proxy.rss_kib()
    reading = subprocess.Popen([curl, "-sSk", "--http2-prior-knowledge", "--limit-rate", "25M", "-o", "/dev/null", "-w", "%{size_download}",
                                f"{SCHEME}://127.0.0.1:{proxy.ports['in']}/big"], stdout=subprocess.PIPE, text=True)
    most = memory
    while reading.poll() is None:
        most = max(most, proxy.rss_kib())
        time.sleep(0.05)
    assert reading.stdout.read() == "100000000"
    print(f"a slow reader of 100 MB: {most - memory} KiB")
    assert most - memory < (24 if SANITIZED else 4) * MIB


def test_an_upload_to_an_origin_that_stalls_is_held_back(proxy, origin):
    release = origin.event()

    async def handler(connection, request):
        connection.transport.pause_reading()
        await release.wait()
        connection.transport.resume_reading()
        await connection.body_of(request)
        connection.send(reply(str(len(request.body)).encode()))

    origin.head_handler = handler
    memory = proxy.rss_kib()
    with Http2Client(proxy.ports["in"]) as client:
        client.wait(lambda: client.settled, "the settings")
        number = client.start(head("/up", "POST"), end=False)
        sent, quiet_since = 0, time.monotonic()
        client.socket.settimeout(0.2)
        while time.monotonic() - quiet_since < 1:
            room = min(client.h2.local_flow_control_window(number), 16384)
            if room:
                client.h2.send_data(number, b"x" * room)
                client.flush()
                sent, quiet_since = sent + room, time.monotonic()
                continue
            try:
                client.take(client.socket.recv(65536))
            except socket.timeout:
                pass
        assert sent < 32_000_000, "not held back"
        assert proxy.rss_kib() - memory < (24 if SANITIZED else 4) * MIB
        origin.head_handler = None
        still_well(proxy)
        origin.set_event(release)
        client.data(number, b"end", end=True)
        assert bytes(client.response(number).body) == str(sent + 3).encode()


def test_the_window_of_a_stream_is_as_configured(proxy, origin):
    with Http2Client(proxy.ports["small"]) as client:
        client.wait(lambda: client.settled, "the settings")
        assert client.h2.remote_settings.initial_window_size == 16 * 1024
        assert client.response(client.request(head("/b", "POST"), b"x" * 100_000)).status == 200
    assert origin.only_request().body == b"x" * 100_000


# --- the end of a connection ---

def test_an_idle_connection_is_closed(proxy, origin):
    before = hits(proxy, "idle_timeout", "idle")
    with Http2Client(proxy.ports["idle"]) as client:
        assert client.get("/").status == 200
        assert client.expect_closed() == [NO_ERROR]
    assert hits(proxy, "idle_timeout", "idle") == before + 1


def test_a_reader_that_stops_for_good_is_left(proxy, origin):
    """Not even the reset of its stream can be sent."""
    async def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while await connection.send_slowly(b"x" * 65536):
            pass

    origin.handler = handler
    before = hits(proxy, "body_timeout", "idle")
    with Http2Client(proxy.ports["idle"], receive_buffer=4096, window=2**31 - 1) as client:
        client.h2.increment_flow_control_window(2**30)
        client.request(head("/big"))
        origin.wait_for(lambda: origin.since_reset(), "the request upstream")
        (sending, _), = origin.since_reset()
        origin.wait_for(lambda: sending.lost, "the upstream connection to be closed")
        assert hits(proxy, "body_timeout", "idle") == before + 1
        origin.wait_for(lambda: active(proxy, "idle") == 0, "the connection to be closed")


def test_a_connection_of_pings_is_idle(proxy, origin):
    with Http2Client(proxy.ports["idle"]) as client:
        end = time.monotonic() + 5
        while not client.closed and time.monotonic() < end:
            client.send(FLOODS["ping"])
            client.read_some(end)
            time.sleep(0.05)
        assert client.closed and client.goaways[-1][0] == NO_ERROR


@pytest.mark.parametrize("sent", [b"", b"PRI * HTTP/2.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_a_preface_that_does_not_go_on(proxy, origin, sent):
    before = hits(proxy, "head_timeout", "idle")
    with proxy.client("idle") as client:
        client.send(sent)
        client.rest()
    assert hits(proxy, "head_timeout", "idle") == before + 1


def test_a_head_that_does_not_end(proxy, origin):
    before = hits(proxy, "head_timeout", "idle")
    with Http2Client(proxy.ports["idle"]) as client:
        client.wait(lambda: client.settled, "the settings")
        client.send(frame(HEADERS, 1, 1, client.h2.encoder.encode(head("/v"))))
        assert client.expect_closed() == [ENHANCE_YOUR_CALM]
    assert hits(proxy, "head_timeout", "idle") == before + 1
    assert origin.saw() == []


def test_requests_of_a_connection_are_bounded(proxy, origin):
    with Http2Client(proxy.ports["requests"]) as client:
        for _ in range(3):
            assert client.get("/").status == 200
        client.wait(lambda: client.goaways, "GOAWAY")
        assert client.goaways[0] == (NO_ERROR, 2**31 - 1)
        assert client.get("/more").status == 200  # between the two
        assert client.expect_closed() == [NO_ERROR, NO_ERROR]
        assert client.goaways[1] == (NO_ERROR, 7)


def held(origin):
    release = origin.event()

    async def handler(connection, request):
        if request.target == "/held":
            await release.wait()
        connection.send(reply(request.target.encode()))

    origin.handler = handler
    return release


def test_a_drain_finishes_what_was_begun(start, origin):
    proxy = start(to_origin(origin))
    release = held(origin)
    with Http2Client(proxy.port) as client, Http2Client(proxy.port) as idle:
        assert idle.get("/").status == 200
        number = client.request(head("/held"))
        origin.wait_for(lambda: "/held" in [request.target for request in origin.saw()], "the request upstream")
        proxy.signal()
        client.wait(lambda: client.goaways, "GOAWAY")
        assert client.goaways == [(NO_ERROR, 2**31 - 1)]
        assert bytes(client.get("/late").body) == b"/late"  # sent before the client could know
        client.wait(lambda: len(client.goaways) == 2, "the second GOAWAY")
        assert client.goaways[1] == (NO_ERROR, 3)
        assert idle.expect_closed() == [NO_ERROR, NO_ERROR]
        client.send(frame(HEADERS, 5, 5, client.h2.encoder.encode(head("/too-late"))))
        origin.set_event(release)
        assert bytes(client.response(number).body) == b"/held"
        client.expect_closed()
    assert proxy.wait() == 0
    assert "/too-late" not in [request.target for request in origin.saw()]


def test_a_connection_goes_on_in_the_next_configuration(start, origin):
    routes = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "one"}}, {"match": {"path": "/held"}, "cluster": "origin"}]
    config = to_origin(origin)
    config["listeners"][0]["routes"] = [routes[1], routes[0]]
    proxy = start(config)
    release = held(origin)
    with Http2Client(proxy.port) as client:
        number = client.request(head("/held"))
        assert bytes(client.get().body) == b"one"
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        routes[0]["reply"]["body"] = "two"
        proxy.file.write_text(json.dumps(config))
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line(r"reloaded: generation \d+ is in force")
        assert bytes(client.get().body) == b"two"  # beside one that goes on where it began
        origin.set_event(release)
        assert bytes(client.response(number).body) == b"/held"
        assert not client.goaways


def test_a_connection_of_a_listener_that_is_gone_is_told_to_go(start, origin):
    config = to_origin(origin)
    proxy = start(config)
    with Http2Client(proxy.port) as client:
        assert client.get().status == 200
        config["listeners"][0].update(name="other")
        config["listeners"][0]["address"] = "127.0.0.2:0"
        proxy.file.write_text(json.dumps(config))
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_line(r"reloaded: generation \d+ is in force")
        assert client.get().status == 200
        assert client.expect_closed() == [NO_ERROR, NO_ERROR]


def test_a_drain_that_is_over_cuts_what_is_left(start, origin):
    proxy = start(to_origin(origin, {"timeouts": {"drain": "1500ms"}}))
    release = held(origin)
    with Http2Client(proxy.port) as client:
        client.request(head("/held"))
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        proxy.signal()
        client.expect_closed()
    assert proxy.wait() == 0
    origin.set_event(release)


def test_h2load_while_connections_are_bounded(proxy, origin):
    """Clients that are told to go come back with a new connection."""
    done = subprocess.run([tool("h2load"), "-n", "300", "-c", "4", "-m", "4", f"{SCHEME}://127.0.0.1:{proxy.ports['few']}/"], capture_output=True, text=True,
                          timeout=60)
    assert "300 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
