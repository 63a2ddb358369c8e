"""`cleat run --supervise`: the supervisor keeps the listening sockets, so that a crash of its process refuses no connection."""
# ctest: threads
# ctest: timeout 400

import json
import os
import re
import signal
import time

import processes
import pytest
import wire
from load import Load
from origin import reply
from proxy import BUILD, START_S, STOP_S, Proxy, listener, to_origin

WAIT_S = START_S + STOP_S


@pytest.fixture(scope="module", autouse=True)
def orphans():
    processes.adopt_orphans()


def direct(workers=2, **others):
    """Answers by itself, as fast as it can."""
    return {"workers": workers, "listeners": [listener([{"reply": {"status": 200, "body": "here"}}], **others)]}


class Supervised:
    def __init__(self, start, config, folder, arguments=()):
        self.pid_file = folder / "pid"
        self.proxy = start(config, arguments=["--supervise", "--pid-file", self.pid_file, *arguments])
        self.pid = self.proxy.process.pid
        processes.wait_until(lambda: self.pid_file.exists() and self.pid_file.read_text() == f"{self.pid}\n", "the supervisor's number")

    @property
    def child(self):
        """The one process there is."""
        (child,) = processes.wait_until(lambda: len(found := processes.children(self.pid)) == 1 and found, "one process", WAIT_S)
        return child

    def configure(self, config):
        self.proxy.file.write_text(config if isinstance(config, str) else json.dumps(config))

    def signal(self, number):
        os.kill(self.pid, number)

    def crash(self):
        """Kills the process; comes back when another serves."""
        served = len(self.said(r"supervisor process \d+ serves$"))
        os.kill(self.child, signal.SIGKILL)
        self.said(r"supervisor process \d+ serves$", served + 1)

    def follow(self):
        """A hot restart; comes back when the next process serves and the one before it has ended."""
        ended = len(self.said(r"after draining$", 0))
        self.signal(signal.SIGUSR2)
        self.said(r"after draining$", ended + 1)
        return self.child

    def said(self, pattern, times=1):
        """Waits until so many lines match."""
        found = lambda: [line for line in self.proxy.lines() if re.search(pattern, line)]  # noqa: E731
        processes.wait_until(lambda: len(found()) >= times, f"{times} lines like {pattern!r}:\n{self.proxy.log()}", WAIT_S)
        return found()


@pytest.fixture
def supervised(start, tmp_path):
    """supervised(config): one in this test's folder; the fixture `start` stops it and looks at how it ends."""
    made = []

    def make(config, arguments=()):
        made.append(Supervised(start, config, tmp_path, arguments))
        return made[-1]

    yield make
    for each in made:
        if each.proxy.process.poll() is None:
            each.proxy.stop()
        assert not each.pid_file.exists()
        assert processes.children(each.pid) == []


def waits(it):
    return [int(re.search(r"again in (\d+) ms$", line)[1]) for line in it.said(r"starting again in \d+ ms$", 0)]


def test_a_crash_under_load_refuses_nothing_and_loses_what_was_in_flight(supervised):
    it = supervised(direct())
    clients = 16
    with Load(it.proxy.port, clients) as load:
        for crash in range(1, 4):
            it.crash()
            load.wait_for_answers(200)
            assert not load.refused and not load.wrong, str(load)
            assert len(load.lost) <= crash * clients, str(load)  # a client has one request in flight
    it.said(r"error supervisor process \d+ was killed by signal 9 \(Killed\) after serving for \d+ ms; starting again in \d+ ms$", 3)
    print(load)


def test_what_arrives_while_there_is_no_process_is_answered_by_the_next(supervised):
    it = supervised(direct())
    it.crash()
    it.crash()
    os.kill(it.child, signal.SIGKILL)
    it.said("starting again in 400 ms$")
    clients = [it.proxy.client() for _ in range(50)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert [client.response().status for client in clients] == [200] * 50
    for client in clients:
        client.close()


def test_each_crash_makes_the_wait_longer_and_a_good_run_short_again(supervised):
    it = supervised(direct(workers=1))
    for _ in range(4):
        it.crash()
    assert waits(it) == [100, 200, 400, 800]
    time.sleep(10.5)  # a good run
    it.crash()
    assert waits(it)[-1] == 100


def test_no_request_fails_in_five_hot_restarts_under_load(supervised):
    it = supervised(direct())
    with Load(it.proxy.port) as load:
        for _ in range(5):
            before = it.child
            assert it.follow() != before
            load.wait_for_answers(200)
    load.assert_no_failure()
    assert it.pid == it.proxy.process.pid and it.pid_file.read_text() == f"{it.pid}\n"


def test_a_first_process_that_is_refused_gives_the_supervisor_its_code(tmp_path):
    proxy = Proxy("listeners: [{name: in, adress: 127.0.0.1:0}]\n", tmp_path, arguments=["--supervise", "--pid-file", tmp_path / "pid"], expect_ready=False)
    assert proxy.wait() == 2
    assert "adress" in proxy.log() and not (tmp_path / "pid").exists()


def test_a_later_configuration_that_is_wrong_is_tried_until_it_is_right(supervised):
    it = supervised(direct())
    it.configure("listeners: [{name: in, adress: 127.0.0.1:0}]\n")
    os.kill(it.child, signal.SIGKILL)
    it.said(r"process \d+ exited with 2 and was never ready; starting again in 200 ms$")
    with it.proxy.client() as client:  # not refused even now
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        it.configure(direct())
        assert client.response().status == 200


def test_a_hot_restart_that_fails_leaves_the_process_serving(supervised):
    it = supervised(direct())
    before = it.child
    it.configure("listeners: [{name: in, adress: 127.0.0.1:0}]\n")
    with Load(it.proxy.port, 4) as load:
        it.signal(signal.SIGUSR2)
        it.said(rf"error supervisor hot restart: process \d+ exited with 2 and was never ready; process {before} goes on$")
        load.wait_for_answers(50)
    load.assert_no_failure()
    assert it.child == before


def test_a_crash_after_a_reload_keeps_the_listeners_of_the_reload(supervised):
    there = [{"reply": {"status": 204}}]
    it = supervised({"workers": 2, "listeners": [listener(there, name="stays"), listener(there, name="goes")]})
    it.configure({"workers": 2, "log_level": "debug", "listeners": [listener(there, name="stays"), listener(there, name="comes")]})
    it.signal(signal.SIGHUP)
    it.said(r"kernel reloaded: generation 2 is in force$")
    with pytest.raises(ConnectionRefusedError):  # not kept open by the supervisor
        it.proxy.client("goes").close()
    it.crash()
    ports = {re.search(r":(\d+) ", line)[1] for line in it.said(r"listening on \S+ \(listener comes\)$", 2)}
    assert len(ports) == 1
    for port in (it.proxy.ports["stays"], int(ports.pop())):
        with wire.Client(port) as client:
            assert client.get().status == 204


def test_a_stop_finishes_what_is_in_flight(supervised, origin):
    it = supervised(to_origin(origin))
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"done"))

    origin.handler = handler
    with it.proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        it.signal(signal.SIGTERM)
        it.said(" kernel draining")

        def refused():
            try:
                it.proxy.client().close()
            except ConnectionRefusedError:
                return True

        processes.wait_until(refused, "connections to be refused: nobody will take them")
        origin.set_event(release)
        response = client.response()
        assert (response.body, response.list("Connection")) == (b"done", ["close"])
    assert it.proxy.wait() == 0


@pytest.mark.parametrize("both", [False, True])
def test_a_second_stop_cuts_and_one_to_the_whole_group_is_one(supervised, origin, both):
    # A service manager may send SIGTERM to all processes at once; what they were told twice by that is one stop.
    it = supervised(to_origin(origin, {"timeouts": {"drain": "0"}}))
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"done"))

    origin.handler = handler
    with it.proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        if both:
            os.kill(it.child, signal.SIGTERM)
        it.signal(signal.SIGTERM)
        it.said(" kernel draining")
        if both:
            origin.set_event(release)
            assert client.response().body == b"done"
        else:
            it.signal(signal.SIGTERM)
            it.said("told to stop again: cutting what is left$")
            client.rest()
    assert it.proxy.wait() == 0
    origin.set_event(release)


def test_the_interrupt_key_reaches_the_process_once(supervised):
    it = supervised(direct())
    assert os.getpgid(it.child) == it.child != os.getpgid(it.pid)
    it.signal(signal.SIGINT)
    assert it.proxy.wait() == 0
    assert len(it.said(" kernel draining")) == 1


def test_a_process_that_was_told_to_stop_by_itself_ends_its_supervisor(supervised):
    it = supervised(direct())
    os.kill(it.child, signal.SIGTERM)
    assert it.proxy.wait() == 0
    it.said(r"process \d+ exited with 0 after serving for \d+ ms: it was told to$")


def test_a_process_without_its_supervisor_drains_and_ends(origin, tmp_path):
    it = Supervised(lambda config, **options: Proxy(config, tmp_path, **options), to_origin(origin), tmp_path)
    release = origin.event()

    async def handler(connection, _):
        await release.wait()
        connection.send(reply(b"done"))

    origin.handler = handler
    child = it.child
    with it.proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        it.signal(signal.SIGKILL)
        it.said(" kernel draining")
        origin.set_event(release)
        assert client.response().body == b"done"
    assert processes.wait_end(child) == 0
    assert it.proxy.wait() == -signal.SIGKILL


def test_a_hot_restart_asked_of_the_process_is_left_to_the_supervisor(supervised):
    it = supervised(direct())
    before = it.child
    os.kill(before, signal.SIGUSR2)
    it.said(rf"warn kernel SIGUSR2 is for the supervisor, process {it.pid}: ignored$")
    assert it.child == before


def test_reopening_reaches_the_process(supervised, tmp_path):
    log = tmp_path / "access.log"
    it = supervised({"plugins": [{"name": "log", "use": str(BUILD / "plugins" / "access_log.so"), "config": {"path": str(log)}}], **direct(chain=["log"])})
    with it.proxy.client() as client:
        client.get("/before")
        processes.wait_until(lambda: "/before" in log.read_text(), "the first line")
        log.rename(tmp_path / "old.log")
        it.signal(signal.SIGUSR1)
        processes.wait_until(log.exists, "another file")
        client.get("/after")
        processes.wait_until(lambda: "/after" in log.read_text(), "the line after")


def test_the_number_of_restarts_is_a_metric(supervised):
    config = direct()
    config["plugins"] = [{"name": "metrics", "use": str(BUILD / "plugins" / "prometheus.so")}]
    config["listeners"].append(listener([{"handler": "metrics"}], name="metrics"))
    it = supervised(config)

    def restarts():
        with it.proxy.client("metrics") as client:
            return re.search(rb"^cleat_process_restarts (\d+)$", client.get().body, re.MULTILINE)[1]

    assert restarts() == b"0"
    it.crash()
    it.crash()
    assert restarts() == b"2"
    it.follow()
    assert restarts() == b"2"


def test_descriptors_do_not_add_up(supervised):
    it = supervised(direct())
    it.crash()
    it.follow()
    at_first = processes.descriptors(it.pid), processes.descriptors(it.child)
    for _ in range(10):
        it.follow()
    now = lambda: (processes.descriptors(it.pid), processes.descriptors(it.child))  # noqa: E731
    processes.wait_until(lambda: now() == at_first, f"{at_first} descriptors, not {now()}")
    it.crash()
    processes.wait_until(lambda: now() == at_first, f"{at_first} descriptors, not {now()}")


def test_more_workers_after_a_crash_have_sockets_of_their_own_that_are_kept_too(supervised):
    it = supervised(direct(workers=1))
    it.configure(direct(workers=4))
    it.crash()
    it.configure(direct(workers=2))
    with Load(it.proxy.port) as load:
        it.crash()
        load.wait_for_answers(200)
        assert not load.refused and not load.wrong and len(load.lost) <= 16, str(load)
    with Load(it.proxy.port, 40) as load:  # every one of the four sockets is accepted from
        load.wait_for_answers(200)
    load.assert_no_failure()
