"""Hooks that answer what is no verdict, or what they have not earned: the instance's on_failure applies, once, and nothing else."""
# ctest: timeout 300

import pytest
from hostile import ask, closed_and_open, post
from origin import reply
from wire import Incomplete

JUNK = {"five": 5, "junk": 77, "all bits": 4294967295, "REPLIED without a reply": 1, "SUSPEND without a ticket": 2, "FAIL": 3}
BEFORE_ORIGIN = ["on_request", "on_route", "on_request_body_whole", "on_attempt"]
AFTER_ORIGIN = ["on_attempt_end", "on_response", "on_response_body_whole"]


def config(origin):
    return closed_and_open(origin, "junk_verdict")


@pytest.mark.parametrize("verdict", JUNK)
@pytest.mark.parametrize("hook", BEFORE_ORIGIN + AFTER_ORIGIN)
def test_a_failed_hook_of_a_closed_instance_answers_500(hook, verdict, proxy, origin):
    response = post(proxy, listener="closed", hook=hook, verdict=JUNK[verdict])
    assert response.status == 500
    assert len(origin.saw()) == (1 if hook in AFTER_ORIGIN else 0)


@pytest.mark.parametrize("verdict", JUNK)
@pytest.mark.parametrize("hook", BEFORE_ORIGIN + AFTER_ORIGIN + ["on_request_body", "on_response_body"])
def test_a_failed_hook_of_an_open_instance_is_passed_by(hook, verdict, proxy, origin):
    response = post(proxy, body=b"0123456789", listener="open", hook=hook, verdict=JUNK[verdict])
    assert (response.status, response.body) == (200, b"ok")
    assert origin.only_request().body == b"0123456789"


@pytest.mark.parametrize("verdict", JUNK)
@pytest.mark.parametrize("hook", ["on_request_body", "on_response_body"])
def test_a_failed_hook_of_a_stream_leaves_no_whole_message(hook, verdict, proxy, origin):
    async def long_answer(connection, request):
        connection.send(reply(b"x" * 100_000))

    origin.handler = long_answer
    try:
        response = post(proxy, body=b"y" * 100_000, listener="closed", hook=hook, verdict=JUNK[verdict])
        assert response.status == 500
    except Incomplete:
        pass  # the head was on its way: the message is cut
    except AssertionError as closed:
        assert "closed without a response" in str(closed)
    assert hook == "on_response_body" or all(len(request.body) < 100_000 for request in origin_requests(origin))


def origin_requests(origin):
    """Whole requests only: one that was cut off is no request."""
    try:
        return origin.saw()
    except Incomplete:
        return []


@pytest.mark.parametrize("verdict", JUNK)
def test_a_failed_hook_of_a_local_reply(verdict, proxy):
    assert ask(proxy, "/local", listener="closed", hook="on_reply", verdict=JUNK[verdict]).status == 500
    assert ask(proxy, "/local", listener="open", hook="on_reply", verdict=JUNK[verdict]).status == 203


@pytest.mark.parametrize("policy", ["closed", "open"])
@pytest.mark.parametrize("verdict", JUNK)
def test_a_handler_that_fails_answers_500_whatever_the_policy(verdict, policy, proxy):
    assert ask(proxy, "/handled", listener=policy).body == b"handled\n"
    assert ask(proxy, "/handled", listener=policy, hook="on_handle", verdict=JUNK[verdict]).status == 500


def test_unsubscribing_is_no_failure(proxy, origin):
    assert ask(proxy, listener="closed", hook="on_request", verdict=4).status == 200


def test_the_connection_can_be_used_again_after_a_failure(proxy, origin):
    with proxy.client("closed") as client:
        for _ in range(3):
            assert client.get(fields="x-hook: on_request\r\nx-verdict: 3\r\n").status == 500
            assert client.get().status == 200
