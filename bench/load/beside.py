"""Cleat beside its peers: the same origin, load, core and certificate, the same work. `bench/load/run` starts this.

All of a round's proxies are started together, and each is stopped (SIGSTOP) until it is its turn. A round goes through the cases, a case through
the proxies, in another order each round. What is compared is the CPU time of all threads of a proxy for each request it served, which does not
depend on which core was the bottleneck. Answers are checked before and after each measurement: a wrong one is told of, is in no figure, and the
exit code is then 1."""

import argparse
import time

import results
import syscalls
import targets
import tools
from cases import CASES, Load, WrongAnswer, check
from measure import calmest, kib_each
from peers import Place, all_peers
from program import NotStarted, Program, free_port

ROUNDS, SECONDS = 9, 3
IDLE, WARM, IDLE_ROUNDS = 5_000, 100, 3
LAST = ("start", "memory", "syscalls")
ON_LISTENER = {"h1": "get", "h2c": "h2c", "tls": "tls"}  # the plain case of each
IDLE_KINDS = {"idle": ("plain", "h1", "KiB an idle connection, 5,000 that have asked once"), "idle tls": ("tls", "tls", "the same over TLS 1.3"),
              "idle h2": ("h2", "h2c", "the same over HTTP/2, no TLS")}
UNITS = {**{case: f"µs of CPU a {'MB' if case == 'large' else 'request'}: {what}" for case, (_, what) in CASES.items() if case != "rate"},
         "p50": f"µs: {CASES['rate'][1]}", "p99": "µs: the same", **{measure: what for measure, (_, _, what) in IDLE_KINDS.items()},
         "start": "ms from exec to the first answer", "syscalls": "system calls a request of get"}


class Bench:
    def __init__(self, asked, names, found):
        program, self.tools, self.run = tools.ready(asked)
        commands = {name: command for name in ("nginx", "haproxy", "envoy") if (command := tools.command_of(getattr(asked, name), name))}
        known = all_peers(program, self.tools, commands)
        missing = [name for name in names or [] if name not in known]
        if missing:
            raise SystemExit(f"not known or not installed: {', '.join(missing)}; there are {', '.join(known)}")
        self.peers = {name: known[name] for name in names or known}
        self.asked, self.found = asked, found
        self.files = tools.certificate(self.run)
        self.load = Load(self.run, self.tools, tools.LOAD_CORE)
        port = free_port()
        self.origin = Program("origin", [self.tools / "origin", port], self.run / "origin", port, tools.LOAD_CORE)

    def start(self, name, round_):
        place = Place(self.run / f"{name.replace('+', '_')}-{round_}", {each: free_port() for each in ("h1", "h2c", "tls", "own")}, self.origin.port, **self.files)
        place.folder.mkdir(exist_ok=True)
        command, files = self.peers[name].start(place)
        program = Program(name, command, place.folder, place.ports["h1"], tools.PROXY_CORE, files)
        program.ports = place.ports
        return program

    def measure(self, round_, case, one):
        """Checked, measured, checked."""
        port, adds = one.ports[CASES[case][0]], self.peers[one.name].adds
        one.go_on()
        try:
            check(case, port, adds)
            row = calmest([one], self.origin, lambda: self.load.drive(case, port, self.asked.seconds), self.asked.tries)
            check(case, port, adds)
        except WrongAnswer as wrong:
            self.found.refuse(round_, case, one.name, wrong)
            return
        finally:
            one.pause()
        if case == "rate":
            for measure in ("p50", "p99"):
                self.found.add(round_, measure, one.name, row[f"{measure}_us"], **row)
        else:
            self.found.add(round_, case, one.name, row["cpu_us"] / (0.065536 if case == "large" else 1), **row)

    def warm(self, one, cases):
        """Each listener that will be used, for a second."""
        for listener in {CASES[case][0] for case in cases if case in self.peers[one.name].cases}:
            self.load.drive(ON_LISTENER[listener], one.ports[listener], 1)

    def round(self, round_, cases):
        alive = []
        try:
            for name, peer in self.peers.items():
                if not any(case in peer.cases for case in (*cases, *(["start"] if "start" in self.asked.cases else []))):
                    continue
                try:
                    one = self.start(name, round_)
                    alive.append(one)
                    if "start" in self.asked.cases and "start" in peer.cases:
                        self.found.add(round_, "start", name, one.start_ms)
                    self.warm(one, cases)
                    one.pause()
                except (NotStarted, WrongAnswer) as why:
                    self.found.refuse(round_, "start", name, why)
            turn = round_ % max(len(alive), 1)
            order = alive[turn:] + alive[:turn]
            for case in cases:
                for one in order if round_ % 2 == 0 else reversed(order):
                    if case in self.peers[one.name].cases:
                        self.measure(round_, case, one)
        finally:
            for one in alive:
                one.stop()

    def memory(self, round_):
        """Of a process of its own each, which has served so many before."""
        for name, peer in self.peers.items():
            for measure, (kind, listener, _) in IDLE_KINDS.items():
                if not {"memory", ON_LISTENER[listener]} <= set(peer.cases):
                    continue
                one = self.start(name, f"{round_}-{kind}")
                try:
                    self.found.add(round_, measure, name, kib_each(one, kind, one.ports[listener], WARM, IDLE, tools.LOAD_CORE))
                except RuntimeError as why:
                    self.found.refuse(round_, measure, name, why)
                finally:
                    one.stop()

    def syscalls(self, round_):
        for name, peer in self.peers.items():
            if "syscalls" in peer.cases:
                one = self.start(name, f"{round_}-syscalls")
                self.load.drive("get", one.port, 1)
                each = syscalls.count(one, lambda: self.load.drive("get", one.port, 2))
                self.found.add(round_, "syscalls", name, each.pop("all"), names=each)
                one.stop()


def rows(found):
    for measure in found.measures():
        for peer in found.peers(measure):
            median = lambda key, digits: results.shown(found.median(measure, peer, key), digits)  # noqa: E731, B023
            ratios = [results.ratio(found.paired(measure, peer, other)) if other != peer else "" for other in ("nginx", "haproxy", "null", "bare")]
            spread = results.spread(found.values(measure, peer).values())
            yield [measure, peer, median("value", 2 if measure.startswith("idle") else 1), f"±{100 * spread:.0f} %", *ratios,
                   median("user_us", 1), median("per_second", 0), median("proxy_core", 2), median("load_core", 2)]


def report(bench, found):
    asked = bench.asked
    versions = [f"{name}: {tools.first_line(*peer.version)}" for name, peer in bench.peers.items() if peer.version and "+" not in name and name not in ("five", "twenty", "header")]
    versions += [tools.first_line("wrk", "-v").split(" Copyright")[0], tools.first_line("h2load", "--version"), tools.first_line("openssl", "version")]
    noisy = sum(row.get("foreign", 0) > 0.1 for row in found.rows)
    calls = [[peer, results.shown(found.median("syscalls", peer)), ", ".join(f"{name} {each:.2f}" for name, each in next(
        row for row in found.rows if row["measure"] == "syscalls" and row["peer"] == peer)["names"].items())] for peer in found.peers("syscalls")]
    return [
        f"# Beside peers, {time.strftime('%Y-%m-%d')}, commit {tools.commit()}",
        f"Machine: {tools.machine()}. Versions: {'; '.join(versions)}.",
        f"Method: `bench/load/run`. One worker or thread each, on core {tools.PROXY_CORE}; origin (128 bytes, 64 KiB, echo) and load (wrk, h2load, our own open-loop client) "
        f"on core {tools.LOAD_CORE}; loopback. {asked.rounds} interleaved rounds of {asked.seconds} s, each of processes started afresh, in changing order; each measurement the "
        f"calmest of up to {asked.tries} tries, {noisy} of {len(found.rows)} with more than 0.1 cores busy elsewhere. CPU is that of all the proxy's threads. Figures are medians, "
        "spread is half the range over the median; **ratios are medians of each round's own ratios**, their intervals those of the median at 95 %. Answers are checked before and after. "
        "Limits and timeouts of Cleat are its defaults, as are the fields it adds (Via, X-Forwarded-For, X-Forwarded-Proto, X-Request-Id, of which the peers add none).",
        "`null` moves bytes and reads nothing. `bare`: Cleat without plugins. `five`: access_log (to /dev/null), prometheus, header_rewrite (a field each way), retry, api_key. "
        "`twenty`: twenty instances that have every hook and do nothing; `twenty+bodies`: they see each piece of both bodies as well. `header`: a plugin in C that adds a field "
        "each way; `nginx+header` and `haproxy+header` do the same by configuration.",
        "## Targets", targets.table(found),
        "## All", "\n".join(f"- {measure}: {UNITS[measure]}" for measure in found.measures()),
        results.table(["case", "peer", "median", "spread", "÷ nginx", "÷ haproxy", "÷ null", "÷ bare", "of it user, µs", "requests/s", "proxy core", "load core"], rows(found)),
        "## System calls" if calls else "", f"A request of get, by {syscalls.tool()}." if calls else "", results.table(["peer", "all", "which"], calls) if calls else "",
        "## Wrong answers, and what did not start" if found.wrong else "", "\n".join(f"- {each}" for each in found.wrong)]


def main():
    parser = argparse.ArgumentParser(prog="bench/load/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tools.add_options(parser)
    parser.set_defaults(rounds=ROUNDS, seconds=SECONDS)
    parser.add_argument("--cases", default=",".join((*CASES, *LAST)), help="default: %(default)s")
    parser.add_argument("--peers", help="names; default: all that are found (null, nginx, haproxy, envoy, theirs +header, and Cleat's bare, five, twenty, twenty+bodies, header)")
    for name in ("nginx", "haproxy", "envoy"):
        parser.add_argument(f"--{name}", metavar="COMMAND", help=f"the {name} to measure, with words before its own arguments if need be; also $CLEAT_BENCH_{name.upper()}")
    asked = parser.parse_args()
    asked.cases = asked.cases.split(",")
    unknown = [case for case in asked.cases if case not in (*CASES, *LAST)]
    if unknown or asked.rounds < 1 or asked.seconds < 1:
        parser.error(f"no such case: {', '.join(unknown)}" if unknown else "--rounds and --seconds are at least 1")
    found = results.Results(results.raw_of(asked, ""))
    bench = Bench(asked, asked.peers and asked.peers.split(","), found)
    try:
        for round_ in range(asked.rounds):
            tools.say(f"round {round_ + 1} of {asked.rounds}")
            bench.round(round_, [case for case in asked.cases if case in CASES])
            if "memory" in asked.cases and round_ < IDLE_ROUNDS:
                bench.memory(round_)
            if "syscalls" in asked.cases and round_ == 0:
                bench.syscalls(round_)
    finally:
        bench.origin.stop()
    results.write(asked, "", report(bench, found))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
