"""Cleat beside its peers: the same origin, load, core and certificate, the same work. `bench/load/run` starts this.

All of a round's proxies are started together, and each is stopped (SIGSTOP) until it is its turn. A round goes through the cases, a case through
the proxies, in another order each round. What is compared is the CPU time of all threads of a proxy for each request it served, which does not
depend on which core was the bottleneck. Answers are checked before and after each measurement: a wrong one is told of, is in no figure, and the
exit code is then 1."""

import argparse
import contextlib

import results
import syscalls
import tools
from cases import CASES, Load, WrongAnswer, check
from measure import calmest, kib_each
from peers import Place, all_peers
from program import NotStarted, Program, free_port
from report import IDLE_KINDS, report

ROUNDS, SECONDS = 9, 3
IDLE, IDLE_ROUNDS = 5_000, 3
LAST = ("start", "memory", "syscalls")
ON_LISTENER = {"h1": "get", "h2c": "h2c", "tls": "tls"}  # the plain case of each


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
        except (WrongAnswer, OSError) as why:  # OSError: the process is gone
            self.found.refuse(round_, case, one.name, why)
            return
        finally:
            one.pause()
        if case == "rate":
            for measure in ("p50", "p99"):
                self.found.add(round_, measure, one.name, row[f"{measure}_us"], **row)
        else:
            self.found.add(round_, case, one.name, row["cpu_us"] / (0.065536 if case == "large" else 1), **row)

    def warm(self, one, round_, cases):
        """Each listener that will be used, for a second; then it waits for its turn."""
        try:
            for listener in {CASES[case][0] for case in cases if case in self.peers[one.name].cases}:
                self.load.drive(ON_LISTENER[listener], one.ports[listener], 1)
        except WrongAnswer as why:
            self.found.refuse(round_, "warming up", one.name, why)
        one.pause()

    def round(self, round_, cases):
        alive = []
        try:
            for name, peer in self.peers.items():
                if not any(case in peer.cases for case in (*cases, *(["start"] if "start" in self.asked.cases else []))):
                    continue
                try:
                    alive.append(self.start(name, round_))
                except NotStarted as why:
                    self.found.refuse(round_, "start", name, why)
                    continue
                if "start" in self.asked.cases and "start" in peer.cases:
                    self.found.add(round_, "start", name, alive[-1].start_ms)
                self.warm(alive[-1], round_, cases)
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
                with self.fresh(round_, measure, name) as one:
                    self.found.add(round_, measure, name, kib_each(one, kind, one.ports[listener], IDLE, tools.LOAD_CORE))

    def syscalls(self, round_):
        for name, peer in self.peers.items():
            if "syscalls" in peer.cases:
                with self.fresh(round_, "syscalls", name) as one:
                    self.load.drive("get", one.port, 1)
                    each = syscalls.count(one, lambda: self.load.drive("get", one.port, 2))  # noqa: B023
                    self.found.add(round_, "syscalls", name, each.pop("all"), names=each)

    @contextlib.contextmanager
    def fresh(self, round_, measure, name):
        """A process for the time of a with block; what goes wrong there is told of."""
        one = None
        try:
            one = self.start(name, f"{round_}-{measure.replace(' ', '_')}")
            yield one
        except (WrongAnswer, RuntimeError, OSError) as why:
            self.found.refuse(round_, measure, name, why)
        finally:
            if one is not None:
                one.stop()


def main():
    parser = argparse.ArgumentParser(prog="bench/load/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tools.add_options(parser, ROUNDS, SECONDS)
    parser.add_argument("--cases", default=",".join((*CASES, *LAST)), help="default: %(default)s")
    parser.add_argument("--peers", help="names; default: all that are found (null, nginx, haproxy, envoy, "
                        "theirs +header, and Cleat's bare, five, twenty, twenty+bodies, header)")
    for name in ("nginx", "haproxy", "envoy"):
        parser.add_argument(f"--{name}", metavar="COMMAND",
                            help=f"the {name} to measure, with words before its own arguments if need be; also $CLEAT_BENCH_{name.upper()}")
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
    results.write(asked, "", report(asked, bench.peers, found))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
