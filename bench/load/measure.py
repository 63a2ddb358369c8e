"""One measurement: load on a program for some seconds, the CPU time that it took for each request, and what else was busy meanwhile."""

import pathlib
import resource
import time

from idle import Idle
from program import TICK_S

WARM = 100  # connections that are there before memory is compared
FOREIGN_MAX = 0.1  # cores that others may have used; a noisier measurement is made again


def machine_busy_s():
    """Of all cores since the system started: user, nice, system, interrupts."""
    ticks = [int(each) for each in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * TICK_S


def children_s():
    """Of load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(programs, origin, drive):
    """`drive()` puts load on `programs` and says {"requests", "seconds", ...}; added to it is what they used. A core is 1 when it is busy all the time."""
    marks = lambda: (sum(one.cpu_s() for one in programs), machine_busy_s(), children_s(), origin.cpu_s())  # noqa: E731
    shares = lambda: [sum(each) for each in zip(*(one.user_share() for one in programs))]  # noqa: E731
    before, ticks_before = marks(), shares()
    row = drive()
    used, busy, load, origins = (after - earlier for after, earlier in zip(marks(), before))
    user, system = (after - earlier for after, earlier in zip(shares(), ticks_before))
    requests, seconds = max(row["requests"], 1), row["seconds"]
    row.update(cpu_us=1e6 * used / requests, user_us=1e6 * used / requests * user / max(user + system, 1), per_second=row["requests"] / seconds,
               proxy_core=used / seconds, load_core=(load + origins) / seconds, foreign=(busy - used - load - origins) / seconds)
    return row


def calmest(programs, origin, drive, tries):
    """The calmest of up to so many."""
    rows = []
    while len(rows) < tries and (not rows or rows[-1]["foreign"] > FOREIGN_MAX):
        rows.append(once(programs, origin, drive))
    return {**min(rows, key=lambda row: row["foreign"]), "tries": len(rows)}


def kib_each(one, kind, port, count, cores):
    """Resident memory for each of `count` more connections or streams of idle.py's `kind`, when WARM have been there before."""
    clients = []
    try:
        clients.append(Idle(kind, port, WARM, cores))
        time.sleep(0.5)
        before = one.resident_kib()
        clients.append(Idle(kind, port, count, cores))
        time.sleep(1)
        after = one.resident_kib()
        there = sum(client.end() for client in clients)
        if there != WARM + count:
            raise RuntimeError(f"{there} of {WARM + count} ({kind}) were still there")
        return (after - before) / count
    finally:
        for client in clients:
            client.stop()
