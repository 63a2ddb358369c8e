#!/usr/bin/env python3
"""Writes the JSON that the peer bench takes with --add: Cleat bare, and with the four plugins a sidecar would have.

    bench/load/cleat_peer.py BUILD > /tmp/cleat.json      BUILD: a build folder, such as build/release
    run.py --add /tmp/cleat.json --cases get,typical,large,post,close
"""
import hashlib
import json
import pathlib
import sys

build = pathlib.Path(sys.argv[1]).resolve()

BARE = """workers: 1
listeners:
  - name: front
    address: 127.0.0.1:@H1@
    routes:
      - {match: {prefix: /}, cluster: app}
clusters:
  - {name: app, endpoints: ["127.0.0.1:@UPSTREAM@"]}
"""

# A line to a file for each request, two heads changed, a key looked for (none is needed, so that every client can be used), retries armed.
FOUR = """workers: 1
plugins:
  - {name: log, use: access_log, config: {path: "@RUN@/access.log"}}
  - {name: heads, use: header_rewrite, config: {request: {set: {x-peer-request: "1"}}, response: {set: {x-peer-response: "1"}}}}
  - {name: keys, use: api_key, config: {keys: "@RUN@/keys.txt", optional: true}}
  - {name: again, use: retry}
listeners:
  - name: front
    address: 127.0.0.1:@H1@
    chain: [log, keys, heads, again]
    routes:
      - {match: {prefix: /}, cluster: app}
clusters:
  - {name: app, endpoints: ["127.0.0.1:@UPSTREAM@"]}
"""

KEYS = f"sha256:{hashlib.sha256(b'bench').hexdigest()} bench\n"
command = [str(build / "bin/cleat"), "run", "-c", "@RUN@/cleat.yaml"]
json.dump({
    "cleat": {"cmd": command, "files": {"cleat.yaml": BARE}, "env": {}, "listens": ["h1"]},
    "cleat+four": {"cmd": command, "files": {"cleat.yaml": FOUR, "keys.txt": KEYS}, "env": {}, "listens": ["h1"], "adds": True},
}, sys.stdout, indent=2)
