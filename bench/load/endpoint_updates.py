#!/usr/bin/env python3
"""What updates of endpoints cost those who are served: 100,000 lists through cleat.config_source/1 beside wrk, which measures with and without them.

    bench/load/endpoint_updates.py BUILD [--updates 100000] [--seconds 20]      BUILD: a build folder with the tests' plugin `source`
                                                                                (target hostile_plugins_source)

Lists of 1 to 20 endpoints, of which one answers and the others are unhealthy, so that each list is another one. The rounds of wrk alternate: without, with, without."""

import argparse
import json
import pathlib
import socket
import sys
import tempfile
import threading
import time

import rig


class Updates(threading.Thread):
    """Posts lists as evenly as it can until told to stop, on one connection."""

    def __init__(self, port, answering, rate):
        super().__init__(daemon=True)
        self.port, self.answering, self.rate, self.sent, self.over, self.refused = port, answering, rate, 0, False, None

    def run(self):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            start = time.monotonic()
            while not self.over:
                others = "".join(f"127.0.0.2:{10_000 + (self.sent + i) % 40_000} 1 unhealthy\n" for i in range(self.sent % 20))
                body = f"{self.answering} 1 healthy\n{others}".encode()
                connection.sendall(b"POST /endpoints/app HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                answer = b""
                while not answer.endswith(b"0\r\n\r\n"):  # it is chunked
                    answer += connection.recv(65536)
                if b"status 0" not in answer:
                    self.refused = answer
                    return
                self.sent += 1
                ahead = self.sent / self.rate - (time.monotonic() - start)
                if ahead > 0.001:
                    time.sleep(ahead)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=20)
    asked = parser.parse_args()
    build = asked.build.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-updates-"))
    port, origin, control = rig.free_port(), rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder)
    config["plugin_path"] = [str(build / "hostile_plugins")]
    config["plugins"].append({"name": "source", "use": "source"})
    config["listeners"].append({"name": "control", "address": f"127.0.0.1:{control}", "routes": [{"match": {"prefix": "/"}, "handler": "source"}]})
    config["clusters"] = [{"name": "app", "discovery": {"use": "source"}, "endpoints": [f"127.0.0.1:{origin}"]}]
    cleat = rig.Cleat(build / "bin/cleat", config, folder=folder)
    before = rig.memory_kib(cleat.pid)
    rows, sent = [], 0
    for updates in (False, True, False):
        updating = Updates(control, f"127.0.0.1:{origin}", asked.updates / asked.seconds)
        wrk = rig.Wrk(port, asked.seconds, connections=16)
        if updates:
            updating.start()
        result = wrk.result()
        updating.over = True
        sent += updating.sent
        if updating.refused:
            raise SystemExit(f"an update was refused: {updating.refused}")
        rows.append(result)
        print(f"{'with' if updates else 'without'} updates: {json.dumps(result)}" + (f", {updating.sent} lists" if updates else ""), flush=True)
    after = rig.memory_kib(cleat.pid)
    without = (rows[0]["p99"] + rows[2]["p99"]) / 2
    print(f"{sent} lists: p99 {without:.2f} ms without, {rows[1]['p99']:.2f} ms with; resident {before} KiB before, {after} KiB after")
    cleat.stop()
    failed = sum(row["refused"] + row["lost"] + row["not_2xx"] for row in rows)
    sys.exit(0 if sent > 0 and failed == 0 else 1)


if __name__ == "__main__":
    main()
