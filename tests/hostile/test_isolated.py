"""Plugins that crash, end, hang, hoard and scribble in a process of their own: the calls that were in it fail, the process is started again, and nobody
else notices."""
# ctest: timeout 300

import json
import os
import pathlib
import re
import signal
import time

import pytest
from hostile import PLUGINS, asks
from load import Load
from origin import reply
from processes import alive, children, wait_until
from proxy import SANITIZED, cluster, listener
from wire import Incomplete

TO_ORIGIN = [{"match": {"prefix": "/"}, "cluster": "origin"}]
OPTIONS = {"kind": "process"}


def config(origin, use="crashes", workers=1, options=None, **others):
    """The plugin isolated, as an instance of each failure policy; and a listener that it has nothing to do with."""
    isolation = {**OPTIONS, **(options or {})}
    plugins = [{"name": policy, "use": use, "on_failure": policy, "isolation": isolation, **others} for policy in ("closed", "open")]
    listeners = [listener(TO_ORIGIN, name=name, chain=[name]) for name in ("closed", "open")]
    listeners += [listener(TO_ORIGIN, name="others"), listener([{"match": {"prefix": "/"}, "handler": "stats"}], name="stats")]
    return {"workers": workers, "plugin_path": [str(PLUGINS)], "plugins": [*plugins, {"name": "stats", "use": "stats"}],
            "listeners": listeners, "clusters": [cluster(origin)]}


def ask(proxy, name, **fields):
    with proxy.client(name) as client:
        return client.get("/", fields=asks(**fields))


def reload(proxy, configuration, expect=r"reloaded: generation \d+ is in force"):
    before = len(re.findall(expect, proxy.log()))
    proxy.file.write_text(json.dumps(configuration))
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: len(re.findall(expect, proxy.log())) > before, expect)


def hosts(proxy):
    return children(proxy.process.pid)


def stat(proxy, name, instance):
    text = ask(proxy, "stats").body.decode()
    return int(re.search(rf'^{name}\{{instance="{instance}"\}} (\d+)$', text, re.M)[1])


def wait_up(proxy, instance):
    wait_until(lambda: stat(proxy, "cleat_isolation_up", instance) == 1, f"{instance} is there again")


SIGNALS = {"null": 11, "wild": 11, "divide": 8, "illegal": 4, "abort": 6, "overflow": 11}


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the process in its own way")
@pytest.mark.parametrize("how", [*SIGNALS, "exit"])
def test_a_crash_costs_the_call_that_was_in_it(start, origin, how):
    proxy = start(config(origin))
    assert ask(proxy, "closed").status == 200
    assert len(hosts(proxy)) == 2
    assert ask(proxy, "closed", crash=how).status == 500
    assert ask(proxy, "open", crash=how).status == 200
    ended = "exited with code 3" if how == "exit" else f"was killed by signal {SIGNALS[how]} "
    for name in ("closed", "open"):
        proxy.wait_for_line(rf"error plugin/{name} the process \d+ of \S+crashes.so {ended}.*; 1 call in flight failed; it is started again in 100 ms")
        wait_up(proxy, name)
        assert ask(proxy, name).status == 200
        assert stat(proxy, "cleat_isolation_restarts_total", name) == 1
        assert stat(proxy, "cleat_isolation_failed_calls_total", name) >= 1
    assert len(hosts(proxy)) == 2


def test_other_traffic_sees_nothing_of_crashes(start, origin):
    proxy = start(config(origin, workers=2))
    with Load(proxy.ports["others"], clients=8) as load:
        for _ in range(3):
            assert ask(proxy, "closed", crash="abort").status == 500
            wait_up(proxy, "closed")
        load.wait_for_answers(100)
    load.assert_no_failure()


def test_it_is_killed_under_load(start, origin):
    """on_failure open: the clients of the isolated plugin see no failure either; closed: 500s, and then 200s again."""
    proxy = start(config(origin, workers=2))
    with Load(proxy.ports["open"], clients=8) as opened, Load(proxy.ports["closed"], clients=8) as closed:
        for killed in (1, 2, 3):
            for child in hosts(proxy):
                os.kill(child, signal.SIGKILL)
            for name in ("open", "closed"):
                wait_until(lambda name=name, killed=killed: stat(proxy, "cleat_isolation_restarts_total", name) == killed, f"{name} is started again")
                wait_up(proxy, name)
            opened.wait_for_answers(100)
            closed.wait_for_answers(100)
    opened.assert_no_failure()
    assert not closed.lost and not closed.refused and closed.wrong
    assert ask(proxy, "closed").status == 200


def test_the_wait_before_the_next_start_doubles(start, origin):
    proxy = start(config(origin))
    for wait in (100, 200, 400):
        ask(proxy, "closed", crash="abort")
        proxy.wait_for_line(rf"plugin/closed .*it is started again in {wait} ms")
        assert ask(proxy, "closed").status == 500  # at once: there is nobody to ask
        assert ask(proxy, "open").status == 200
        wait_up(proxy, "closed")
    assert ask(proxy, "closed").status == 200


def test_a_process_that_does_not_come_up_again_is_tried_again(start, origin, tmp_path):
    file = tmp_path / "crashes.so"
    content = (PLUGINS / "crashes.so").read_bytes()
    file.write_bytes(content)
    proxy = start(config(origin, use=str(file)))
    file.unlink()
    ask(proxy, "closed", crash="abort")
    proxy.wait_for_line(r"plugin/closed .*cannot be started again")
    assert ask(proxy, "closed").status == 500
    file.write_bytes(content)
    wait_up(proxy, "closed")
    assert ask(proxy, "closed").status == 200


def test_an_exchange_that_began_in_a_process_that_is_gone_fails(start, origin):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"late"))

    origin.handler = handler
    made = config(origin, use="bodies", config={"part": "response", "mode": "whole", "change": "upper"})
    proxy = start(made)
    with proxy.client("closed") as closed, proxy.client("open") as opened:
        for client in (closed, opened):
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: len(origin.saw()) == 2, "both requests upstream")
        for child in hosts(proxy):
            os.kill(child, signal.SIGKILL)
        for name in ("closed", "open"):
            proxy.wait_for_line(rf"plugin/{name} the process .* 0 calls in flight failed")
            wait_up(proxy, name)
        origin.set_event(release)
        assert closed.response().status == 500
        answer = opened.response()
        assert (answer.status, answer.body) == (200, b"late")
    assert ask(proxy, "closed").body == b"LATE"


def test_a_hook_that_hangs_is_ended(start, origin):
    proxy = start(config(origin, use="blocks", options={"hang": "500ms"}))
    before = time.monotonic()
    assert ask(proxy, "closed", block="on_request").status == 500
    assert time.monotonic() - before < 10
    proxy.wait_for_line(r"plugin/closed the process \d+ of \S+ is stuck: its thread of worker 0 has done nothing for 500 ms")
    wait_up(proxy, "closed")
    assert ask(proxy, "closed").status == 200


def test_a_hook_that_takes_long_is_not_stuck(start, origin):
    proxy = start(config(origin, use="blocks", options={"hang": "3s"}))
    assert ask(proxy, "closed", block="on_request", ms=1500).status == 200
    assert stat(proxy, "cleat_isolation_restarts_total", "closed") == 0


def test_others_go_on_while_a_hook_hangs(start, origin):
    """The same hook in the kernel's process would hold its worker: here the one worker there is serves on."""
    proxy = start(config(origin, use="blocks", options={"hang": "2s"}))
    with Load(proxy.ports["others"], clients=4) as load:
        assert ask(proxy, "open", block="on_request").status == 200
        load.wait_for_answers(100)
    load.assert_no_failure()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow does not fit the bound")
def test_memory_is_bounded(start, origin):
    proxy = start(config(origin, use="hoards", options={"memory_max": "512MiB"}))
    before = proxy.rss_kib()
    for _ in range(4):
        assert ask(proxy, "closed", take=200).status in (200, 500)
    assert proxy.rss_kib() - before < 100 * 1024
    wait_up(proxy, "closed")
    assert ask(proxy, "closed").status == 200


@pytest.mark.parametrize("where", ["socket", "size", "answer", "ring", "position"])
def test_what_must_not_be_sent_is_a_crash(start, origin, where):
    proxy = start(config(origin, use="scribbles"))
    with Load(proxy.ports["others"], clients=2) as load:
        assert ask(proxy, "closed", scribble=where).status == 500
        proxy.wait_for_line(r"plugin/closed the process \d+ of \S+ sent what it must not: .*, and was killed by signal 9 .*; 1 call in flight failed")
        load.wait_for_answers(50)
    load.assert_no_failure()
    wait_up(proxy, "closed")
    assert ask(proxy, "closed").status == 200


def handling(options=None, chain=(), timeout="10s"):
    """The plugin `answers`, isolated, as the handler of everything."""
    own = {"name": "own", "use": "answers", "isolation": {**OPTIONS, **(options or {})}}
    return {"workers": 1, "plugin_path": [str(PLUGINS)], "plugins": [own, {"name": "stats", "use": "stats"}],
            "listeners": [listener([{"match": {"prefix": "/"}, "handler": "own", "timeout": timeout}], name="own", chain=list(chain)),
                          listener([{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "fine"}}], name="others"),
                          listener([{"match": {"prefix": "/"}, "handler": "stats"}], name="stats")]}


CALL, ENDED = "1 call in flight failed", r"error plugin/own the process \d+ of \S+answers.so"


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the process in its own way")
@pytest.mark.parametrize("how", ["crash", "promise-crash", "body-crash"])
def test_a_handler_that_crashes_before_its_answer_has_begun_is_a_500(start, how):
    proxy = start(handling())
    assert ask(proxy, "own").body == b"handled\n"
    answer = ask(proxy, "own", answer=how)
    assert answer.status == 500
    proxy.wait_for_line(rf"{ENDED} was killed by signal 6 .*; {CALL}")
    assert ask(proxy, "own").status in (200, 500)  # 500: it is not there yet
    wait_up(proxy, "own")
    assert ask(proxy, "own").body == b"handled\n"
    assert stat(proxy, "cleat_isolation_restarts_total", "own") == 1
    assert stat(proxy, "cleat_isolation_failed_calls_total", "own") >= 1


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the process in its own way")
def test_an_answer_that_has_begun_is_cut_off_by_a_crash(start):
    proxy = start(handling())
    with proxy.client("own") as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(answer='begun-crash')}\r\n".encode())
        with pytest.raises(Incomplete) as broken:
            client.response()
    assert b"200 OK" in broken.value.got and b"begun" in broken.value.got
    proxy.wait_for_line(rf"{ENDED} was killed by signal 6 .*; {CALL}")
    wait_up(proxy, "own")
    assert ask(proxy, "own").body == b"handled\n"


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the process in its own way")
def test_two_answers_end_with_the_process_and_other_traffic_does_not(start):
    proxy = start(handling())
    with Load(proxy.ports["others"], clients=4) as load, proxy.client("own") as waits:
        waits.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(answer='waits')}\r\n".encode())
        assert ask(proxy, "own", answer="promise-crash").status == 500
        assert waits.response().status == 500
        proxy.wait_for_line(rf"{ENDED} .*; 2 calls in flight failed")
        load.wait_for_answers(50)
    load.assert_no_failure()


@pytest.mark.parametrize("how, status", [("hang", 500), ("promise-hang", 500)])
def test_a_handler_that_hangs_is_ended(start, how, status):
    proxy = start(handling({"hang": "500ms"}))
    before = time.monotonic()
    assert ask(proxy, "own", answer=how).status == status
    assert time.monotonic() - before < 10
    proxy.wait_for_line(r"plugin/own the process \d+ of \S+ is stuck: its thread of worker 0 has done nothing for 500 ms")
    wait_up(proxy, "own")
    assert ask(proxy, "own").body == b"handled\n"


def test_an_answer_that_has_begun_is_cut_off_by_a_hang(start):
    proxy = start(handling({"hang": "500ms"}))
    with proxy.client("own") as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(answer='begun-hang')}\r\n".encode())
        with pytest.raises(Incomplete):
            client.response()
    proxy.wait_for_line(r"plugin/own the process \d+ of \S+ is stuck")


def test_a_handler_that_waits_is_not_stuck(start):
    proxy = start(handling({"hang": "300ms"}, timeout="1200ms"))  # four times what it takes to be stuck
    assert ask(proxy, "own", answer="waits").status == 504
    assert ask(proxy, "own").body == b"handled\n"
    assert stat(proxy, "cleat_isolation_restarts_total", "own") == 0


@pytest.mark.parametrize("how", ["body-reply", "body-later"])
@pytest.mark.parametrize("size", [0, 5, 300_000])
def test_a_handler_replies_when_it_has_the_whole_body(start, how, size):
    proxy = start(handling())
    with proxy.client("own") as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {size}\r\n{asks(answer=how)}\r\n".encode() + b"x" * size)
        answer = client.response()
        assert (answer.status, answer.body) == (200, str(size).encode())
        assert client.get("/").body == b"handled\n"


@pytest.mark.parametrize("chain", [(), ("own",)])
def test_a_handler_is_told_that_no_more_is_wanted_and_in_the_chain_of_the_end_too(start, chain):
    proxy = start(handling(chain=chain, timeout="200ms"))
    assert ask(proxy, "own", answer="waits").status == 504
    proxy.wait_for_line(r"plugin/own it is not wanted any more")
    if chain:
        proxy.wait_for_line(r"plugin/own and it is over")
    assert ask(proxy, "own", answer="text").body == b"handled\n"
    assert chain or "and it is over" not in proxy.log()


def test_a_handler_is_killed_under_load(start):
    """Its clients see replies, some of them a 500, and those that stream see their ends; the kernel goes on."""
    proxy = start({**handling(), "workers": 2})
    with Load(proxy.ports["own"], clients=8) as load:
        for killed in (1, 2, 3):
            with proxy.client("own") as begun:
                begun.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(answer='begun-waits')}\r\n".encode())
                for child in hosts(proxy):
                    os.kill(child, signal.SIGKILL)
                try:
                    assert begun.response().status == 500
                except Incomplete:
                    pass
            wait_until(lambda killed=killed: stat(proxy, "cleat_isolation_restarts_total", "own") == killed, "it is started again")
            wait_up(proxy, "own")
            load.wait_for_answers(100)
    assert not load.lost and not load.refused
    assert ask(proxy, "own").body == b"handled\n"


def test_a_handler_whose_process_is_not_there_is_a_500(start, tmp_path):
    file = tmp_path / "answers.so"
    content = (PLUGINS / "answers.so").read_bytes()
    file.write_bytes(content)
    made = handling()
    made["plugins"][0]["use"] = str(file)
    proxy = start(made)
    file.unlink()
    for child in hosts(proxy):
        os.kill(child, signal.SIGKILL)
    proxy.wait_for_line(r"plugin/own .*cannot be started again")
    assert ask(proxy, "own").status == 500
    file.write_bytes((PLUGINS / "blocks.so").read_bytes())  # another handler
    wait_up(proxy, "own")
    assert ask(proxy, "own").body == b"handled\n"


def test_a_file_that_is_no_handler_any_more_is_a_500(start, tmp_path):
    file = tmp_path / "answers.so"
    file.write_bytes((PLUGINS / "answers.so").read_bytes())
    made = handling()
    made["plugins"][0]["use"] = str(file)
    proxy = start(made)
    file.unlink()
    file.write_bytes((PLUGINS / "crashes.so").read_bytes())
    for child in hosts(proxy):
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: stat(proxy, "cleat_isolation_restarts_total", "own") == 1, "it is started again")
    wait_up(proxy, "own")
    assert ask(proxy, "own").status == 500


def handing_over(again, isolated=True, **settings):
    own = {"name": "own", "use": "hands_over", "config": {"again": again, **settings}, **({"isolation": OPTIONS} if isolated else {})}
    return {"workers": 1, "plugin_path": [str(PLUGINS)], "plugins": [own],
            "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 204}}], name="own", chain=["own"], limits={"body_buffer": "8MiB"})]}


def states(proxy):
    return ask(proxy, "own").body.decode().splitlines()


def test_state_goes_from_a_process_to_the_next_and_into_the_kernels_and_back(start):
    proxy = start(handing_over("1", state="kept"))
    for i, isolated in enumerate((True, False, True), 1):
        reload(proxy, handing_over(f"again {i}", isolated))
        assert states(proxy) == ["kept" + "+" * i]
    assert len(re.findall(r"plugin/own took over \d bytes of state, format 1", proxy.log())) == 3


def test_a_large_state_is_handed_over_in_pieces(start):
    state = "".join(f"{i:07}" for i in range(100_000))
    proxy = start(handing_over("1", state=state))
    reload(proxy, handing_over("2"))
    reload(proxy, handing_over("3", isolated=False))  # what is told of it fits no ring
    assert states(proxy) == [state + "++"]


@pytest.mark.parametrize("give, words", [
    ("fails", r"without saying why \(status -9\)"),
    ("throws", "it threw: thrown by give"),
    ("too_much", "it went on after a write had failed"),
    ("no_bytes", "it went on after a write had failed"),
])
def test_a_give_that_fails_in_a_process_is_told_of_and_the_next_instance_begins_anew(start, give, words):
    proxy = start(handing_over("1", state="lost", give=give))
    reload(proxy, handing_over("2", state="new"))
    assert states(proxy)[0] == "new"
    assert re.search(r"plugin/own it begins anew: give of the instance before it failed: " + words, proxy.log()), proxy.log()


def test_nothing_is_given(start):
    proxy = start(handing_over("1", state="lost", give="nothing"))
    reload(proxy, handing_over("2", state="new"))
    assert states(proxy) == ["new"] and "begins anew" not in proxy.log()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends the process in its own way")
def test_a_give_that_crashes_costs_the_state_alone(start):
    proxy = start(handing_over("1", state="lost", give="crashes"))
    reload(proxy, handing_over("2", state="new"))
    assert states(proxy) == ["new"]
    assert re.search(r"plugin/own it begins anew: give of the instance before it failed: its process was killed by signal 6", proxy.log()), proxy.log()


@pytest.mark.parametrize("take, words", [("fails", "not without my state"), ("throws", "it threw: thrown by take")])
def test_a_take_that_fails_in_a_process_refuses_the_reload(start, take, words):
    proxy = start(handing_over("1", state="kept"))
    reload(proxy, handing_over("2", state="new", take=take), "the reload was refused, nothing has changed")
    assert re.search(r"take of 4 bytes of state, format 1, failed: " + words, proxy.log()), proxy.log()
    assert states(proxy) == ["kept"]


def test_a_format_that_a_process_does_not_know_is_told_and_it_begins_anew(start):
    proxy = start(handing_over("1", state="kept"))
    reload(proxy, handing_over("2", state="new", take="unknown"))
    assert states(proxy) == ["new"]
    assert re.search(r"plugin/own it begins anew: it cannot use 4 bytes of state, format 1", proxy.log()), proxy.log()


@pytest.mark.parametrize("stuck", [False, True])
def test_no_process_outlives_a_kernel_that_was_killed(origin, tmp_path, stuck):
    import proxy as proxies

    killed = proxies.Proxy(config(origin, use="blocks", options={"hang": "1m"}), tmp_path / "killed")
    left = hosts(killed)
    assert len(left) == 2
    if stuck:
        with killed.client("closed") as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nx-block: on_request\r\n\r\n")
            wait_until(lambda: "S" in pathlib.Path(f"/proc/{left[0]}/stat").read_text(), "it is in the hook")
            killed.signal(signal.SIGKILL)
    killed.signal(signal.SIGKILL)
    killed.wait()
    for child in left:
        wait_until(lambda child=child: not alive(child), "the end of the process")


def test_a_create_that_ends_the_process_is_told(start, origin):
    import proxy as proxies

    file = proxies.pathlib.Path(start(config(origin)).file)
    made = config(origin, config={"create": "abort"})
    file.write_text(proxies.json.dumps(made))
    done = proxies.run("validate", "-c", file)
    assert done.returncode == 2 and re.search(r"plugins\[0\]: .* failed: its process was killed by signal 6", done.stderr + done.stdout), done
