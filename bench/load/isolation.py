#!/usr/bin/env python3
"""What a plugin costs in a process of its own, beside the same plugin in the kernel's; and what others notice while that process is killed again and again.

    bench/load/isolation.py BUILD [--seconds 5] [--rounds 3]      BUILD: a build folder, such as build/release

One worker; one header_rewrite that sets a field of the response from one of the request's, before a reply made by the kernel. CPU is what all threads ran by
the scheduler's clock (nanoseconds), of the kernel's process and of the plugin's. Latency is wrk's, over one connection and over 32. Exits 1 if a request of
those that nothing is done to failed."""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import rig

KINDS = ("none", "inside", "isolated")
HEADS = {"response": {"set": {"x-seen": "%{request_header.host}"}}}


def configuration(ports):
    route = [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": "x" * 128}}]
    chains = {"none": [], "inside": ["inside"], "isolated": ["isolated"], "killed": ["killed"]}
    return {"workers": 1,
            "plugins": [{"name": "inside", "use": "header_rewrite", "config": HEADS},
                        {"name": "isolated", "use": "header_rewrite", "config": HEADS, "isolation": "process"},
                        {"name": "killed", "use": "header_rewrite", "config": HEADS, "isolation": "process", "on_failure": "open"}],
            "listeners": [{"name": name, "address": f"127.0.0.1:{ports[name]}", "chain": chain, "routes": route} for name, chain in chains.items()]}


def ran_ns(pid):
    """What the threads of a process have run so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def processes(pid):
    """The plugins' processes: children of the threads that have started them."""
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def measure(cleat, hosts, port, seconds, connections):
    wrk_seconds, before = seconds, [ran_ns(pid) for pid in (cleat.pid, *hosts)]
    result = rig.Wrk(port, wrk_seconds, connections).result()
    after = [ran_ns(pid) for pid in (cleat.pid, *hosts)]
    used = [end - begin for begin, end in zip(before, after)]
    return {"kernel_us": used[0] / 1000 / result["requests"], "process_us": sum(used[1:]) / 1000 / result["requests"], "failed": rig.failed(result),
            "per_second": result["requests"] / wrk_seconds, "p50": result["p50"], "p99": result["p99"]}


class Killer:
    """Kills every process of the plugins there is, once in 100 ms, for the time of a with block."""

    def __init__(self, pid):
        self.pid, self.kills, self._over = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(0.1):
            for child in processes(self.pid):
                os.kill(child, 9)
                self.kills += 1


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    ports = {name: rig.free_port() for name in (*KINDS, "killed")}
    cleat = rig.Cleat(asked.build.resolve() / "bin/cleat", configuration(ports), folder=tempfile.mkdtemp(prefix="cleat-isolation-"))
    hosts = processes(cleat.pid)
    failures = 0
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    print("| connections | plugin | kernel's process, us a request | plugin's process, us a request | requests a second | p50, ms | p99, ms |\n|---|---|---|---|---|---|---|")
    for connections in (1, 32):
        rows = {kind: [] for kind in KINDS}
        for _ in range(asked.rounds):
            for kind in KINDS:
                rows[kind].append(measure(cleat, hosts, ports[kind], asked.seconds, connections))
        for kind, all_rounds in rows.items():
            failures += sum(row["failed"] for row in all_rounds)
            print(f"| {connections} | {kind} | {median(all_rounds, 'kernel_us'):.1f} | {median(all_rounds, 'process_us'):.1f} | {median(all_rounds, 'per_second'):.0f} | "
                  f"{median(all_rounds, 'p50'):.3f} | {median(all_rounds, 'p99'):.3f} |")
    calm = measure(cleat, [], ports["none"], asked.seconds, 8)
    busy = rig.Wrk(ports["killed"], asked.seconds + 2, 4)
    beside = measure(cleat, [], ports["none"], asked.seconds, 8)
    busy.result()
    with Killer(cleat.pid) as killer:
        busy = rig.Wrk(ports["killed"], asked.seconds + 2, 4)
        time.sleep(0.5)
        shaken = measure(cleat, [], ports["none"], asked.seconds, 8)
        own = busy.result()
    failures += calm["failed"] + beside["failed"] + shaken["failed"]
    print(f"\nOthers (8 connections, no plugin): p99 {calm['p99']} ms alone, {beside['p99']} ms beside 4 connections through the isolated plugin, {shaken['p99']} ms beside the same while "
          f"its process is killed whenever it is there, looked for once in 100 ms ({killer.kills} times of both instances); failed {shaken['failed']}. Of the isolated one's own "
          f"{own['requests']} requests (on_failure: open) failed {rig.failed(own)}, p99 {own['p99']} ms.")
    cleat.stop()
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")
    sys.exit(0 if failures == 0 else 1)


if __name__ == "__main__":
    main()
