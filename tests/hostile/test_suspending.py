"""Suspended hooks: resumed twice, resumed too late, with tickets of nobody, or never."""
# ctest: timeout 300

import socket
import time

import pytest
from hostile import ask, closed_and_open, in_chain, instance, post, report
from origin import reply
from proxy import cluster
from wire import DEADLINE_S, Incomplete

SUSPEND_MS = 150


def config(origin):
    return closed_and_open(origin, "never_resumes", timeouts={"suspend": f"{SUSPEND_MS}ms"})


@pytest.mark.parametrize("hook", ["on_request", "on_route", "on_attempt", "on_attempt_end", "on_response"])
def test_a_suspension_that_nobody_ends_is_a_failure_when_its_time_is_over(hook, proxy):
    begin = time.monotonic()
    assert post(proxy, listener="closed", hook=hook).status == 500
    assert time.monotonic() - begin >= SUSPEND_MS / 1000 * 0.9
    assert post(proxy, listener="open", hook=hook).body == b"ok"


@pytest.mark.parametrize("hook", ["on_request_body", "on_response_body"])
def test_a_body_that_is_held_for_ever_is_a_failure_when_its_time_is_over(hook, proxy):
    response = post(proxy, listener="open", hook=hook)
    assert (response.status, response.body) == (200, b"ok")
    try:
        assert post(proxy, listener="closed", hook=hook).status == 500
    except Incomplete:
        pass
    except AssertionError as closed:
        assert "closed without a response" in str(closed)


# The exchange kept the connection that had failed beyond the turn in which it is destroyed, and let go of it after the suspension.
def test_the_end_of_an_attempt_that_did_not_connect_is_held(start, origin):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # does not listen
        config = closed_and_open(origin, "never_resumes", timeouts={"suspend": f"{SUSPEND_MS}ms"})
        config["clusters"] = [cluster("127.0.0.1:%d" % nobody.getsockname()[1])]
        proxy = start(config, env={"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"})  # freed memory is overwritten
        for _ in range(3):
            assert post(proxy, listener="closed", hook="on_attempt_end").status == 500
            assert post(proxy, listener="open", hook="on_attempt_end").status == 503


# The hook waited on, and was then taken for one of the reply's: another plugin's, or none at all, which ended the process.
def test_a_body_that_breaks_while_the_early_answer_is_held_is_refused_at_once(start, origin):
    async def head_handler(connection, _):
        connection.send(reply(b"early"))
        await connection.until_closed()

    origin.head_handler = head_handler
    proxy = start(closed_and_open(origin, "never_resumes", timeouts={"suspend": "60s"}))
    for policy in ("closed", "open"):
        with proxy.client(policy) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nx-hook: on_attempt_end\r\n\r\n5\r\nhello\r\n")
            time.sleep(0.2)  # until the answer is held
            client.send(b"no chunk\r\n")
            assert client.response().status == 400


def test_a_local_reply_that_is_held_for_ever(proxy):
    assert ask(proxy, "/local", listener="closed", hook="on_reply").status == 500
    assert ask(proxy, "/local", listener="open", hook="on_reply").status == 203


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_a_handler_that_waits_for_ever(policy, proxy):
    assert ask(proxy, "/handled", listener=policy, hook="on_handle").status == 500


@pytest.mark.parametrize("policy,answered", [("closed", False), ("open", True)])
def test_a_connection_that_waits_for_ever(policy, answered, start, origin):
    proxy = start(in_chain(origin, instance("it", "never_resumes", on_failure=policy, config={"connection": True}),
                           timeouts={"suspend": f"{SUSPEND_MS}ms"}))
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        if answered:
            assert client.response().status == 200
        else:
            client.expect_closed()


@pytest.mark.parametrize("mode", ["hook", "thread"])
def test_only_the_first_resume_counts(mode, start, origin):
    proxy = start(in_chain(origin, instance("resumes_twice")))
    for _ in range(20):
        response = ask(proxy, mode=mode)
        assert response.status == 200
        answers = dict(part.split("=") for part in response.get("x-report").split())
        assert answers.pop("suspend") == "INVALID" and answers.pop("junk") == "INVALID"
        assert answers.pop("zero") in ("STALE", "INVALID")
        assert answers == {"first": "OK", "second": "STALE", "replied": "STALE", "forged": "STALE"}
    assert len(origin.saw()) == 20


def late_answers(proxy):
    end = time.monotonic() + DEADLINE_S
    while (response := ask(proxy, mode="report")).body == b"pending\n":
        assert time.monotonic() < end
        time.sleep(0.01)
    answers = report(response)
    assert answers.pop("post") in ("STALE", "OK")  # OK: the callback is then given STALE
    return answers


def test_a_resume_after_the_suspensions_deadline_is_stale(start, origin):
    proxy = start(in_chain(origin, instance("resumes_late"), timeouts={"suspend": f"{SUSPEND_MS}ms"}))
    assert ask(proxy, mode="late").status == 500
    assert late_answers(proxy) == {"resume": "STALE", "resume_replied": "STALE"}


def test_a_resume_after_downstream_has_left_is_stale(start, origin):
    proxy = start(in_chain(origin, instance("resumes_late"), timeouts={"suspend": "2s"}))
    client = proxy.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nx-mode: late\r\n\r\n")
    assert ask(proxy, mode="report").body == b"pending\n"
    client.close()
    assert late_answers(proxy) == {"resume": "STALE", "resume_replied": "STALE"}


def test_a_process_with_a_waiting_thread_of_a_plugin_ends(start, origin):
    proxy = start(in_chain(origin, instance("resumes_late"), timeouts={"suspend": "20s", "drain": "300ms"}))
    client = proxy.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nx-mode: late\r\n\r\n")
    assert ask(proxy, mode="report").body == b"pending\n"
    proxy.stop()


def test_plugins_that_never_complete_hold_an_end_up_only_so_long(start, origin):
    proxy = start(in_chain(origin, instance("never_completes"), timeouts={"drain": "300ms"}))
    assert ask(proxy).status == 200
    proxy.stop()


# A reply that a handler made while its body hook was held was forgotten when the hook was resumed with it: nobody answered.
@pytest.mark.parametrize("how", ["body-reply", "body-later"])
def test_a_handler_replies_from_its_body_hook_at_once_or_when_it_is_resumed(start, origin, how):
    proxy = start(in_chain(origin, instance("own", "answers"), routes=[{"match": {"prefix": "/"}, "handler": "own", "timeout": "3s"}]))
    response = post(proxy, body=b"x" * 100_000, answer=how)
    assert (response.status, response.body) == (200, b"100000")
