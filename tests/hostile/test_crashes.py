"""A plugin that ends the process: the report says whose fault it was, and the process ends as it would have without the report."""
# ctest: timeout 300

import re
import signal

import pytest
from hostile import asks, in_chain, instance
from proxy import SANITIZED, Proxy

HOW = {
    "null": signal.SIGSEGV,
    "wild": signal.SIGSEGV,
    "overflow": signal.SIGSEGV,
    "divide": signal.SIGFPE,
    "illegal": signal.SIGILL,
    "bus": signal.SIGBUS,
    "abort": signal.SIGABRT,
    "terminate": signal.SIGABRT,
    "killed": signal.SIGSEGV,
}
LINES = ("*** cleat ", "*** thread: ", "*** at ", "*** executable: ")
WITH_FRAMES = {how for how in HOW if how != "wild"}  # where there is no code there is nothing to unwind by


def crashed(tmp_path, origin, config=None, report=True, **asked):
    """The report of a process that a request, or its configuration, has made crash, and the process's exit code."""
    configuration = in_chain(origin, instance("culprit", "crashes", config=config))
    file = tmp_path / "crash"
    if report:
        configuration["crash_report"] = str(file)
    proxy = Proxy(configuration, tmp_path / "proxy", expect_ready=config is None)
    if config is None:
        with proxy.client() as client:
            client.send(f"GET /a%20b?c=%22d HTTP/1.1\r\nHost: a.example\r\n{asks(**asked)}\r\n".encode())
            client.expect_closed()
    code = proxy.wait()
    said = [line for line in proxy.lines() if line.startswith("*** ")]
    if report:
        assert file.read_text().splitlines() == said
    return said, code


def line(report, start):
    found = [each for each in report if each.startswith(start)]
    assert found, (start, report)
    return found[0]


def ended_by(code, number):
    return code == -number or (SANITIZED and code > 0)


@pytest.mark.parametrize("how", HOW)
def test_the_report_of_a_crash_in_a_hook(how, tmp_path, origin):
    report, code = crashed(tmp_path, origin, crash=how)
    assert ended_by(code, HOW[how]), code
    assert re.search(rf"^\*\*\* cleat \d+\.\d+\.\d+ crashed: {HOW[how].name} ", report[0]), report
    for each in LINES:
        line(report, each)
    assert "crashes.so+0x" in line(report, "*** at ") or how in ("abort", "terminate", "killed")
    assert report[-1] == "*** end of the report"
    assert re.search(r"executable: \S*/cleat, build id [0-9a-f]{16,}", line(report, "*** executable"))
    if how == "terminate":  # on a thread of the plugin's own, which stands for no call
        assert line(report, "*** thread: ").endswith("none of cleat's own")
    else:
        assert line(report, "*** plugin: ") == "*** plugin: culprit, hook on_request, generation 1"
        assert line(report, "*** plugin file: ").endswith("/crashes.so")
        exchange = line(report, "*** exchange: ")
        assert re.search(r"0x[0-9a-f]{16} of generation 1, request id [0-9a-f-]{36}, GET /a%20b\?c=%22d$", exchange), exchange
        assert "cleat-w0" in line(report, "*** thread: ")
    if how in WITH_FRAMES:
        assert any("crashes.so+0x" in each for each in report if each.startswith("***   #")), report
        assert re.search(r"/crashes.so, build id [0-9a-f]{16,}$", "\n".join(report), re.MULTILINE), report


def test_a_crash_on_a_plugins_own_thread_names_the_file_by_its_code(tmp_path, origin):
    report, code = crashed(tmp_path, origin, crash="null", thread="1")
    assert ended_by(code, signal.SIGSEGV)
    assert "none of cleat's own" in line(report, "*** thread: ")
    assert line(report, "*** at ").startswith("*** at crashes.so+0x")


def test_a_crash_while_an_instance_is_made(tmp_path, origin):
    report, code = crashed(tmp_path, origin, config={"create": "divide"})
    assert ended_by(code, signal.SIGFPE)
    assert line(report, "*** plugin: ") == "*** plugin: culprit, hook create, generation 1"


def test_without_a_file_the_report_is_on_standard_error_alone(tmp_path, origin):
    report, _ = crashed(tmp_path, origin, report=False, crash="null")
    assert report[-1] == "*** end of the report"


def test_the_report_is_appended_to_what_there_is(tmp_path, origin):
    file = tmp_path / "crash"
    file.write_text("an older one\n")
    configuration = {**in_chain(origin, instance("culprit", "crashes")), "crash_report": str(file)}
    proxy = Proxy(configuration, tmp_path / "proxy")
    with proxy.client() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{asks(crash='null')}\r\n".encode())
        client.expect_closed()
    proxy.wait()
    assert file.read_text().startswith("an older one\n*** cleat ")


def test_a_crash_from_outside_is_reported_and_ends_the_process(tmp_path, origin):
    proxy = Proxy(in_chain(origin, instance("bystander", "crashes")), tmp_path)
    proxy.signal(signal.SIGSEGV)
    assert ended_by(proxy.wait(), signal.SIGSEGV)
    assert re.search(r"crashed: SIGSEGV \(sent by process \d+\)", proxy.log())
    assert "*** plugin: none is being called" in proxy.log()
