#!/usr/bin/env python3
"""Mixed traffic with a reload every second, for as long as asked: does anything grow?

    bench/load/soak.py BUILD [--minutes 20]      BUILD: a build folder, such as build/release

Small and large answers, chunked ones, delays, uploads and connections that close after each request; every reload replaces
one plugin instance. Samples memory, descriptors and retired generations; prints a line a minute and the slope of the memory after
the first quarter (least squares). Exits 1 if descriptors or retired generations grow, or a request that should not have failed did."""

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time
import urllib.request

import rig

# Path, connections.
MIX = [("/", 8), ("/bytes/65536", 4), ("/chunked/200000", 4), ("/delay/20ms", 8), ("/bytes/3000000", 2), ("/trailers", 4)]
UPLOAD = """
wrk.method = "POST"
wrk.body = string.rep("0123456789abcdef", 4096)
wrk.path = "/echo"
"""
CLOSE = """
wrk.headers["Connection"] = "close"
"""


def slope(points):
    """Units of y for each of x."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / below if below else 0.0


def generations(admin_port):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/server", timeout=rig.WAIT_S) as answer:
        return json.load(answer)["generations_retired"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=20)
    asked = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-soak-"))
    port, origin, admin = rig.free_port(), rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder, workers=2)
    config["plugins"].append({"name": "admin", "use": "admin"})
    config["plugins"][0]["config"]["path"] = "/dev/null"
    config["listeners"].append({"name": "admin", "address": f"127.0.0.1:{admin}", "routes": [{"match": {"prefix": "/"}, "handler": "admin"}]})
    cleat = rig.Cleat(asked.build.resolve() / "bin/cleat", config, folder=folder)
    seconds = int(asked.minutes * 60)
    loads = [rig.Wrk(port, seconds, connections, path=path) for path, connections in MIX]
    for name, text in (("upload", UPLOAD), ("close", CLOSE)):
        script = folder / f"{name}.lua"
        script.write_text(text)
        loads.append(rig.Wrk(port, seconds, 4, script=script))
    memory, files, retired, reloads = [], [], [], 0
    start = next_line = time.monotonic()
    while any(load.running() for load in loads):
        reloads += 1
        config["plugins"][2]["config"]["response"]["set"]["x-load"] = str(reloads)
        cleat.write(config)
        cleat.signal(signal.SIGHUP)
        cleat.wait_for(r" is in force", reloads)
        now = time.monotonic()
        memory.append((now - start, rig.memory_kib(cleat.pid)))
        files.append((now - start, rig.descriptors(cleat.pid)))
        retired.append((now - start, generations(admin)))
        if now >= next_line:
            next_line = now + 60
            print(f"{now - start:6.0f} s: {memory[-1][1]} KiB, {files[-1][1]} descriptors, {retired[-1][1]} generations retired and in use, {reloads} reloads", flush=True)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - now)))
    results = [load.result() for load in loads]
    cleat.stop()
    later = [point for point in memory if point[0] > seconds / 4]
    half = seconds / 2
    most = lambda points, late: max((y for x, y in points if (x > half) == late), default=0)  # noqa: E731
    total = {key: sum(result[key] for result in results) for key in ("requests", "refused", "lost", "timeouts", "not_2xx")}
    print(f"{asked.minutes:g} min, {reloads} reloads, {total['requests']} requests: refused {total['refused']}, lost {total['lost']}, "
          f"timeouts {total['timeouts']}, not 2xx {total['not_2xx']}")
    print(f"memory: {later[0][1]} to {later[-1][1]} KiB, slope {slope(later) * 60:+.1f} KiB a minute; descriptors at most {most(files, False)} in the first half, "
          f"{most(files, True)} in the second; retired generations at most {most(retired, False)}, {most(retired, True)}")
    good = total["requests"] > 0 and total["refused"] + total["lost"] + total["not_2xx"] == 0
    good = good and most(retired, True) <= max(3, 2 * most(retired, False)) and most(files, True) <= 1.2 * most(files, False) + 8
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
