"""What the shows in this folder share: a cleat with the plugins a sidecar has in front of an origin of its own, wrk, and what /proc tells of both."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from program import free_port  # noqa: F401

WAIT_S = 30.0


def wait_until(condition, what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return value


def sidecar(port, origin_port, folder, workers=1, **others):
    """access_log, header_rewrite, api_key (optional, so that every client may ask) and retry before one cluster. others: more sections."""
    folder = pathlib.Path(folder)
    (folder / "keys.txt").write_text("")
    config = {
        "workers": workers,
        "plugins": [
            {"name": "log", "use": "access_log", "config": {"path": str(folder / "access.log")}},
            {"name": "keys", "use": "api_key", "config": {"keys": str(folder / "keys.txt"), "optional": True}},
            {"name": "heads", "use": "header_rewrite", "config": {"request": {"set": {"x-load": "1"}}, "response": {"set": {"x-load": "1"}}}},
            {"name": "again", "use": "retry"},
            {"name": "play", "use": "origin", "config": {"playground": True}},
        ],
        "listeners": [
            {"name": "front", "address": f"127.0.0.1:{port}", "chain": ["log", "keys", "heads", "again"],
             "routes": [{"match": {"prefix": "/"}, "cluster": "app"}]},
            {"name": "app", "address": f"127.0.0.1:{origin_port}", "routes": [{"match": {"prefix": "/"}, "handler": "play"}]},
        ],
        "clusters": [{"name": "app", "endpoints": [f"127.0.0.1:{origin_port}"]}],
    }
    config.update(others)
    return config


class Cleat:
    """A `cleat run` that may be followed by others (hot restart): `pid` is the one that serves."""

    def __init__(self, program, config, arguments=(), folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="cleat-load-"))
        self.file, self.pid_file, self.log_file = self.folder / "cleat.yaml", self.folder / "pid", self.folder / "stderr"
        self.write(config)
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen([str(program), "run", "-c", str(self.file), "--pid-file", str(self.pid_file), *arguments],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self.wait_for(r" kernel ready$")

    def write(self, config):
        """At once: a reader sees the old or the new."""
        text = config if isinstance(config, str) else json.dumps(config)
        partial = self.file.with_suffix(".new")
        partial.write_text(text)
        partial.replace(self.file)

    @property
    def pid(self):
        return int(self.pid_file.read_text())

    def log(self):
        return self.log_file.read_text(errors="replace")

    def count(self, pattern):
        return len(re.findall(pattern, self.log(), re.MULTILINE))

    def wait_for(self, pattern, times=1, seconds=WAIT_S):
        wait_until(lambda: self.count(pattern) >= times, f"{times} lines like {pattern!r}; log: {self.log_file}", seconds)

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        try:
            os.kill(self.pid, 15)
        except (FileNotFoundError, ProcessLookupError):
            pass
        wait_until(lambda: not self.pid_file.exists(), "the last process to end", 60)


class Wrk:
    """wrk in the background; `result` waits for its end."""

    def __init__(self, port, seconds, connections=64, threads=1, path="/", script=None):
        more = ["-s", str(script)] if script else []
        self.process = subprocess.Popen(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", *more, f"http://127.0.0.1:{port}{path}"],
                                        stdout=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def result(self):
        text = self.process.communicate()[0]
        number = lambda pattern: int(found[1]) if (found := re.search(pattern, text)) else 0  # noqa: E731
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        connect, read, write, timeout = (int(each) for each in errors.groups()) if errors else (0, 0, 0, 0)
        return {"requests": number(r"(\d+) requests in"), "p50": latency(text, "50%"), "p99": latency(text, "99%"), "refused": connect,
                "lost": read + write, "timeouts": timeout, "not_2xx": number(r"Non-2xx or 3xx responses: (\d+)")}


def failed(result):
    """What of it a client has noticed."""
    return result["refused"] + result["lost"] + result["timeouts"] + result["not_2xx"]


def latency(text, name):
    """In milliseconds."""
    found = re.search(rf"^\s+{name}\s+([\d.]+)(us|ms|s)", text, re.MULTILINE)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]] if found else None


def memory_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
