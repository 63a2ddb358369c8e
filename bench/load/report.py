"""The results file of bench/load/run: how it was measured, the targets, every figure."""

import statistics
import time

import results
import syscalls
import targets
import tools
from cases import CASES
from measure import FOREIGN_MAX

IDLE_KINDS = {"idle": ("plain", "h1", "KiB an idle connection, 5,000 that have asked once"), "idle tls": ("tls", "tls", "the same over TLS 1.3"),
              "idle h2": ("h2", "h2c", "the same over HTTP/2, no TLS")}
UNITS = {**{case: f"µs of CPU a {'MB' if case == 'large' else 'request'}: {what}" for case, (_, what) in CASES.items() if case != "rate"},
         "p50": f"µs: {CASES['rate'][1]}", "p99": "µs: the same", **{measure: what for measure, (_, _, what) in IDLE_KINDS.items()},
         "start": "ms from exec to the first answer", "syscalls": "system calls a request of get"}


def measures(found):
    return [measure for measure in UNITS if found.peers(measure)]


def rows(found):
    for measure in measures(found):
        for peer in found.peers(measure):
            median = lambda key, digits: results.shown(found.median(measure, peer, key), digits)  # noqa: E731, B023
            ratios = [results.ratio(found.paired(measure, peer, other)) if other != peer else "" for other in ("nginx", "haproxy", "null", "bare")]
            spread = results.spread(found.values(measure, peer).values())
            yield [measure, peer, median("value", 2 if measure.startswith("idle") else 1), f"±{100 * spread:.0f} %", *ratios,
                   median("user_us", 1), median("per_second", 0), median("proxy_core", 2), median("load_core", 2)]


def method(asked, found):
    noisy = sum(row.get("foreign", 0) > FOREIGN_MAX for row in found.rows)
    return (f"Method: `bench/load/run`. One worker or thread each, on core {tools.PROXY_CORE}; origin (128 bytes, 64 KiB, echo) and load (wrk, h2load, our own "
            f"open-loop client) on core {tools.LOAD_CORE}; loopback. {asked.rounds} interleaved rounds of {asked.seconds} s, of processes started afresh, in changing "
            f"order; each measurement the calmest of up to {asked.tries}, {noisy} of {len(found.rows)} with more than {FOREIGN_MAX} cores busy elsewhere. CPU is that of "
            "all the proxy's threads. Figures are medians, spread is half the range over the median; **ratios are medians of each round's own ratios**, their intervals "
            "those of the median at 95 % (of fewer than six rounds: the range). Answers are checked before and after. Limits and timeouts of Cleat are its defaults, as "
            "are the fields it adds (Via, X-Forwarded-For, X-Forwarded-Proto, X-Request-Id, of which the peers add none).")


WHO = """`null` moves bytes and reads nothing. `bare`: Cleat without plugins. `five`: access_log (to /dev/null), prometheus, header_rewrite (a field each way),
retry, api_key. `twenty`: twenty instances that have every hook and do nothing; `twenty+bodies`: they see each piece of both bodies as well. `header`: a plugin in C that
adds a field each way; `nginx+header` and `haproxy+header` do the same by configuration."""


def field_each_way(found):
    """What it costs more, by the rounds' own differences."""
    lines = []
    for with_it, without in (("header", "bare"), ("nginx+header", "nginx"), ("haproxy+header", "haproxy")):
        more = found.paired("get", with_it, without, lambda one, other: one - other)
        if more:
            lines.append([f"{with_it} − {without}", f"{statistics.median(more):.2f}", "{:.2f} to {:.2f}".format(*results.interval(more))])
    return ["## A field each way", results.table(["get", "µs a request", "95 % interval"], lines)] if lines else []


def system_calls(found):
    peers = found.peers("syscalls")
    if not peers:
        return []
    names = {row["peer"]: row["names"] for row in found.rows if row["measure"] == "syscalls"}
    which = {peer: ", ".join(f"{name} {each:.2f}" for name, each in names[peer].items()) for peer in peers}
    return ["## System calls", f"For a request of get, by {syscalls.tool()}.",
            results.table(["peer", "all", "which"], [[peer, results.shown(found.median("syscalls", peer)), which[peer]] for peer in peers])]


def report(asked, peers, found):
    """`peers`: those that were asked for, by name."""
    versions = [f"{name}: {tools.first_line(*peer.version).partition(' - http')[0]}" for name, peer in peers.items() if peer.version and name in ("nginx", "haproxy", "envoy", "bare")]
    versions += [tools.first_line("wrk", "-v").split(" Copyright")[0], tools.first_line("h2load", "--version"), tools.first_line("openssl", "version")]
    heads = ["case", "peer", "median", "spread", "÷ nginx", "÷ haproxy", "÷ null", "÷ bare", "of it user, µs", "requests/s", "proxy core", "load core"]
    return [f"# Beside peers, {time.strftime('%Y-%m-%d')}, commit {tools.commit()}", f"Machine: {tools.machine()}. Versions: {'; '.join(versions)}.",
            method(asked, found), WHO, "## Targets", targets.table(found), "## All", "\n".join(f"- {measure}: {UNITS[measure]}" for measure in measures(found)),
            results.table(heads, rows(found)),
            *field_each_way(found), *system_calls(found), *results.about_wrong(found)]
