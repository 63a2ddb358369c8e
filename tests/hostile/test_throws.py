"""C++ exceptions that leave a hook: caught at the boundary, counted as that plugin's failure, and the process lives."""

import pytest
from hostile import ask, closed_and_open, in_chain, instance, post
from proxy import REPORT

HOOKS = ["on_request", "on_route", "on_attempt", "on_attempt_end", "on_response"]


def config(origin):
    return closed_and_open(origin, "throws")


@pytest.mark.parametrize("what", ["exception", "int"])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_throws_has_failed(hook, what, proxy):
    assert post(proxy, listener="closed", hook=hook, what=what).status == 500
    assert post(proxy, listener="open", hook=hook, what=what).body == b"ok"


@pytest.mark.parametrize("what", ["exception", "int"])
def test_what_a_stream_lets_through_after_a_throw(what, proxy, origin):
    assert post(proxy, listener="open", hook="on_request_body", what=what).body == b"ok"
    assert origin.only_request().body == b"a body"
    assert post(proxy, listener="open", hook="on_response_body", what=what).body == b"ok"


@pytest.mark.parametrize("what", ["exception", "int"])
@pytest.mark.parametrize("policy", ["closed", "open"])
@pytest.mark.parametrize("hook", ["on_end", "timer", "post"])
def test_what_has_no_verdict_harms_nobody_when_it_throws(hook, policy, what, proxy):
    assert post(proxy, listener=policy, hook=hook, what=what).body == b"ok"
    assert ask(proxy, listener=policy).body == b"ok"


@pytest.mark.parametrize("what", ["exception", "int"])
def test_local_replies_and_handlers_that_throw(what, proxy):
    assert ask(proxy, "/local", listener="closed", hook="on_reply", what=what).status == 500
    assert ask(proxy, "/local", listener="open", hook="on_reply", what=what).status == 203
    assert ask(proxy, "/handled", listener="closed", hook="on_handle", what=what).status == 500
    assert ask(proxy, "/handled", listener="open", hook="on_handle", what=what).status == 500


def test_the_log_names_the_plugin_the_hook_and_the_words(start, origin):
    proxy = start(in_chain(origin, instance("culprit", "throws")))
    assert ask(proxy, hook="on_route", what="exception").status == 500
    line = proxy.wait_for_line(r"plugin/culprit .*thrown by on_route")
    assert "on_route" in line and not REPORT.search(line)


@pytest.mark.parametrize("policy,answered", [("closed", False), ("open", True)])
def test_a_connection_hook_that_throws(policy, answered, start, origin):
    proxy = start(in_chain(origin, instance("it", "throws", on_failure=policy, config={"throw_in": "on_connection"})))
    with proxy.client() as client:
        if answered:
            assert client.get().status == 200
        else:
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            client.expect_closed()


def test_a_worker_start_that_throws_is_told(start, origin):
    """worker_start has no place in the configuration to blame any more: it must end or be logged, never pass unseen."""
    from proxy import Proxy
    import pathlib
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(in_chain(origin, instance("it", "throws", config={"throw_in": "worker_start"})), pathlib.Path(folder) / "p",
                      expect_ready=False)
        try:
            proxy.wait_for_line(r"plugin/it .*thrown by worker_start")
        finally:
            if proxy.process.poll() is None:
                proxy.signal()
            proxy.wait()
