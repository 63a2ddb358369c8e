"""Telling the `source` plugin of tests/hostile/plugins what to do, and configurations that have it as `s` (and others)."""

import json
import re
import threading
import time

import wire
from proxy import BUILD, listener


def configuration(*instances, listeners=(), clusters=(), **others):
    """The instances, `s` unless others are named, each steered through a route of its name on the listener `steer`."""
    instances = instances or ({"name": "s"},)
    routes = [{"match": {"headers": [{"name": "x-source", "exact": one["name"]}]}, "handler": one["name"]} for one in instances]
    return {"workers": 2, "log_level": "debug", "plugin_path": [str(BUILD / "hostile_plugins")],
            "plugins": [{"use": "source", **one} for one in instances],
            "listeners": [listener(routes, name="steer"), *listeners], "clusters": list(clusters), **others}


class Source:
    """One instance of the plugin, in a running proxy."""

    def __init__(self, proxy, name="s"):
        self.proxy, self.name = proxy, name

    def ask(self, method, target, body=b""):
        with self.proxy.client("steer") as client:
            head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nX-Source: {self.name}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.send(head.encode() + body)
            answer = client.response()
            return answer.status, answer.body.decode()

    def commit(self, *changes, replace=False):
        """Each change is (kind, name, document), the document a dict, a text, or None to remove it."""
        lines = []
        for kind, name, document in changes:
            lines.append(f"> {'remove' if document is None else 'stage'} {kind} {name}\n")
            if document is not None:
                lines.append((document if isinstance(document, str) else json.dumps(document)) + "\n")
        return self.ask("POST", "/replace" if replace else "/commit", "".join(lines).encode())

    def accepted(self, *changes, **options):
        """Commits, and the version it got."""
        status, text = self.commit(*changes, **options)
        assert status == 200 and text.startswith("version "), (status, text)
        return int(text.split()[1])

    def refused(self, *changes, **options):
        """Commits, and the reasons."""
        status, text = self.commit(*changes, **options)
        assert status == 409 and text.startswith("status -2 "), (status, text)
        return text[len("status -2 "):]

    def endpoints(self, cluster, *endpoints):
        """Each is an address or (address, weight, healthy). The status of the call."""
        lines = []
        for one in endpoints:
            address, weight, healthy = one if isinstance(one, tuple) else (one, 1, True)
            lines.append(f"{address} {weight} {'healthy' if healthy else 'unhealthy'}\n")
        status, text = self.ask("POST", f"/endpoints/{cluster}", "".join(lines).encode())
        assert status == 200, (status, text)
        return int(text.split()[1])

    def version(self):
        return int(self.ask("GET", "/version")[1])

    def watches(self):
        return [one for one in self.ask("GET", "/watches")[1].strip().split(", ") if one]


def port_of(proxy, name):
    """Of a listener that came with a later generation."""
    line = proxy.wait_for_line(rf"listening on \S+:\d+ \(listener {name}\)")
    return int(re.search(r":(\d+) \(listener", line)[1])


def get(port, target="/"):
    with wire.Client(port) as client:
        answer = client.get(target)
        return answer.status, answer.body


def eventually(condition, what):
    end = time.monotonic() + wire.DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"not within {wire.DEADLINE_S} s: {what}"
        time.sleep(0.01)


def together(*calls):
    """Runs them at the same time; their results."""
    results = [None] * len(calls)

    def run(i):
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
