"""What is aimed at beside peers: each target is a row of the results file, met or not."""

import statistics

import results


def better(found, measure):
    """Of nginx and HAProxy, the one that costs less."""
    there = [peer for peer in ("nginx", "haproxy") if found.median(measure, peer) is not None]
    return min(there, key=lambda peer: found.median(measure, peer), default="nginx")


def times(measure, peer, reference):
    return lambda found: found.paired(measure, peer, reference)


def times_better(measure, peer):
    return lambda found: found.paired(measure, peer, better(found, measure))


def more(measure, peer, reference):
    return lambda found: found.paired(measure, peer, reference, lambda one, other: one - other)


def itself(measure, peer):
    return lambda found: list(found.values(measure, peer).values())


# What, the numbers of the rounds, at most.
TARGETS = [
    ("get, bare ÷ the better of nginx and HAProxy", times_better("get", "bare"), 0.80),
    ("get, bare ÷ null", times("get", "bare", "null"), 1.12),
    ("get, five ÷ the better of nginx and HAProxy, both bare", times_better("get", "five"), 0.95),
    ("get, twenty ÷ bare", times("get", "twenty", "bare"), 1.03),
    ("get, a field each way: header − bare, µs", more("get", "header", "bare"), 0.3),
    ("typical, bare ÷ HAProxy", times("typical", "bare", "haproxy"), 0.80),
    ("large, bare ÷ nginx", times("large", "bare", "nginx"), 0.65),
    ("post, bare ÷ nginx", times("post", "bare", "nginx"), 0.75),
    ("close, bare ÷ nginx", times("close", "bare", "nginx"), 0.95),
    ("h2c, bare ÷ HAProxy", times("h2c", "bare", "haproxy"), 0.90),
    ("tls, bare ÷ nginx", times("tls", "bare", "nginx"), 0.85),
    ("p99 at 2,000 requests/s, bare ÷ nginx", times("p99", "bare", "nginx"), 1.00),
    ("KiB an idle connection, bare", itself("idle", "bare"), 0.8),
    ("KiB an idle connection over TLS, bare", itself("idle tls", "bare"), 6.0),
    ("start to the first answer, five, ms", itself("start", "five"), 30.0),
]


def table(found):
    rows = []
    for what, numbers, most in TARGETS:
        values = numbers(found)
        if not values:
            rows.append([what, "not measured", "", f"≤ {most:g}", ""])
            continue
        middle, (low, high) = statistics.median(values), results.interval(values)
        met = "yes" if middle <= most else "**no**"
        rows.append([what, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"≤ {most:g}", met + (", unsure" if low <= most < high else "")])
    return results.table(["target", "measured", "95 % interval", "wanted", "met"], rows)
