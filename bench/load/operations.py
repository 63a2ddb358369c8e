#!/usr/bin/env python3
"""What a client notices of operations: reloads and hot restarts under load, and a worker process killed under supervision.

    bench/load/operations.py BUILD [--reloads 100] [--restarts 5] [--kills 3]      BUILD: a build folder, such as build/release

The proxy has access_log, api_key, header_rewrite and retry in its chain; every reload changes the configuration of one of them, so that its
instance is replaced, and leaves the others. Exits 1 if a request failed or a connection was refused, but for those in flight at a kill."""

import argparse
import os
import pathlib
import signal
import sys
import tempfile
import time

import rig

CONNECTIONS = 32


def reloads_and_restarts(program, reloads, restarts):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-operations-"))
    port, origin = rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder, workers=2)
    cleat = rig.Cleat(program, config, folder=folder)
    before = rig.memory_kib(cleat.pid)
    wrk = rig.Wrk(port, 600, CONNECTIONS)
    time.sleep(1)
    start = time.monotonic()
    for number in range(1, reloads + 1):
        config["plugins"][2]["config"]["response"]["set"]["x-load"] = str(number)
        cleat.write(config)
        cleat.signal(signal.SIGHUP)
        cleat.wait_for(r" is in force", number)
    reloaded = time.monotonic() - start
    after = rig.memory_kib(cleat.pid)
    for _ in range(restarts):
        old = cleat.pid
        cleat.signal(signal.SIGUSR2)
        rig.wait_until(lambda: cleat.pid != old, "the next process to serve")
        rig.wait_until(lambda: not pathlib.Path(f"/proc/{old}").exists() or pathlib.Path(f"/proc/{old}/stat").read_text().split()[2] == "Z", "the old process to end", 60)
    wrk.process.send_signal(signal.SIGINT)
    result = wrk.result()
    cleat.stop()
    print(f"{reloads} reloads in {reloaded:.1f} s, {restarts} hot restarts: {result['requests']} requests, refused {result['refused']}, "
          f"lost {result['lost']}, timeouts {result['timeouts']}, not 2xx {result['not_2xx']}; p50 {result['p50']} ms, p99 {result['p99']} ms; "
          f"resident {before} KiB before, {after} KiB after the reloads")
    return rig.failed(result) == 0 and result["requests"] > 0


def kills(program, times):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-operations-"))
    port, origin = rig.free_port(), rig.free_port()
    cleat = rig.Cleat(program, rig.sidecar(port, origin, folder, workers=2), ["--supervise"], folder)
    wrk = rig.Wrk(port, 600, CONNECTIONS)
    time.sleep(1)
    for number in range(1, times + 1):
        rig.wait_until(lambda: rig.children(cleat.pid), "a worker process")
        victim = rig.children(cleat.pid)[0]
        os.kill(victim, signal.SIGKILL)
        cleat.wait_for(r" kernel ready$", number + 1)
        time.sleep(1)
    wrk.process.send_signal(signal.SIGINT)
    result = wrk.result()
    cleat.stop()
    print(f"{times} kills of a supervised worker process: {result['requests']} requests, refused {result['refused']}, lost {result['lost']} "
          f"(at most {CONNECTIONS} in flight at each), timeouts {result['timeouts']}, not 2xx {result['not_2xx']}")
    return result["refused"] == 0 and result["lost"] <= times * CONNECTIONS and result["requests"] > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--kills", type=int, default=3)
    asked = parser.parse_args()
    program = asked.build.resolve() / "bin/cleat"
    good = reloads_and_restarts(program, asked.reloads, asked.restarts)
    good = kills(program, asked.kills) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
