"""The process: signals, what plugins are told of its end, bursts of connections, and no descriptor left."""
# ctest: threads

import os
import re
import resource
import signal
import subprocess
import time

import pytest
from conftest import tool
from proxy import SOURCE, listener, run, to_origin

# Says in the log what it is told; with {keep: true} it completes nothing.
TELLER = r"""
#include <string.h>
#include "plugin_api/ext/config.h"
#include "plugin_api/plugin.h"
CLEAT_PLUGIN_NOTE("name=teller\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1\n");
static const cleat_host *host;
static cleat_instance self;
static uint32_t keep;
static cleat_str str(const char *text) { cleat_str s = {text, strlen(text)}; return s; }
static void say(const char *text) { host->log(self, CLEAT_INFO, str(text)); }
static cleat_status create(const cleat_create *info, void **instance) {
  const cleat_host_config *config = host->find(str(CLEAT_EXT_CONFIG));
  cleat_config value;
  if (config->get(info->config, str("keep"), &value) == CLEAT_OK) config->boolean(value, &keep);
  self = info->self;
  *instance = &self;
  return CLEAT_OK;
}
static void destroy(void *instance) { (void)instance; say("told: destroy"); }
static cleat_status worker_start(void *instance, uint32_t worker) {
  (void)instance;
  say(worker == 0 ? "told: worker_start 0" : "told: worker_start 1");
  return CLEAT_OK;
}
static void worker_stop(void *instance, uint32_t worker) { (void)instance; (void)worker; say("told: worker_stop"); }
static void on_event(void *instance, const cleat_event *event) {
  (void)instance;
  if (event->kind == 1 && event->name.size == 12 && memcmp(event->name.data, "cleat.reopen", 12) == 0) say("told: reopen");
}
static void on_drain(void *instance, uint64_t completion) {
  (void)instance;
  say("told: drain");
  if (keep) return;
  if (host->complete(completion) != CLEAT_OK) say("wrong: not completed");
  if (host->complete(completion) != CLEAT_STALE) say("wrong: completed twice");
}
static void on_shutdown(void *instance, uint64_t completion) {
  (void)instance;
  say("told: shutdown");
  if (!keep) host->complete(completion);
}
static const cleat_plugin table = {.size = sizeof(cleat_plugin), .abi = CLEAT_ABI, .create = create, .destroy = destroy,
  .worker_start = worker_start, .worker_stop = worker_stop, .on_event = on_event, .on_drain = on_drain, .on_shutdown = on_shutdown};
const cleat_plugin *cleat_plugin_v1(const cleat_host *h) { host = h; return &table; }
"""


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "teller.c").write_text(TELLER)
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-fvisibility=hidden", f"-I{SOURCE}", "-o", str(folder / "teller.so"),
                    str(folder / "teller.c")], check=True)
    return str(folder / "teller.so")


def told(proxy):
    return re.findall(r"plugin/t (?:told|wrong): (.+)", proxy.log())


def with_teller(origin, teller, keep=False, drain="30s", workers=2):
    return to_origin(origin, {"timeouts": {"drain": drain}}, workers=workers,
                     plugins=[{"name": "t", "use": teller, "config": {"keep": keep}}])


def hold(origin):
    release = origin.event()

    async def handler(connection, _):
        await release.wait()

    origin.handler = handler
    return release


def test_a_plugin_is_told_of_reopening_draining_and_the_end_in_their_order(start, origin, teller):
    proxy = start(with_teller(origin, teller))
    proxy.signal(signal.SIGUSR1)
    proxy.wait_for_line("told: reopen$")
    proxy.signal()
    assert proxy.wait() == 0
    lines = told(proxy)
    assert sorted(lines[:2]) == ["worker_start 0", "worker_start 1"]
    assert lines[2:] == ["reopen", "drain", "worker_stop", "worker_stop", "shutdown", "destroy"]


def test_workers_have_started_when_the_proxy_is_ready(start, origin, teller):
    proxy = start(with_teller(origin, teller))
    before = proxy.log().split(" kernel ready")[0]
    assert before.count("told: worker_start") == 2


def test_a_plugin_that_completes_nothing_is_waited_for_and_named(start, origin, teller):
    proxy = start(with_teller(origin, teller, keep=True, drain="200ms"))
    proxy.signal()
    proxy.wait_for_line(r"warn plugin/t on_drain was not completed in time$")
    proxy.wait_for_line(r"told: shutdown$")
    proxy.signal()  # instead of the 5 s that on_shutdown may take
    proxy.wait_for_line(r"warn plugin/t on_shutdown was not completed in time$")
    assert proxy.wait(20) == 0
    assert told(proxy)[-1] == "destroy"


def test_a_second_signal_cuts_what_is_in_flight(start, origin):
    proxy = start(to_origin(origin, {"timeouts": {"drain": "0"}}))
    release = hold(origin)
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        proxy.signal()
        proxy.wait_for_line(" kernel draining$")
        proxy.signal()
        client.rest()
    assert proxy.wait(20) == 0
    origin.set_event(release)


def test_hangup_and_broken_pipes_end_nothing(start, origin):
    proxy = start(to_origin(origin))
    for number in (signal.SIGHUP, signal.SIGPIPE):
        proxy.signal(number)
    proxy.wait_for_line("generation 2 is in force")
    with proxy.client() as client:
        assert client.get().status == 200


def test_a_second_proxy_does_not_share_the_first_ones_port(start, origin, tmp_path):
    proxy = start(to_origin(origin))
    address = f"127.0.0.1:{proxy.port}"
    file = tmp_path / "second.yaml"
    file.write_text(f"listeners: [{{name: second, address: '{address}', routes: [{{reply: {{status: 204}}}}]}}]\n")
    done = run("run", "-c", file)
    assert done.returncode == 2
    assert done.stderr == f"listener second: bind {address}: Address already in use\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_that_came_all_at_once_are_all_taken(start, workers):
    proxy = start({"workers": workers, "listeners": [listener([{"reply": {"status": 204}}])]})
    proxy.signal(signal.SIGSTOP)
    try:
        clients = [proxy.client() for _ in range(300)]  # more than an acceptor takes in one turn, and no edge for the later ones
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    finally:
        proxy.signal(signal.SIGCONT)
    assert [client.response().status for client in clients] == [204] * 300
    for client in clients:
        client.close()


# UBSan looks at a virtual table by opening a pipe, and takes no descriptor for no object.
needs_descriptors = pytest.mark.skipif("undefined" in os.environ.get("CLEAT_SANITIZE", ""), reason="SKIPPED: UBSan itself needs descriptors")


@needs_descriptors
def test_without_descriptors_further_connections_are_closed_and_later_ones_served(start):
    proxy = start({"workers": 1, "listeners": [listener([{"reply": {"status": 204}}])]})
    pid = proxy.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 3, most))
    clients = [proxy.client() for _ in range(10)]
    proxy.wait_for_line(r"warn kernel listener in: accept: Too many open files$")
    answered = []
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    # As those that were taken leave, descriptors are free again; what was waiting is taken in its turn.
    for client in clients:
        data = client.rest()
        assert data == b"" or data.startswith(b"HTTP/1.1 204 "), data
        answered.append(bool(data))
        client.close()
    assert any(answered) and not all(answered)
    assert len([line for line in proxy.lines() if "Too many open files" in line]) < 10
    end, reply = time.monotonic() + 20, b""
    while not reply and time.monotonic() < end:  # until the last of them has left
        with proxy.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            reply = client.rest()
    assert reply.startswith(b"HTTP/1.1 204 ")


@needs_descriptors
def test_waiting_costs_no_processor_time_without_descriptors(start):
    proxy = start({"workers": 1, "listeners": [listener([{"reply": {"status": 204}}])]})
    pid = proxy.process.pid
    used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, most))
    clients = [proxy.client() for _ in range(30)]
    proxy.wait_for_line("Too many open files")

    def cpu_ticks():
        with open(f"/proc/{pid}/stat") as stat:
            return sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:13])

    began, before = time.monotonic(), cpu_ticks()
    for client in clients[:10]:
        client.expect_closed()  # one for each pause
    spent = (cpu_ticks() - before) / os.sysconf("SC_CLK_TCK")
    assert spent < 0.5 * (time.monotonic() - began) + 0.2
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    for client in clients:
        client.close()
