"""The results file of bench/load/scale: a table for each group, and what bounds it."""

import statistics
import time

import results
import tools
from measure import WARM

KINDS = {"plain": "idle connection, HTTP/1.1", "tls": "idle connection, HTTP/1.1 over TLS 1.3", "h2": "idle connection, HTTP/2",
         "waiting": "exchange of HTTP/1.1 that waits for its answer, with both its connections",
         "streams": "stream of HTTP/2 that waits for its answer, with its connection to the origin; 100 of a client's connection"}
HEADS = ["", "µs a request", "spread", "÷ the first", "95 % interval", "requests/s", "proxy cores", "start, ms", "resident, KiB"]


def spread(found, group, name):
    return f"±{100 * results.spread(found.values(group, name).values()):.0f} %"


def rows(found, group):
    first = found.peers(group)[0]
    for name in found.peers(group):
        ratios = found.paired(group, name, first)
        interval = "{:.2f} to {:.2f}".format(*results.interval(ratios)) if ratios else ""
        median = lambda key, digits=0: results.shown(found.median(group, name, key), digits)  # noqa: E731, B023
        yield [name, median("value", 2), spread(found, group, name), results.ratio(ratios), interval, median("per_second"), median("proxy_core", 2),
               median("start_ms"), median("resident_kib")]


def about_workers(found):
    """What the figures show, and what they cannot on this machine."""
    def times(two, one, key="value"):
        return statistics.median(found.paired("workers", two, one, key=key))

    there = set(found.peers("workers"))
    if not {"1", "2"} <= there:
        return ""
    more, faster = times("2", "1"), times("2", "1", "per_second")
    text = f"Two workers of Cleat use {more:.2f} times the CPU of one for a request: with a core for each they would serve {2 / more:.2f} times as many. "
    if {"nginx, 1", "nginx, 2"} <= there:
        text += f"nginx, whose workers share no memory, uses {times('nginx, 2', 'nginx, 1'):.2f} times as much under the same load. "
    if len(tools.CORES) < 4:
        return text + (f"This machine has {len(tools.CORES)} cores: proxy, origin and load all ran on both, so that requests/s ({faster:.2f} times as many with two "
                       "workers) are the machine's and not the proxy's, and cannot show how throughput scales.")
    return text + (f"Origin and load had cores {tools.LOAD_CORES_OF_TWO}: requests/s with two workers were {faster:.2f} times those with one, which are the proxy's "
                   "where its cores were busy.")


def report(asked, found):
    parts = [f"# Scale, {time.strftime('%Y-%m-%d')}, commit {tools.commit()}",
             f"Machine: {tools.machine()}. {tools.first_line(asked.build / 'bin/cleat', '--version')}.",
             f"Method: `bench/load/scale`. Cleat without plugins, one worker unless said otherwise, on core {tools.PROXY_CORE}; origin and wrk (64 connections, kept "
             f"alive, 128 bytes) on core {tools.LOAD_CORE}; {asked.rounds} rounds of {asked.seconds} s, variants of a group one after another in changing order, processes "
             "started afresh. Figures are medians of µs of CPU a request; ratios to a group's first line are medians of each round's own ratios, with the interval of the "
             "median at 95 % (of fewer than six rounds: the range). Start is from exec to the first answer, resident memory that after a second of load."]
    for group in (each for each in found.measures() if each != "KiB each"):
        parts += [f"## {group[0].upper()}{group[1:]}", results.table(HEADS, rows(found, group))]
        if group == "idle connections":
            parts.append(f"A process may have {tools.many_descriptors():,} descriptors here (its hard limit), {tools.SPARE_DESCRIPTORS} of which are kept for the load and "
                         "the pool: that bounds the last line.")
        if group == "workers":
            parts.append(about_workers(found))
    kinds = found.peers("KiB each")
    if kinds:
        parts += ["## Memory", f"Resident memory of the proxy for each of 5,000 more than {WARM}; the system's own for its sockets is not in it.",
                  results.table(["what", "KiB each", "spread"],
                                [[KINDS[kind], results.shown(found.median("KiB each", kind)), spread(found, "KiB each", kind)] for kind in kinds])]
    return parts + results.about_wrong(found)
