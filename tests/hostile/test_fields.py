"""Plugins that try to break the framing of messages through the head: refused, and what goes out is what it would have been."""

from hostile import ask, in_chain, instance, post, report

GOOD = {"set_empty", "remove_none"}


def config(origin):
    return in_chain(origin, instance("bad_headers"))


def refused(answers, *, allowed=()):
    return {call: answer for call, answer in answers.items() if answer != "INVALID" and call not in allowed}


def test_the_request_head_stays_well_formed(proxy):
    answers = report(ask(proxy, mode="request"))
    assert answers.pop("target") == "OK"
    assert answers.pop("target_escapes") in ("OK", "INVALID")  # normalised, or refused: never sent as it is
    assert refused(answers) == {}, answers


def test_the_request_that_goes_upstream_is_the_one_that_came(proxy, origin):
    assert post(proxy, b"12345").body == b"ok"
    request = origin.only_request()
    assert (request.method, request.body, request.get("host")) == ("POST", b"12345", "a.example")
    assert not request.has("x-a")


def test_the_response_head_stays_well_formed(proxy):
    response = ask(proxy, mode="response")
    assert (response.status, response.body) == (200, b"ok")
    answers = dict(part.split("=") for part in response.get("x-report").strip(";").split(";"))
    # Host is no field of a response, and means nothing there.
    assert refused(answers, allowed=("set_host", "add_host", "remove_host")) == {}, answers
    assert not response.has("x-a") and not response.has("x-injected")


def test_replies_that_are_not_well_formed_are_refused(proxy):
    response = ask(proxy, mode="replies")
    assert not response.has("x-injected")
    assert refused(report(response)) == {}
