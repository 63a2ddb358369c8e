"""Instances that hand their state over (cleat.handover/1): honest ones, those that lie about it, and those that fail. No request is lost
over any of them, and none holds up a reload but a new one that refuses to begin."""
# ctest: threads

import json
import re
import shutil
import signal
import subprocess
import threading

import pytest
from hostile import PLUGINS, ask, in_chain, instance
from processes import wait_until
from proxy import SANITIZED, Proxy, listener

REFUSED = r"the reload was refused, nothing has changed"


def config(origin, again, use="hands_over", **settings):
    return in_chain(origin, instance("one", use, config={"again": again, **settings}))


def reload(proxy, configuration, expect=r"reloaded: generation \d+ is in force"):
    before = len(re.findall(expect, proxy.log()))
    proxy.file.write_text(json.dumps(configuration))
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: len(re.findall(expect, proxy.log())) > before, expect)


def said(proxy):
    """(the state, what odd calls came to)"""
    state, *calls = ask(proxy).body.decode().splitlines()
    return state, calls


def test_state_goes_from_instance_to_instance_and_on_to_another_file(origin, start, tmp_path):
    proxy = start(config(origin, "1", state="kept"))
    for i in range(1, 4):
        reload(proxy, config(origin, f"again {i}"))
        assert said(proxy) == ("kept" + "+" * i, [])
    other = tmp_path / "hands_over.so"
    shutil.copy(PLUGINS / "hands_over.so", other)
    extra = tmp_path / "extra"
    extra.write_text("another build")
    subprocess.run(["objcopy", "--add-section", f"extra={extra}", other], check=True)
    reload(proxy, config(origin, "again 3", use=str(other)))
    assert said(proxy) == ("kept++++", [])
    assert len(re.findall(r"plugin/one took over \d bytes of state, format 1", proxy.log())) == 4


@pytest.mark.parametrize("give, words", [
    ("fails", r"without saying why \(status -9\)"),
    ("throws", "it threw: thrown by give"),
    ("throws_int", "it threw something that is no std::exception"),
    ("too_much", "it went on after a write had failed"),
    ("no_bytes", "it went on after a write had failed"),
])
def test_a_give_that_fails_is_told_of_and_the_next_instance_begins_anew(give, words, origin, start):
    proxy = start(config(origin, "1", state="lost", give=give))
    reload(proxy, config(origin, "2", state="new"))
    assert said(proxy)[0] == "new"
    assert re.search(r"plugin/one it begins anew: give of the instance before it failed: " + words, proxy.log()), proxy.log()
    assert said(proxy)[1] == {"too_much": ["too_much LIMIT"], "no_bytes": ["no_bytes INVALID"]}.get(give, [])


@pytest.mark.parametrize("give, calls", [("stale", ["stale STALE"] * 4), ("elsewhere", ["elsewhere WRONG_THREAD"]), ("later", ["later WRONG_THREAD"])])
def test_nothing_gets_into_a_state_but_by_the_give_that_writes_it(give, calls, origin, start):
    proxy = start(config(origin, "1", state="kept", give=give))
    reload(proxy, config(origin, "2"))
    wait_until(lambda: said(proxy)[1] == calls, "the calls")
    assert said(proxy)[0] == "kept+"


@pytest.mark.parametrize("take, words", [("fails", "not without my state"), ("throws", "it threw: thrown by take")])
def test_a_take_that_fails_refuses_the_reload_and_the_old_state_serves_on(take, words, origin, start):
    proxy = start(config(origin, "1", state="kept"))
    reload(proxy, config(origin, "2", state="new", take=take), REFUSED)
    assert re.search(r"cleat\.yaml:\d+:\d+: .*take of 4 bytes of state, format 1, failed: " + words, proxy.log()), proxy.log()
    assert said(proxy) == ("kept", [])
    reload(proxy, config(origin, "3"))
    assert said(proxy) == ("kept+", [])


def test_a_format_that_is_not_known_is_a_line_in_the_log(origin, start):
    proxy = start(config(origin, "1", state="kept"))
    reload(proxy, config(origin, "2", state="new", take="unknown"))
    assert said(proxy) == ("new", [])
    proxy.wait_for_line(r"plugin/one it begins anew: it cannot use 4 bytes of state, format 1")


def test_a_reload_that_is_refused_later_takes_nothing_from_the_old_instance(origin, start):
    proxy = start(config(origin, "1", state="kept"))
    wrong = config(origin, "2")
    wrong["listeners"].append(listener([], name="more", address=origin.address))  # in use
    reload(proxy, wrong, REFUSED)
    assert "took over 4 bytes" in proxy.log() and said(proxy) == ("kept", [])
    reload(proxy, config(origin, "3"))
    assert said(proxy) == ("kept+", [])


def test_a_give_that_holds_the_control_thread_is_named_and_no_request_waits_for_it(origin, start):
    proxy = start(config(origin, "1", state="kept", give="blocks"))
    proxy.file.write_text(json.dumps(config(origin, "2")))
    proxy.signal(signal.SIGHUP)
    proxy.wait_for_line(r"plugin/one give holds cleat for \d+ ms already")
    assert said(proxy)[0] == "kept"
    proxy.wait_for_line(r"plugin/one give has let cleat go")
    proxy.wait_for_line(r"generation 2 is in force")
    assert said(proxy)[0] == "kept+"


def test_a_give_that_crashes_is_blamed_on_the_old_instance(origin, tmp_path):
    proxy = Proxy(config(origin, "1", give="crashes"), tmp_path)
    proxy.file.write_text(json.dumps(config(origin, "2")))
    proxy.signal(signal.SIGHUP)
    code = proxy.wait()
    assert code == -signal.SIGABRT or (SANITIZED and code > 0)
    assert "*** plugin: one, hook give, generation 1" in proxy.lines()


def test_no_request_fails_while_state_is_handed_on(origin, start):
    proxy = start(config(origin, "0", state="kept"))
    failures, stop, served = [], threading.Event(), [0, 0]

    def client(number):
        while not stop.is_set():
            try:
                answer = ask(proxy)
                assert answer.status == 200 and re.fullmatch(rb"kept\+*\n", answer.body), answer
                served[number] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                failures.append(repr(error))
                return

    threads = [threading.Thread(target=client, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for i in range(1, 21):
        reload(proxy, config(origin, str(i)))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures and min(served) > 0, failures
    assert said(proxy)[0] == "kept" + "+" * 20
