"""The sidecar's place: connections that nft redirects to the proxy, or hands to a transparent listener, go on to where their client wanted; on
two hosts of network namespaces, with curl, Python's http.server and real rules."""
# ctest: timeout 300

import json
import subprocess

import pytest
from namespaces import APP_UID, POD, WORLD, Hosts, saying
from proxy import listener

LOG = '%{original_destination} %{endpoint} %{status} %{reply_flag} %{reply_reason}'
ONWARD = {"match": {"prefix": "/"}, "cluster": "onward"}


@pytest.fixture(scope="module")
def hosts():
    with Hosts() as made:
        yield made


@pytest.fixture(scope="module")
def servers(hosts):
    with saying(hosts, hosts.world, WORLD[4], 8001, "one"), saying(hosts, hosts.world, WORLD[4], 8002, "two"), \
            saying(hosts, hosts.world, WORLD[6], 8001, "six"), saying(hosts, hosts.pod, "127.0.0.1", 8090, "local"), \
            saying(hosts, hosts.pod, POD[4], 8080, "app"), saying(hosts, hosts.pod, POD[6], 8080, "app six"):
        yield


def configuration(listeners, **others):
    return {"workers": 2, "plugins": [{"name": "log", "use": "access_log", "config": {"path": "/dev/stderr", "line": LOG}}], "listeners": listeners,
            "clusters": [{"name": "onward", "original_destination": True, "connect_timeout": "2s"}], **others}


def start_in(hosts, start, listeners):
    return start(configuration(listeners), wrap=hosts.within(hosts.pod))


def curl(hosts, host, url, uid=None, *options):
    done = subprocess.run([*hosts.within(host, uid), "curl", "-sS", "-g", "--max-time", "20", *options, url], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def outgoing(hosts):
    """Ports of the listeners of both families, to which the rules point before the proxy is there."""
    hosts.redirect_outgoing(15001)
    return [listener([ONWARD], address="0.0.0.0:15001", name="v4", chain=["log"]), listener([ONWARD], address="[::]:15001", name="v6", chain=["log"])]


def test_outgoing_requests_go_where_the_app_wanted(hosts, servers, outgoing, start):
    proxy = start_in(hosts, start, outgoing)
    for _ in range(3):
        assert curl(hosts, hosts.pod, f"http://{WORLD[4]}:8001/", APP_UID) == "one"
        assert curl(hosts, hosts.pod, f"http://{WORLD[4]}:8002/", APP_UID) == "two"
        assert curl(hosts, hosts.pod, f"http://[{WORLD[6]}]:8001/", APP_UID) == "six"
    proxy.wait_for_line(rf"{WORLD[4]}:8001 {WORLD[4]}:8001 200 -? ?")
    proxy.wait_for_line(rf"\[{WORLD[6]}\]:8001 \[{WORLD[6]}\]:8001 200")
    # The proxy's own connections, and those of others, are not redirected.
    assert curl(hosts, hosts.pod, f"http://{WORLD[4]}:8001/") == "one"


def test_requests_of_one_connection_go_to_one_destination(hosts, servers, outgoing, start):
    proxy = start_in(hosts, start, outgoing)
    urls = [f"http://{WORLD[4]}:8001/{i}" for i in range(5)]
    done = subprocess.run([*hosts.within(hosts.pod, APP_UID), "curl", "-sS", "--max-time", "20", *urls], capture_output=True, text=True, timeout=30)
    assert done.stdout == "one" * 5, done.stderr
    assert proxy.process.poll() is None


def test_who_comes_without_being_redirected_is_refused_and_not_sent_in_circles(hosts, servers, outgoing, start):
    proxy = start_in(hosts, start, outgoing)
    answer = curl(hosts, hosts.world, f"http://{POD[4]}:15001/", None, "-o", "/dev/null", "-w", "%{http_code}")
    assert answer == "503"
    proxy.wait_for_line(r"503 no_endpoint .*no other destination")


def test_a_destination_that_refuses_is_a_503(hosts, outgoing, start):
    start_in(hosts, start, outgoing)
    assert curl(hosts, hosts.pod, f"http://{WORLD[4]}:8999/", APP_UID, "-o", "/dev/null", "-w", "%{http_code}") == "503"


def test_raw_tcp_goes_where_the_app_wanted(hosts, servers, start):
    hosts.rules("flush ruleset")
    hosts.redirect_outgoing(15002)
    start_in(hosts, start, [{"name": "tcp", "address": "0.0.0.0:15002", "protocol": "tcp", "cluster": "onward"}])
    assert curl(hosts, hosts.pod, f"http://{WORLD[4]}:8002/", APP_UID) == "two"
    hosts.rules("flush ruleset")


def test_a_transparent_listener_takes_what_comes_in_and_sends_it_on(hosts, servers, start):
    hosts.rules("flush ruleset")
    hosts.intercept_incoming(15006)
    proxy = start_in(hosts, start, [listener([ONWARD], address="0.0.0.0:15006", name="v4", chain=["log"], transparent=True),
                                    listener([ONWARD], address="[::]:15006", name="v6", chain=["log"], transparent=True)])
    assert curl(hosts, hosts.world, f"http://{POD[4]}:8080/") == "app"
    assert curl(hosts, hosts.world, f"http://[{POD[6]}]:8080/") == "app six"
    proxy.wait_for_line(rf"{POD[4]}:8080 {POD[4]}:8080 200")
    assert curl(hosts, hosts.world, f"http://{POD[4]}:15006/", None, "-o", "/dev/null", "-w", "%{http_code}") == "503"
    # A reload keeps the transparent sockets.
    changed = configuration(json.loads(proxy.file.read_text())["listeners"], log_level="debug")
    proxy.file.write_text(json.dumps(changed))
    proxy.signal(1)
    proxy.wait_for_line(r"generation 2 is in force")
    assert curl(hosts, hosts.world, f"http://{POD[4]}:8080/") == "app"
    hosts.rules("flush ruleset")
