"""What a request and a connection cost when there is much else: routes and clusters, endpoints, idle connections, workers. `bench/load/scale` starts this.

A group is one question; its variants are measured one after another in each round, in changing order, as in bench/load/run (the same origin, load and
cores; CPU of all the proxy's threads for each request of `get`), and compared with the group's first variant within the round."""

import argparse
import json

import results
import tools
from cases import Load, WrongAnswer, check
from idle import Idle
from measure import calmest, kib_each
from peers import Place, nginx
from program import Program, free_port
from scale_report import report

ROUNDS, SECONDS = 7, 3
MEMORY_ROUNDS = 3
HEAVY, WEIGHT_MAX = 100, 65_535


class Variant:
    """Cleat with a configuration made from the default one, the path and host that are asked for, and how many idle connections there are."""

    def __init__(self, change=lambda config, origin: None, path="/", host=None, idle=0):
        self.change, self.path, self.host, self.idle = change, path, host, idle


def configuration(port, origin, files):
    """One listener, one route, one cluster, without any bound on connections but the system's, and timeouts longer than a round."""
    listener = {"name": "front", "address": f"127.0.0.1:{port}", "limits": {"connections": 200_000}, "timeouts": {"idle": "1h"},
                "routes": [{"match": {"prefix": "/"}, "cluster": "app"}]}
    tls = {**listener, "name": "tls", "address": f"127.0.0.1:{files['tls']}", "tls": {"certificate": str(files["certificate"]), "key": str(files["key"])}}
    return {"workers": 1, "listeners": [listener, tls], "clusters": [{"name": "app", "endpoints": [f"127.0.0.1:{origin}"], "connections_max": 20_000}]}


def routes(count, match):
    """As many clusters as routes; the last is asked for."""
    def change(config, origin):
        config["listeners"] = config["listeners"][:1]
        config["listeners"][0]["routes"] = [{"match": match(number), "cluster": f"app{number}"} for number in range(count)]
        config["clusters"] = [{"name": f"app{number}", "endpoints": [f"127.0.0.1:{origin}"]} for number in range(count)]
    return change


def endpoints(count, heavy=0):
    """All of them are the origin, by addresses of their own. The `heavy` first get all requests, since the others' turn comes after six million."""
    def change(config, origin):
        addresses = [f"127.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}:{origin}" for number in range(1, count + 1)]
        config["clusters"][0]["endpoints"] = [{"address": each, "weight": WEIGHT_MAX if number < heavy else 1} for number, each in enumerate(addresses)]
    return change


def groups():
    most = tools.many_descriptors() - tools.SPARE_DESCRIPTORS
    by_path = lambda count: Variant(routes(count, lambda number: {"prefix": f"/r{number}/"}), f"/r{count - 1}/x")  # noqa: E731
    by_host = lambda count: Variant(routes(count, lambda number: {"host": f"h{number}.example"}), "/", f"h{count - 1}.example")  # noqa: E731
    return {
        "routes and clusters, by prefix": {f"{count:,}": by_path(count) for count in (10, 1_000, 10_000)},
        "routes and clusters, by host": {f"{count:,}": by_host(count) for count in (10, 1_000, 10_000)},
        f"endpoints of a cluster, {HEAVY} of which get the requests": {f"{count:,}": Variant(endpoints(count, HEAVY)) for count in (200, 1_000, 100_000)},
        "endpoints of a cluster, in turn: a new connection for each request": {f"{count:,}": Variant(endpoints(count)) for count in (1_000, 100_000)},
        "idle connections": {f"{count:,}": Variant(idle=count) for count in sorted({10, min(20_000, most), min(100_000, most)})},
    }


class Scale:
    def __init__(self, asked, found):
        self.program, self.tools, self.run = tools.ready(asked)
        self.asked, self.found = asked, found
        self.files = tools.certificate(self.run)
        self.load = Load(self.run, self.tools, tools.LOAD_CORE)
        port = free_port()
        self.origin = Program("origin", [self.tools / "origin", port], self.run / "origin", port, tools.LOAD_CORE)

    def start(self, name, change=lambda config, origin: None, path="/", host="bench.example", cores=tools.PROXY_CORE):
        port, files = free_port(), {**self.files, "tls": free_port()}
        config = configuration(port, self.origin.port, files)
        change(config, self.origin.port)
        folder = self.run / str(port)
        one = Program(name, [self.program, "run", "-c", folder / "cleat.yaml"], folder, port, cores, {"cleat.yaml": json.dumps(config)}, path, host)
        one.tls = files["tls"]
        return one

    def round(self, round_, group, variants):
        alive = []
        try:
            for name, variant in variants.items():
                one = self.start(name, variant.change, variant.path, variant.host or "bench.example")
                alive.append((one, variant, Idle("plain", one.port, variant.idle, tools.LOAD_CORE) if variant.idle else None))
                self.drive(one, variant, 1)
                one.resident = one.resident_kib()
                one.pause()
            turn = round_ % len(alive)
            for one, variant, _ in alive[turn:] + alive[:turn]:
                one.go_on()
                row = calmest([one], self.origin, lambda: self.drive(one, variant, self.asked.seconds), self.asked.tries)  # noqa: B023
                self.found.add(round_, group, one.name, row["cpu_us"], **row, start_ms=one.start_ms, resident_kib=one.resident)
                one.pause()
            for one, variant, idle in alive:
                one.go_on()
                if idle and (there := idle.end()) != variant.idle:
                    raise WrongAnswer(f"{there} of {variant.idle} idle connections were still there")
        except (WrongAnswer, RuntimeError, OSError) as why:
            self.found.refuse(round_, group, "all", why)
        finally:
            for one, _, idle in alive:
                one.stop()
                if idle:
                    idle.stop()

    def drive(self, one, variant, seconds):
        row = self.load.wrk(f"http://127.0.0.1:{one.port}{variant.path}", seconds, *(["-H", f"Host: {variant.host}"] if variant.host else []))
        if row["bad"]:
            raise WrongAnswer(f"{one.name}: {row['bad']} of {row['requests']} requests failed")
        return row

    def workers(self, round_):
        """One and two workers, and nginx's, which share no memory: what two of them use more, on these cores and under this load, is the method's."""
        load = Load(self.run, self.tools, tools.LOAD_CORES_OF_TWO)
        url = lambda one: f"http://127.0.0.1:{one.port}/"  # noqa: E731
        makers = {f"{workers}": lambda workers=workers: self.start(f"{workers}", lambda config, _: config.update(workers=workers), cores=tools.CORES_OF_TWO)
                  for workers in (1, 2)}
        if program := tools.command_of(None, "nginx"):
            makers.update({f"nginx, {workers}": lambda workers=workers: self.start_nginx(program, workers) for workers in (1, 2)})
        for name, make in makers.items() if round_ % 2 == 0 else reversed(makers.items()):
            one = None
            try:
                one = make()
                check("get", one.port)
                load.wrk(url(one), 1, threads=2)
                row = calmest([one], self.origin, lambda: load.wrk(url(one), self.asked.seconds, threads=2), self.asked.tries)  # noqa: B023
                self.found.add(round_, "workers", name, row["cpu_us"], **row)
            except (WrongAnswer, RuntimeError, OSError) as why:
                self.found.refuse(round_, "workers", name, why)
            finally:
                if one is not None:
                    one.stop()

    def start_nginx(self, program, workers):
        place = Place(self.run / f"nginx-{workers}-{free_port()}", {each: free_port() for each in ("h1", "h2c", "tls")}, self.origin.port, **self.files)
        place.folder.mkdir()
        command, files = nginx(program, workers=workers).start(place)
        return Program(f"nginx, {workers}", command, place.folder, place.ports["h1"], tools.CORES_OF_TWO, files)

    def memory(self, round_):
        most = (tools.many_descriptors() - tools.SPARE_DESCRIPTORS) // 2
        for kind, count in (("plain", 5_000), ("tls", 5_000), ("h2", 5_000), ("waiting", min(5_000, most)), ("streams", min(5_000, most))):
            one = None
            try:
                one = self.start(kind)
                self.found.add(round_, "KiB each", kind, kib_each(one, kind, one.tls if kind == "tls" else one.port, count, tools.LOAD_CORE))
            except (RuntimeError, OSError) as why:
                self.found.refuse(round_, "KiB each", kind, why)
            finally:
                if one is not None:
                    one.stop()


def main():
    parser = argparse.ArgumentParser(prog="bench/load/scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tools.add_options(parser, ROUNDS, SECONDS)
    parser.add_argument("--groups", default="routes,endpoints,idle,workers,memory", help="those that begin so (default: %(default)s)")
    asked = parser.parse_args()
    wanted = tuple(asked.groups.split(","))
    if any(not any(group.startswith(each) for group in (*groups(), "workers", "memory")) for each in wanted) or asked.rounds < 1 or asked.seconds < 1:
        parser.error(f"--rounds and --seconds are at least 1, and the groups: {'; '.join((*groups(), 'workers', 'memory'))}")
    found = results.Results(results.raw_of(asked, "_scale"))
    scale = Scale(asked, found)
    try:
        for round_ in range(asked.rounds):
            tools.say(f"round {round_ + 1} of {asked.rounds}")
            for group, variants in groups().items():
                if group.startswith(wanted):
                    scale.round(round_, group, variants)
            if "workers" in wanted:
                scale.workers(round_)
            if "memory" in wanted and round_ < MEMORY_ROUNDS:
                scale.memory(round_)
    finally:
        scale.origin.stop()
    results.write(asked, "_scale", report(asked, found))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
