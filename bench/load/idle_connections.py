#!/usr/bin/env python3
"""What an idle connection costs: resident memory before and after so many clients have asked once and stay.

    bench/load/idle_connections.py BUILD [--connections 10000]      BUILD: a build folder, such as build/release

As many as the descriptors of both processes allow. Memory is the proxy's (VmRSS); the system's own, for its sockets, is not in it."""

import argparse
import pathlib
import resource
import socket
import sys
import tempfile
import time

import rig


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=10_000)
    asked = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(asked.connections, hard - 100)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-idle-"))
    port, origin = rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder)
    config["listeners"][0].update({"limits": {"connections": count + 10}, "timeouts": {"idle": "10m"}})
    cleat = rig.Cleat(asked.build.resolve() / "bin/cleat", config, folder=folder)
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

    def connect():
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(request)
        while not one.recv(65536):
            pass
        return one

    warm = [connect() for _ in range(100)]
    time.sleep(0.5)
    before = rig.memory_kib(cleat.pid)
    clients = [connect() for _ in range(count - len(warm))]
    time.sleep(1)
    after = rig.memory_kib(cleat.pid)
    clients[-1].sendall(request)  # they are still served
    served = clients[-1].recv(65536).startswith(b"HTTP/1.1 200")
    print(f"{count} idle connections: {before} KiB with {len(warm)}, {after} KiB with all, {(after - before) / len(clients):.2f} KiB each; served after: {served}")
    for one in clients + warm:
        one.close()
    cleat.stop()
    sys.exit(0 if served else 1)


if __name__ == "__main__":
    main()
