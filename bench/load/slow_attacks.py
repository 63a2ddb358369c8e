#!/usr/bin/env python3
"""What others notice of slow attacks: their latency beside slowhttptest's slowloris, slow bodies and slow readers, and without.

    bench/load/slow_attacks.py BUILD [--attackers 1000] [--seconds 10] [--rounds 5]      BUILD: a build folder, such as build/release

The proxy has the timeouts that it has by default. Others are 16 connections of wrk that wait 10 ms after each answer, so that their latency is
of a machine with time to spare and not of a queue that they fill themselves. Each round has one measurement without, and one beside each attack,
begun when half of the attackers are connected; what else the machine does shows in the worst of them. Exits 1 if a request of others failed, or the attackers never came."""

import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import rig

PACE = "function delay() return 10 end\n"
# Name, path, options.
ATTACKS = [("slowloris", "/", ["-H", "-i", "2", "-x", "24"]),
           ("slow bodies", "/echo", ["-B", "-i", "2", "-s", "65536", "-x", "10"]),
           ("slow readers", "/bytes/10000000", ["-X", "-w", "1", "-y", "64", "-n", "5", "-z", "1", "-k", "1"])]


def open_connections(stats):
    with urllib.request.urlopen(f"http://127.0.0.1:{stats}/", timeout=rig.WAIT_S) as answer:
        return int(float(re.search(r'^cleat_connections_active\{[^}]*listener="front"[^}]*\} (\S+)', answer.read().decode(), re.MULTILINE)[1]))


class Attack:
    """slowhttptest for longer than the measurement takes; `stop` ends it, and waits until its connections are gone."""

    def __init__(self, port, path, options, attackers, seconds):
        self.process = subprocess.Popen(
            ["slowhttptest", "-c", str(attackers), "-r", str(attackers), "-l", str(seconds), "-p", "10", "-u", f"http://127.0.0.1:{port}{path}", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self, stats):
        self.process.kill()
        self.process.wait()
        rig.wait_until(lambda: open_connections(stats) == 0, "the attackers' connections to end", 60)


def measure(port, seconds, script, cleat, stats):
    load = rig.Wrk(port, seconds, 16, script=script)
    most, memory = 0, 0
    while load.running():
        most, memory = max(most, open_connections(stats)), max(memory, rig.memory_kib(cleat.pid))
        try:
            load.process.wait(0.5)
        except subprocess.TimeoutExpired:
            pass
    return {**load.result(), "most": most, "memory": memory}


def show(name, results):
    middle = lambda key: statistics.median(result[key] for result in results)  # noqa: E731
    p99s = sorted(result["p99"] for result in results)
    bad = sum(rig.failed(result) for result in results)
    print(f"{name:12}: p50 {middle('p50'):.2f} ms; p99 {p99s[0]:.2f} ms in the best round, {middle('p99'):.2f} in the middle one, {p99s[-1]:.2f} in the worst; {sum(result['requests'] for result in results)} requests, "
          f"failed {bad}; connections at most {max(result['most'] for result in results)}, resident at most {max(result['memory'] for result in results)} KiB",
          flush=True)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--attackers", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if shutil.which("slowhttptest") is None:
        raise SystemExit("slowhttptest is not installed (tests/install brings it)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-slow-"))
    port, origin, stats = rig.free_port(), rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder, workers=2)
    config["plugins"].append({"name": "numbers", "use": "prometheus"})
    config["listeners"].append({"name": "stats", "address": f"127.0.0.1:{stats}", "routes": [{"match": {"prefix": "/"}, "handler": "numbers"}]})
    cleat = rig.Cleat(asked.build.resolve() / "bin/cleat", config, folder=folder)
    script = folder / "pace.lua"
    script.write_text(PACE)
    results = {name: [] for name in ["without"] + [name for name, _, _ in ATTACKS]}
    for _ in range(asked.rounds):
        results["without"].append(measure(port, asked.seconds, script, cleat, stats))
        for name, path, options in ATTACKS:
            attack = Attack(port, path, options, asked.attackers, asked.seconds + 30)
            rig.wait_until(lambda: open_connections(stats) >= asked.attackers // 2, f"{name}: the attackers' connections")
            results[name].append(measure(port, asked.seconds, script, cleat, stats))
            attack.stop(stats)
    cleat.stop()
    bad = sum(show(name, each) for name, each in results.items())
    sys.exit(0 if bad == 0 else 1)


if __name__ == "__main__":
    main()
