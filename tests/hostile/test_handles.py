"""Handles used too late, on the wrong thread, in the wrong phase, or never given: every call answers a status, and touches nothing."""

import pytest
from hostile import ask, in_chain, instance, post, report
from proxy import listener


@pytest.fixture
def keeper(start, origin):
    return start(in_chain(origin, instance("keeps_handles")))


def test_handles_of_an_ended_exchange_are_stale(keeper):
    assert ask(keeper, mode="keep").body == b"ok"
    for _ in range(3):
        answers = report(ask(keeper, mode="use"))
        assert answers.pop("fired") == "0"
        for late in ("post", "conn_post"):
            assert answers.pop(late) in ("STALE", "OK")  # OK: the callback is given STALE
        assert set(answers.values()) == {"STALE"}, answers
    assert ask(keeper).body == b"ok"


@pytest.mark.parametrize("mode", ["zero", "ones", "flip", "next"])
def test_handles_that_nobody_gave_are_refused(mode, keeper):
    assert ask(keeper, mode="keep").body == b"ok"
    answers = report(ask(keeper, mode=mode))
    assert answers.pop("fired") == "0"
    if mode in ("flip", "next"):  # may name another live object, such as the instance, where these bits mean something else
        answers = {call: answer for call, answer in answers.items() if not call.startswith(("self_", "series_", "complete"))}
    for late in ("post", "conn_post"):
        assert answers.pop(late) in ("STALE", "INVALID", "OK")  # OK: the callback is given STALE
    refusals = ("STALE", "INVALID", "NOT_FOUND", "WRONG_THREAD")  # the last: a worker's number in the handle that is not this one's
    assert {call: answer for call, answer in answers.items() if answer not in refusals} == {}
    assert ask(keeper).body == b"ok"


def test_worker_functions_refuse_other_threads_and_control_functions_refuse_workers(start, origin):
    proxy = start(in_chain(origin, instance("wrong_thread")))
    answers = report(ask(proxy))
    for call in [call for call in answers if call.startswith(("timer_re", "timer_cancel", "worker_config"))]:
        assert answers.pop(call) in ("WRONG_THREAD", "STALE")  # a timer that never was, a node of a call that has returned
    assert {call: answer for call, answer in answers.items() if answer != "WRONG_THREAD"} == {}
    assert len(answers) > 35


def test_calls_in_the_wrong_phase_say_so(start, origin):
    proxy = start(in_chain(origin, instance("wrong_phase")))
    response = ask(proxy)
    assert (response.status, response.body) == (200, b"ok")
    answers = report(ask(proxy, mode="report"))
    assert {call.split(".")[0] for call in answers} == {"on_request", "on_response", "on_end"}
    assert answers.pop("on_request.route_config") in ("WRONG_PHASE", "NOT_FOUND")
    for call in [call for call in answers if "handler_" in call]:
        assert answers.pop(call) in ("WRONG_PHASE", "INVALID")  # there is no handler in this exchange at any time
    assert {call: answer for call, answer in answers.items() if answer != "WRONG_PHASE"} == {}


def test_a_body_nobody_subscribed_to_cannot_be_touched(start, origin):
    proxy = start(in_chain(origin, instance("body_unsubscribed")))
    assert post(proxy, b"untouched").body == b"ok"
    assert origin.only_request().body == b"untouched"
    answers = report(ask(proxy, mode="report"))
    assert answers.pop("body_hooks") == "0"
    assert answers.pop("on_request.subscribe_junk_mode.request") == "INVALID"
    assert answers.pop("on_request.subscribe_junk_part.request") == "INVALID"
    assert answers.pop("on_request.subscribe_huge.request") == "LIMIT"
    assert set(answers.values()) == {"WRONG_PHASE"}, answers


# --- timers


@pytest.fixture
def timers(start, origin):
    return start(in_chain(origin, instance("hundred_timers")))


def test_an_exchange_has_sixteen_timers(timers):
    assert report(ask(timers, mode="arm")) == {
        "too_long": "INVALID", "no_function": "INVALID", "accepted": "16", "refusal": "LIMIT", "rearm": "OK", "cancel": "OK",
        "cancel_again": "STALE", "rearm_cancelled": "STALE", "accepted_after_cancel": "1"}


def test_all_sixteen_fire(timers):
    assert ask(timers, mode="fire").body == b"ok"
    assert report(ask(timers, mode="report")) == {"fired": "16"}


def test_none_fires_after_its_exchange_has_ended(timers):
    with timers.client() as client:
        assert client.get(fields="x-mode: leave\r\n").body == b"ok"
        assert client.get(fields="x-mode: fire\r\n").body == b"ok"  # the wheel turns on meanwhile
        assert report(client.get(fields="x-mode: report\r\n")) == {"fired": "16"}


# --- replies


@pytest.fixture
def replies(start, origin):
    return start(in_chain(origin, instance("replies_twice")))


def test_of_two_replies_one_is_sent(replies, origin):
    with replies.client() as client:
        response = client.get(fields="x-mode: twice\r\n")
        assert response.status == 299
        answers = report(client.get(fields="x-mode: report\r\n"))
    assert answers["first"] == "OK"
    assert response.body == (b"second" if answers["second"] == "OK" else b"first")
    assert origin.saw() == []


def test_a_reply_without_its_verdict_is_a_failure(replies, origin):
    assert ask(replies, mode="unsaid").status == 500
    assert origin.saw() == []


@pytest.mark.parametrize("mode", ["after_head", "in_end"])
def test_a_reply_that_comes_too_late_changes_nothing(mode, replies):
    with replies.client() as client:
        response = client.get(fields=f"x-mode: {mode}\r\n")
        assert (response.status, response.body) == (200, b"ok")
        assert report(client.get(fields="x-mode: report\r\n")) == {mode: "WRONG_PHASE"}


def test_one_plugin_cannot_use_up_another_ones_worker(start, origin):
    """Everything above in one process: what one instance does wrong stays with it."""
    config = in_chain(origin, instance("replies_twice"), instance("hundred_timers"), instance("body_unsubscribed"), instance("twenty_noop"))
    config["listeners"].append(listener([{"reply": {"status": 204}}], name="other", chain=["twenty_noop"]))
    proxy = start(config)
    for mode in ("arm", "after_head", "unsaid", "none"):
        ask(proxy, mode=mode, listener="in")
        assert ask(proxy, listener="other").status == 204
    assert ask(proxy, listener="in").body == b"ok"
