"""SIGUSR2: the next process takes over the listening sockets, and the one before it ends when that one serves. No client notices."""
# ctest: threads
# ctest: timeout 400

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import processes
import pytest
import wire
from load import Load
from origin import reply
from proxy import CLEAT, REPORT, START_S, STOP_S, listener, run, to_origin

WAIT_S = START_S + STOP_S


@pytest.fixture(scope="module", autouse=True)
def orphans():
    processes.adopt_orphans()


def direct(workers=2, **others):
    """Answers by itself, as fast as it can."""
    return {"workers": workers, "listeners": [listener([{"reply": {"status": 200, "body": "here"}}], **others)]}


class Row:
    """A proxy and those that follow it, each known by the file with its number."""

    def __init__(self, start, config, folder, arguments=(), **options):
        self.pid_file = folder / "pid"
        self.proxy = start(config, arguments=["--pid-file", self.pid_file, *arguments], **options)
        self.before = []

    @property
    def pid(self):
        return int(self.pid_file.read_text())

    def configure(self, config):
        self.proxy.file.write_text(config if isinstance(config, str) else json.dumps(config))

    def signal(self, number=signal.SIGUSR2):
        os.kill(self.pid, number)

    def follow(self):
        """One hot restart: the new process serves, and its number is in the file."""
        old = self.pid
        self.signal()
        processes.wait_until(lambda: self.pid != old, f"process {old} to be followed:\n{self.proxy.log()}", WAIT_S)
        self.before.append(old)
        return self.pid

    def said(self, pattern, times=1):
        """Waits until so many lines match."""
        found = lambda: [line for line in self.proxy.lines() if re.search(pattern, line)]  # noqa: E731
        processes.wait_until(lambda: len(found()) >= times, f"{times} lines like {pattern!r}:\n{self.proxy.log()}", WAIT_S)
        return found()

    def ended_well(self, pid):
        code = self.proxy.process.wait(WAIT_S) if pid == self.proxy.process.pid else processes.wait_end(pid, WAIT_S)
        assert code == 0, f"process {pid} ended with {code}:\n{self.proxy.log()}"

    def end(self):
        while self.before:
            self.ended_well(self.before.pop(0))
        if self.pid_file.exists():
            last = self.pid
            os.kill(last, signal.SIGTERM)
            self.ended_well(last)
        assert not self.pid_file.exists()
        assert not REPORT.search(self.proxy.log()), self.proxy.log()


@pytest.fixture
def row(start, tmp_path):
    """row(config): a Row in this test's folder; everything in it must have ended well."""
    rows = []

    def make(config, arguments=(), **options):
        rows.append(Row(start, config, tmp_path, arguments, **options))
        return rows[-1]

    yield make
    for each in rows:
        each.end()


def address_of(row):
    return f"http://127.0.0.1:{row.proxy.port}/"


def test_no_request_fails_in_five_hot_restarts_under_load(row):
    it = row(direct(), ["--log-level", "info"])
    with Load(it.proxy.port) as load:
        for _ in range(5):
            it.follow()
            it.ended_well(it.before.pop())
            load.wait_for_answers(200)
    load.assert_no_failure()
    print(load)


def test_wrk_notices_nothing_of_five_hot_restarts(row, wrk, nginx_origin, tmp_path):
    with nginx_origin('location = /x { return 200 "of nginx"; }') as address:
        it = row({"workers": 2, "listeners": [listener([{"cluster": "nginx"}])], "clusters": [{"name": "nginx", "endpoints": [address]}]})
        load = subprocess.Popen([wrk, "-t2", "-c32", "-d6s", address_of(it) + "x"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(5):
            time.sleep(0.8)  # so that they fall into the time of the load; nothing depends on it
            it.follow()
        text, _ = load.communicate(timeout=60)
    assert load.returncode == 0 and "Socket errors" not in text and "Non-2xx" not in text, text
    assert int(re.search(r"(\d+) requests in", text)[1]) > 100, text


def test_a_request_in_flight_is_finished_by_the_process_that_has_it(row, origin):
    it = row(to_origin(origin))
    release = origin.event()

    async def handler(connection, request):
        if request.target == "/slow":
            await release.wait()
        connection.send(reply(b"done"))

    origin.handler = handler
    with it.proxy.client() as slow:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n")
        origin.wait_for(lambda: origin.saw(), "the request upstream")
        it.follow()
        with it.proxy.client() as client:
            assert client.get().status == 200
        assert processes.alive(it.before[0])
        origin.set_event(release)
        response = slow.response()
        assert (response.body, response.list("Connection")) == (b"done", ["close"])
        slow.expect_closed()


def test_a_request_sent_while_its_connection_is_drained_is_answered(row):
    it = row(direct())
    with it.proxy.client() as client:
        assert client.get().list("Connection") == []
        it.follow()
        it.said(r"kernel draining")  # the file has the new number a moment before the old process is told
        response = client.get()  # within the second that a drain waits for it
        assert response.status == 200 and response.list("Connection") == ["close"]
        client.expect_closed()


def test_the_port_that_was_chosen_stays(row):
    it = row({"workers": 1, "listeners": [listener([{"reply": {"status": 204}}], name=name) for name in ("left", "right")]})
    it.follow()
    it.follow()
    for name, port in it.proxy.ports.items():
        assert len(it.said(rf"listening on 127\.0\.0\.1:{port} \(listener {name}\)$", 3)) == 3
        with it.proxy.client(name) as client:
            assert client.get().status == 204


def test_another_number_of_workers_loses_no_connection(row):
    it = row(direct(workers=1))
    with Load(it.proxy.port) as load:
        for workers in (4, 2, 1, 3):
            it.configure(direct(workers))
            it.follow()
            load.wait_for_answers(200)
    load.assert_no_failure()


def test_a_listener_that_is_no_longer_configured_is_closed_and_a_new_one_opened(row):
    there = [{"reply": {"status": 204}}]
    it = row({"workers": 2, "listeners": [listener(there, name="stays"), listener(there, name="goes")]})
    it.configure({"workers": 2, "listeners": [listener(there, name="comes"), listener(there, name="stays")]})
    it.follow()
    it.ended_well(it.before.pop())
    with it.proxy.client("stays") as client:
        assert client.get().status == 204
    with pytest.raises(ConnectionRefusedError):
        it.proxy.client("goes")
    port = re.search(r":(\d+) \(listener comes\)$", it.said(r"\(listener comes\)$")[0])[1]
    with wire.Client(int(port)) as client:
        assert client.get().status == 204


@pytest.fixture
def own_program(tmp_path):
    """A copy of the program, to be replaced."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return shutil.copy(CLEAT, folder / "cleat")


def replace(program, by):
    """As a package manager does: another file under the same name. `by`: a file, or the text of a script."""
    fresh = f"{program}.new"
    if os.path.exists(by):
        shutil.copy(by, fresh)
    else:
        with open(fresh, "w") as file:
            file.write(by)
        os.chmod(fresh, 0o755)
    os.rename(fresh, program)


def test_a_replaced_program_is_the_one_that_starts(row, own_program):
    it = row(direct(), program=own_program)
    with open(own_program) as old:  # keeps its inode from being given to the new file
        replace(own_program, CLEAT)
        pid = it.follow()
        assert os.stat(f"/proc/{pid}/exe").st_ino == os.stat(own_program).st_ino != os.fstat(old.fileno()).st_ino


def test_a_program_that_fails_changes_nothing(row, own_program):
    it = row(direct(), program=own_program)
    before = it.pid
    with Load(it.proxy.port, 4) as load:
        replace(own_program, "#!/bin/sh\nexit 7\n")
        it.signal()
        it.said(r"error kernel hot restart: process \d+ exited with 7 and was never ready; this process goes on$")
        os.unlink(own_program)
        it.signal()
        it.said(r"error kernel hot restart: cannot start .*/bin/cleat: No such file or directory; this process goes on$")
        load.wait_for_answers(100)
        assert it.pid == before
        shutil.copy(CLEAT, own_program)
        it.follow()
        load.wait_for_answers(100)
    load.assert_no_failure()


def test_a_configuration_that_is_wrong_by_then_changes_nothing(row):
    it = row(direct(workers=1))
    before = it.pid
    with Load(it.proxy.port, 4) as load:
        it.configure("listeners: [{name: in, adress: 127.0.0.1:0}]\n")
        it.signal()
        it.said(r"hot restart: process \d+ exited with 2 and was never ready; this process goes on$")
        it.said(r'cleat\.yaml:1:\d+: .*adress.*"address"')  # the new process's own words
        # Wrong in its last listener: what the first has opened by then, for more workers, must not have taken connections with it.
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            taken = f"127.0.0.1:{stranger.getsockname()[1]}"
            config = direct(workers=8)
            config["listeners"].append(listener([{"reply": {"status": 204}}], name="taken", address=taken))
            it.configure(config)
            for times in range(2, 6):
                it.signal()
                it.said(r"exited with 2 and was never ready", times)
            it.said(f"listener taken: bind {taken}: Address already in use", 4)
        load.wait_for_answers(100)
        assert it.pid == before
    load.assert_no_failure()


def test_a_program_that_is_never_ready_is_ended(row, own_program):
    it = row(direct(), ["--ready-within", "1"], program=own_program)
    replace(own_program, "#!/bin/sh\nexec sleep 600\n")
    it.signal()
    it.said(r"process \d+ starts, from ")
    it.signal()
    it.said(r"warn kernel SIGUSR2 is ignored: process \d+ is starting still$")
    it.said(r"error kernel process \d+ is not ready after 1000 ms: ending it$")
    it.said(r"hot restart: process \d+ was killed by signal 15 \(Terminated\) and was never ready; this process goes on$")
    replace(own_program, CLEAT)
    it.follow()


def test_a_stop_takes_the_process_along_that_was_to_follow(row, own_program):
    it = row(direct(), program=own_program)
    replace(own_program, "#!/bin/sh\nexec sleep 600\n")
    it.signal()
    started = int(re.search(r"process (\d+) starts", it.said(r"process \d+ starts, from ")[0])[1])
    first = it.pid
    it.signal(signal.SIGTERM)
    it.ended_well(first)
    assert processes.wait_end(started) == -signal.SIGTERM


def test_a_process_that_drains_starts_no_other(row, origin):
    it = row(to_origin(origin))
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
        it.signal()
        it.said(r"warn kernel SIGUSR2 is ignored: the process is ending$")
        pid = it.pid
        origin.set_event(release)
        assert client.response().body == b"done"
    it.ended_well(pid)


def test_descriptors_and_processes_do_not_add_up(row):
    it = row(direct())
    it.follow()  # the first one was started by hand
    it.ended_well(it.before.pop(0))
    at_first = processes.descriptors(it.pid)
    for _ in range(20):
        it.follow()
        it.ended_well(it.before.pop())
    processes.wait_until(lambda: processes.descriptors(it.pid) == at_first, f"{at_first} descriptors, not {processes.descriptors(it.pid)}")
    assert processes.children(it.pid) == []
    with open(f"/proc/{it.pid}/environ", "rb") as environment:
        entries = [entry for entry in environment.read().split(b"\0") if entry.startswith(b"CLEAT_HANDOVER=")]
    assert len(entries) == 1 and len(json.loads(entries[0].partition(b"=")[2])["listening"]["in 127.0.0.1:0"]) == 2


def test_the_number_in_the_pid_file_is_gone_at_the_end_and_another_processes_is_left_alone(row, tmp_path):
    it = row(direct())
    pid = it.pid
    it.pid_file.write_text("1\n")
    os.kill(pid, signal.SIGTERM)
    it.ended_well(pid)
    assert it.pid_file.read_text() == "1\n"
    it.pid_file.unlink()


@pytest.mark.parametrize("value, words", [("no json", "parse error"), ('{"link": 999, "supervised": false, "restarts": 0, "listening": {}}', "descriptor 999 is not open"),
                                          ('{"link": 0, "supervised": false, "restarts": 0, "listening": {"in 127.0.0.1:0": [1]}}', "descriptor 1 is not a listening socket")])
def test_a_handover_that_nobody_made_is_refused(tmp_path, value, words):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(direct()))
    done = run("run", "-c", file, env={"CLEAT_HANDOVER": value})
    assert done.returncode == 2 and done.stderr.startswith("CLEAT_HANDOVER") and words in done.stderr, done.stderr
