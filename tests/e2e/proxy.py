"""The program under test, as an operator runs it: a configuration file, standard error, signals, an exit code."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pairing
import relay_down
import wire

BUILD = pathlib.Path(os.environ.get("CLEAT_BUILD", "build/dev")).resolve()
SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
CLEAT = BUILD / "bin" / "cleat"
SANITIZED = bool(os.environ.get("CLEAT_SANITIZE"))
REPORT = re.compile(r"(ERROR|WARNING|SUMMARY): \w*Sanitizer|runtime error:|CHECK failed|terminate called")
START_S = 30.0  # an instrumented program on a busy machine
STOP_S = 30.0


def run(*arguments, timeout=START_S, cwd=None, env=None):
    """`cleat ...` to its end, with text output."""
    assert CLEAT.exists(), f"not built: {CLEAT}"
    done = subprocess.run([str(CLEAT), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})})
    assert not REPORT.search(done.stderr), done.stderr
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.stderr}"
    return done


def listener(routes, name="in", address="127.0.0.1:0", **others):
    return {"name": name, "address": address, "routes": routes, **pairing.of_listener(), **others}


def cluster(*endpoints, name="origin", **others):
    endpoints = [e if isinstance(e, (str, dict)) else e.address for e in endpoints]
    tls = pairing.of_cluster(e["address"] if isinstance(e, dict) else e for e in endpoints)
    return {"name": name, "endpoints": endpoints, **tls, **others}


def to_origin(origin, listener_options=None, cluster_options=None, route_options=None, **others):
    """The usual configuration: every request goes to one origin."""
    route = {"match": {"prefix": "/"}, "cluster": "origin", **(route_options or {})}
    return {"workers": 1, "listeners": [listener([route], **(listener_options or {}))],
            "clusters": [cluster(origin, **(cluster_options or {}))], **others}


# CLEAT_ISOLATE=1: the plugins that have all that they need in a process of their own run in one, and every test must hold all the same; or the names
# of others.
ISOLATE = os.environ.get("CLEAT_ISOLATE", "")
ISOLATED = ("access_log", "api_key", "grpc", "header_rewrite", "origin", "prometheus", "retry") if ISOLATE == "1" else tuple(ISOLATE.split(","))


def isolated(config):
    """The configuration with `isolation: process` at those plugins."""
    plugins = [{**one, "isolation": "process"} if pathlib.Path(one.get("use", "")).stem in ISOLATED else one for one in config.get("plugins", ())]
    return {**config, "plugins": plugins} if plugins else config


class Proxy:
    """A running `cleat run`. `config`: a dict (written as JSON, which is YAML) or the text itself. `arguments` are added to the command
    line; `wrap` is a command that runs it, such as ("prlimit", "--nofile=64"); `program` is another file than the one that was built."""

    def __init__(self, config, folder, env=None, expect_ready=True, arguments=(), wrap=(), program=CLEAT):
        assert CLEAT.exists(), f"not built: {CLEAT}"
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "cleat.yaml"
        if ISOLATE and isinstance(config, dict):
            config = isolated(config)
        self.file.write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
        self._lines, self._changed = [], threading.Condition()
        self.ports, self._relays = {}, {}
        command = [*map(str, wrap), str(program), "run", "-c", str(self.file), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(env or {})})
        self._out = []
        self._readers = [threading.Thread(target=self._read_errors, daemon=True),
                         threading.Thread(target=self._read_output, daemon=True)]
        for reader in self._readers:
            reader.start()
        if expect_ready:
            try:
                self.wait_for_line(r" kernel ready$", START_S)
            except AssertionError:
                self.process.kill()
                raise
            for line in self.lines():
                if match := re.search(r"kernel listening on \S+:(\d+) \(listener (.+)\)$", line):
                    self.ports[match[2]] = int(match[1])
            if pairing.DOWN:
                self._relays = {name: relay_down.Relay(port) for name, port in self.ports.items() if self._speaks_http(config, name)}
                self.ports.update((name, relay.port) for name, relay in self._relays.items())

    @staticmethod
    def _speaks_http(config, name):
        return isinstance(config, dict) and any(one["name"] == name and one.get("protocol") != "tcp" for one in config["listeners"])

    def _read_errors(self):
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._lines.append(None)
            self._changed.notify_all()

    def _read_output(self):
        self._out.append(self.process.stdout.read())

    def lines(self):
        with self._changed:
            return [line for line in self._lines if line is not None]

    def log(self):
        return "\n".join(self.lines())

    def wait_for_line(self, pattern, seconds=wire.DEADLINE_S):
        """The first line on standard error that matches; at once if it is there already."""
        end, looked = time.monotonic() + seconds, 0
        with self._changed:
            while True:
                for line in self._lines[looked:]:
                    looked += 1
                    assert line is not None, f"ended without a line like {pattern!r}; exit {self.process.wait()}:\n{self._text()}"
                    if re.search(pattern, line):
                        return line
                left = end - time.monotonic()
                assert left > 0 and self._changed.wait(left), f"no line like {pattern!r} within {seconds} s:\n{self._text()}"

    def _text(self):
        return "\n".join(line for line in self._lines if line is not None)

    @property
    def port(self):
        assert len(self.ports) == 1, self.ports
        return next(iter(self.ports.values()))

    def client(self, name=None, **options):
        return wire.Client(self.ports[name] if name else self.port, **options)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=STOP_S):
        """The exit code; what was printed is complete after it."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {seconds} s after it should have stopped:\n{self.log()}") from None
        for reader in self._readers:
            reader.join(STOP_S)
        return code

    def stop(self):
        """SIGTERM, and everything that must hold at an end."""
        if self.process.poll() is None:
            self.signal()
        code, log = self.wait(), self.log()
        assert not REPORT.search(log), f"a report on standard error:\n{log}"
        assert code == 0, f"exit code {code}:\n{log}"
        for relay in self._relays.values():
            relay.close()


@contextlib.contextmanager
def running(config, folder, env=None, **options):
    """A proxy for the time of a with block; stopped, and its exit checked, also when the block failed."""
    proxy = Proxy(config, folder, env, **options)
    try:
        yield proxy
    except BaseException:
        with contextlib.suppress(AssertionError):
            proxy.stop()
        if proxy.process.poll() is None:
            proxy.process.kill()
        print(f"--- the proxy's standard error:\n{proxy.log()}")
        raise
    proxy.stop()
