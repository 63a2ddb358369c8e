"""A program that is measured: on one core, stopped until its turn, and what its whole tree of processes has used of CPU and memory."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

START_S = 30
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_taken = set()


def free_port():
    """Below the range that connections take theirs from, so that none has it when the program binds it; never the same twice."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in range(first - 1, 1024, -1):
        if port in _taken:
            continue
        _taken.add(port)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            return port
    raise SystemExit("no free port")


def answers(port, path, host):
    """Does a GET get an answer now?"""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), START_S) as one:
        one.settimeout(START_S)
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return one.recv(4096).startswith(b"HTTP/1.1 200")
    return False


class NotStarted(RuntimeError):
    pass


class Program:
    """`command` in `folder`, where `files` are written first; started when `port` answers a GET. `cores` as taskset takes them."""

    def __init__(self, name, command, folder, port, cores, files=None, path="/", host="bench.example"):
        self.name, self.port, self.folder = name, port, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for file, text in (files or {}).items():
            (self.folder / file).write_text(text)
        self.log = self.folder / "log"
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", cores, *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, start_new_session=True)
        while not answers(port, path, host):
            if self.process.poll() is not None or time.monotonic() > begin + START_S:
                self.stop()
                raise NotStarted(f"{name} did not start: {' '.join(map(str, command))}\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.0005)
        self.start_ms = 1000 * (time.monotonic() - begin)

    def pids(self):
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    left += map(int, children.read_text().split())
        return found

    def cpu_s(self):
        """On a CPU, all threads together, those that ended with them: the processes' own clocks, which count nanoseconds as the scheduler does."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.pids())

    def user_share(self):
        """(user, system), in ticks: coarse, for the share of one in both."""
        fields = [pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in self.pids()]
        return sum(int(each[11]) for each in fields), sum(int(each[12]) for each in fields)

    def resident_kib(self):
        rollups = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids())
        return sum(int(re.search(r"^Rss:\s+(\d+)", text, re.MULTILINE)[1]) for text in rollups)

    def signal(self, number):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)
        time.sleep(0.1)

    def stop(self):
        tree = self.pids() if self.process.poll() is None else []
        for number, seconds in ((signal.SIGCONT, 0), (signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            for pid in tree:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return
