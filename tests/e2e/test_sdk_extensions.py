"""The extensions in the Rust and Go SDKs, through the real kernel: sdk_extensions/ has one plugin in both languages, which does what the
field x-do of a request says. Of each what it does, and what it refuses: panics of callbacks, handles that are stale, bounds. Here events, kv,
http_call, handler and command; test_sdk_extensions_process.py has the rest."""
# ctest: timeout 300

import os
import subprocess

import pytest
import sdk
from origin import reply
from processes import wait_until
from proxy import CLEAT, Proxy, run
from sdk_extensions import build, config, do, refused, reload


@pytest.fixture(scope="module", params=["rust", "go"])
def plugin(request, tmp_path_factory):
    with sdk.prefix("sdk_extensions"):
        yield build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def shared(plugin, shared_origin, tmp_path_factory):
    proxy = Proxy(config(plugin, shared_origin), tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.stop()


@pytest.fixture
def proxy(shared, origin):
    yield shared
    assert shared.process.poll() is None, shared.log()


# --- cleat.events/1


def test_events_that_were_subscribed_to_come_and_no_others(proxy):
    assert do(proxy, "publish other.name words") == "ok"
    assert do(proxy, "publish demo0.name words") == "ok"
    proxy.wait_for_line(r"plugin/one event demo0.name words$")
    assert "event other.name" not in proxy.log()


def test_a_panic_in_an_event_is_told_and_later_events_come(proxy):
    assert do(proxy, "publish demo0.panic now") == "ok" and do(proxy, "publish demo0.later still") == "ok"
    proxy.wait_for_line(r"error plugin/one .*panicked at .*: asked to panic in an event")
    proxy.wait_for_line(r"plugin/one event demo0.later still$")


def test_events_are_refused_beyond_their_bounds(plugin, proxy, shared_origin, tmp_path):
    assert do(proxy, "publish cleat.generation.applied x") == "invalid"
    assert do(proxy, "publish-long") == "invalid"
    assert do(proxy, "subscribe") == "not on this thread"
    assert "this instance has 64 patterns already" in refused(tmp_path, config(plugin, shared_origin, patterns=65))


# --- cleat.kv/1


def test_keys_are_kept_and_changed(proxy):
    kv = lambda *words: do(proxy, " ".join(["kv", *words]))  # noqa: E731
    assert kv("get", "a") == "none" and kv("set", "a", "text") == "ok" and kv("get", "a") == "text"
    assert kv("set-if-new", "a", "2") == "stale" and kv("set-if-same", "a", "2") == "ok" and kv("get", "a") == "2"
    assert kv("add", "a", "40") == "42" and kv("add", "n", "-1") == "-1"
    assert kv("set", "ab", "x") == "ok" and kv("list", "a") == "a,ab" and kv("add", "ab", "1") == "invalid"
    assert kv("remove-other", "a") == "stale" and kv("remove", "a") == "ok" and kv("remove", "a") == "not found"
    assert kv("set-long", "long", "3000") == "true"  # longer than a first look
    assert kv("set-brief", "b", "x") == "ok"  # less than a millisecond is not for ever
    wait_until(lambda: kv("get", "b") == "none", "its end")


def test_keys_are_refused_beyond_their_bounds(plugin, proxy, shared_origin, tmp_path):
    kv = lambda *words: do(proxy, " ".join(["kv", *words]))  # noqa: E731
    assert kv("set", "k" * 513, "x") == "invalid" and kv("get-nameless") == "invalid"
    assert kv("set-long", "more", "5000") == "over a limit" and kv("get", "more") == "none"
    assert "a space has 1 KiB to 1 GiB" in refused(tmp_path, config(plugin, shared_origin, own_bytes=10))


def test_spaces_outlive_reloads_and_are_stale_when_their_last_instance_is_gone(plugin, origin, start):
    proxy = start(config(plugin, origin, names=("one", "two")))
    assert [do(proxy, "kv shared", name) for name in ("one", "two", "one")] == ["1", "2", "3"]
    assert do(proxy, "kv set a mine", "two") == "ok" and do(proxy, "kv get a", "one") == "none"

    reload(proxy, 2, config(plugin, origin, names=("one", "two"), patterns=2))
    proxy.wait_for_line(r"plugin/two event cleat.generation.applied generation=2$")
    assert do(proxy, "kv get a", "two") == "mine" and do(proxy, "kv shared", "two") == "4"
    without = config(plugin, origin, names=("one", "two"), patterns=2)
    without["plugins"].pop()
    without["listeners"][1]["chain"] = []
    reload(proxy, 3, without)
    wait_until(lambda: do(proxy, "kv gone") == "Some(stale) Some(stale)", "the end of the space")


# --- cleat.http_call/1, in pieces


CHUNKED = b"HTTP/1.1 200 OK\r\nX-From: there\r\nTransfer-Encoding: chunked\r\n\r\n"


def answers_in_pieces(pieces, size=10_000):
    async def handler(connection, _):
        connection.send(CHUNKED)
        for _ in range(pieces):
            if not await connection.send_slowly(b"%x\r\n" % size + b"x" * size + b"\r\n"):
                return
        connection.send(b"0\r\nx-sum: 5\r\n\r\n")

    return handler


@pytest.fixture
def endless(origin):
    """An origin that sends a head and never ends; a list of what became of its connections."""
    ends = []

    async def handler(connection, _):
        connection.send(CHUNKED + b"1\r\nx\r\n")
        await connection.until_closed()
        ends.append("closed")

    origin.handler = handler
    return ends


@pytest.mark.parametrize("what, head", [("stream", "head 200 there "), ("stream-worker", "")])
def test_a_response_comes_in_pieces_and_with_its_trailers(proxy, origin, what, head):
    origin.handler = answers_in_pieces(50)
    assert do(proxy, what) == f"{head}end 500000 x-sum=5"


def test_a_request_body_goes_up_as_it_is_taken(proxy, origin):
    assert do(proxy, "stream-up 1000000") == "head 200 end 0 true"
    request = origin.only_request()
    assert request.body == b"u" * 1_000_000 and request.get("transfer-encoding") == "chunked"


def test_a_body_in_pieces_may_have_an_answer_that_is_gathered(proxy, origin):
    assert do(proxy, "gathered-up") == "Some(200) ok"
    assert origin.only_request().body == b"question"


def test_a_stream_that_is_paused_is_held_back(proxy, origin):
    origin.handler = answers_in_pieces(1000)
    before, *end = do(proxy, "stream-pause").split(" ")
    assert end == ["end", "10000000", "x-sum=5"] and int(before) < 1_000_000, before


def test_a_stream_that_is_cancelled_ends_once_and_is_stale(proxy, endless):
    assert do(proxy, "stream-cancel") == "ok Cancelled 0 stale stale Some(stale)"
    wait_until(lambda: endless, "the connection's end")


def test_a_panic_in_a_stream_is_told_and_cancels_it(proxy, endless):
    assert do(proxy, "stream-panic") == "waited"
    proxy.wait_for_line(r"error plugin/one .*panicked at .*: asked to panic in a stream")
    wait_until(lambda: endless, "the connection's end")  # it is the instance's call, and has time
    assert "told more after a panic" not in proxy.log()


def test_streams_are_refused_beyond_their_bounds(proxy, endless):
    assert do(proxy, "stream-refused") == "Some(not found)"
    assert do(proxy, "stream-many") == "1024 over a limit"
    assert do(proxy, "stream-cancel").startswith("ok Cancelled")  # there is room again


def test_what_a_stream_was_started_with_is_dropped_with_it(plugin, proxy, endless):
    if plugin.name.startswith("lib"):  # Go has no moment at which it could be seen
        before = proxy.log().count("the closure is dropped")
        do(proxy, "stream-refused")
        do(proxy, "stream-panic")
        wait_until(lambda: proxy.log().count("the closure is dropped") == before + 2, "both are dropped")


# --- cleat.handler/1


def answer(proxy, path, status=201, body=b"", method=b"GET"):
    with proxy.client("one") as client:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        client.send(b"%s %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n" % (method, path.encode(), length) + body)
        response = client.response(method.decode())
        assert response.status == status, (response, response.body)
        return response


def cut_off(proxy, path):
    """What came of an answer until it was cut off."""
    with proxy.client("one") as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        return client.rest()


def test_a_plugin_is_the_origin(proxy):
    echoed = answer(proxy, "/h/echo", body=b"question", method=b"POST")
    assert (echoed.body, echoed.get("x-kind"), echoed.get("transfer-encoding")) == (b"question", "echo", "chunked")
    assert answer(proxy, "/h/echo").body == b""  # the last piece comes also where there is no body
    assert answer(proxy, "/h/reply", status=200).body == b"replied"
    assert answer(proxy, "/h/later").body == b"later"
    proxy.wait_for_line("plugin/one end of /h/later$")


def test_a_large_answer_goes_as_fast_as_the_client_takes_it(proxy):
    large = answer(proxy, "/h/large")
    assert large.body == b"l" * 3_000_000


def test_an_answer_is_held_to_its_length(proxy):
    assert answer(proxy, "/h/length").body == b"12345"
    proxy.wait_for_line(r"plugin/one length Some\(over a limit\) 5$")
    proxy.wait_for_line(r"plugin/one late \(Some\(not possible at this point\), Some\(not possible at this point\)\)$")
    assert not cut_off(proxy, "/h/short").endswith(b"12345")
    proxy.wait_for_line(r"plugin/one short invalid$")


def test_an_answer_that_is_cut_off_is_seen_to_be(proxy):
    assert b"0\r\n\r\n" not in cut_off(proxy, "/h/abort")


def test_answers_are_refused_where_they_cannot_be(proxy):
    assert answer(proxy, "/h/refused").body == b"not possible at this point, invalid, invalid"
    assert do(proxy, "answer") == "not possible at this point"  # the route has no handler yet


def test_an_answer_of_an_exchange_that_is_over_is_refused(proxy, endless):
    answer(proxy, "/h/gone")
    late = r"Some\((stale|not possible at this point)\)"  # the exchange itself goes a moment later
    proxy.wait_for_line(rf"plugin/one gone Cancelled \({late}, {late}\)$")


def test_panics_of_a_handler_stop_there(proxy):
    answer(proxy, "/h/panic", status=500)
    proxy.wait_for_line(r"plugin/one .*panicked at .*: asked to panic in on_handle")
    answer(proxy, "/h/panic-body", status=500, body=b"x", method=b"POST")
    proxy.wait_for_line(r"plugin/one .*panicked at .*: asked to panic in on_handle_body")
    assert len(cut_off(proxy, "/h/panic-writable")) < 3_000_000
    proxy.wait_for_line(r"error plugin/one panicked at .*: asked to panic in on_writable")
    answer(proxy, "/h/reply", status=200)
    proxy.wait_for_line(r"error plugin/one panicked at .*: asked to panic in on_handle_end")
    assert answer(proxy, "/h/later").body == b"later"


# --- cleat.command/1


@pytest.fixture
def words(plugin):
    return {"CLEAT_PLUGIN_PATH": str(plugin.parent / "alone")}


def test_a_plugin_adds_words_to_the_command_line(words):
    assert "ext-say                   says its arguments\n" in run("--help", env=words).stdout
    done = run("ext-say", "one", "two words", env=words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "ONE\nTWO WORDS\n", "said\n")
    assert run("ext-say", env=words).returncode == 0


def test_what_goes_wrong_in_a_word_is_its_failure(words):
    done = run("ext-fall", env=words)
    assert done.returncode == 1 and "asked to panic in a command" in done.stderr
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([str(CLEAT), "ext-say", "x"], stdout=write, stderr=subprocess.PIPE, timeout=60, env={**os.environ, **words})
    os.close(write)
    assert (done.returncode, done.stderr) == (4, b"nobody reads\n")
