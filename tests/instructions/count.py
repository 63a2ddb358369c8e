#!/usr/bin/env python3
"""Counts the instructions that the worker of a release build executes for a proxied request, and compares them with expected.txt.

    tests/instructions/count.py [--build BUILD] [--write] [--keep FOLDER] [CASE ...]      BUILD: build/release

Each case runs twice under callgrind, with a few requests and with many: the difference is free of start and end. Requests come one by one on
one connection, so what is counted is the path of a request that meets an idle worker, without the batches there are under load. Other threads,
such as the access log's, are not counted: what they do depends on time. Limits and timeouts are at their defaults.

A count that is more than TOLERANCE away from the expected one, up or down, fails. --write writes the file anew, to be committed together with
what changed the counts, and the reason in the commit's message. --keep leaves callgrind's files there, for callgrind_annotate.

Exit codes: 0 as expected, 1 not, 77 this build or machine cannot be compared.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import certificates  # noqa: E402
import peers  # noqa: E402
import traffic  # noqa: E402

EXPECTED = HERE / "expected.txt"
TOLERANCE = 0.03
FEW, MANY = 128, 640  # multiples of 128: the kernel takes the time of one hook call in 128
COMPILER = "12.2."  # Debian 12's g++; another makes other code of the same source
PLAIN_COPIES = "glibc.cpu.hwcaps=-ERMS"  # callgrind counts every byte of a `rep movsb`: memcpy without it
SKIPPED = 77
START_S, STOP_S = 60.0, 60.0


def message(first_line, fields=(), body=b""):
    fields = [*fields, *([("content-length", len(body))] if body else [])]
    return "".join([first_line, "\r\n", *(f"{name}: {value}\r\n" for name, value in fields), "\r\n"]).encode() + body


def get(fields=()):
    return message("GET /api/items/42 HTTP/1.1", [("host", "a.example"), *fields])


POST = message("POST /api/items HTTP/1.1", [("host", "a.example"), ("content-type", "application/octet-stream")], b"p" * 16 * 1024)


class Case:
    def __init__(self, request=b"", answer=128, five=False, tls=False, http2=False):
        self.request, self.five, self.tls, self.http2 = request, five, tls, http2
        self.answer = message("HTTP/1.1 200 OK", [("content-type", "text/plain")], b"a" * answer)

    def configuration(self, origin, folder):
        listener = traffic.listener("127.0.0.1:0", five=self.five, folder=folder)
        if self.tls:
            listener["tls"] = certificates.Authority(folder).leaf("DNS:a.example").pair()
        return traffic.configuration([listener], origin.address)

    def ask(self, port, count):
        with peers.connect(port) as plain:
            if self.http2:
                pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/api/items/42")]
                peers.ask_http2(plain, pseudo, count)
            elif self.tls:
                with peers.over_tls(plain) as connection:
                    peers.ask_http1(connection, self.request, count)
            else:
                peers.ask_http1(plain, self.request, count)


CASES = {
    "get_bare": Case(get()),
    "get_five": Case(get(), five=True),
    "typical": Case(get(traffic.FIELDS)),
    "post_16k": Case(POST),
    "large_64k": Case(get(), answer=64 * 1024),
    "h2c": Case(http2=True),
    "tls": Case(get(), tls=True),
}


class Refused(Exception):
    """The build or the machine is not one whose counts can be compared."""


def check(build):
    cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE))
    if cache.get("CMAKE_BUILD_TYPE") != "RelWithDebInfo" or cache.get("CLEAT_LTO") != "ON" or cache.get("CLEAT_SANITIZE"):
        raise Refused(f"{build} is not a release build (cmake --preset release)")
    compiler = cache["CMAKE_CXX_COMPILER"]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    if not version.startswith(("g++", "c++")) or COMPILER not in version:
        raise Refused(f"the counts are those of g++ {COMPILER}x, and this build's compiler is {version!r}")
    if not shutil.which("valgrind"):
        raise Refused("no valgrind on this machine (tests/install installs it)")
    flags = re.search(r"^flags\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if not flags or not {"avx2", "aes", "pclmulqdq"} <= set(flags[1].split()):
        raise Refused("the C library and OpenSSL choose other code on a processor without AVX2, AES and PCLMULQDQ")


def run(build, case, count, folder):
    """Instructions by thread number of one run with so many requests."""
    folder.mkdir()
    origin = peers.Origin(case.answer)
    (folder / "cleat.yaml").write_text(json.dumps(case.configuration(origin, folder)))
    command = ["valgrind", "-q", "--vgdb=no", "--tool=callgrind", "--separate-threads=yes", "--dump-line=no", f"--callgrind-out-file={folder}/out",
               str(build / "bin/cleat"), "run", "-c", str(folder / "cleat.yaml")]
    log = folder / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output,
                                   env={**os.environ, "GLIBC_TUNABLES": PLAIN_COPIES})
    try:
        end = time.monotonic() + START_S
        while " kernel ready\n" not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"cleat did not start under valgrind:\n{log.read_text()}")
            time.sleep(0.02)
        port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())[1])
        case.ask(port, count)
        process.terminate()
        if process.wait(STOP_S) != 0:
            raise RuntimeError(f"cleat ended with {process.returncode}:\n{log.read_text()}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        origin.close()
    found = {}
    for out in folder.glob("out-*"):
        found[int(out.name[4:])] = int(re.search(r"^summary: (\d+)", out.read_text(), re.MULTILINE)[1])
    return found


def count_case(build, name, case, folder):
    few, many = (run(build, case, requests, folder / f"{name}-{requests}") for requests in (FEW, MANY))
    # The worker is the thread whose count grows most with the requests.
    return max(round((many[thread] - few.get(thread, 0)) / (MANY - FEW)) for thread in many)


def read_expected():
    lines = EXPECTED.read_text().splitlines() if EXPECTED.exists() else []
    return {name: int(count) for name, count in (line.split() for line in lines if line and not line.startswith("#"))}


def write_expected(counts):
    head = "# Instructions of the worker for one proxied request: count.py compares and writes them.\n"
    EXPECTED.write_text(head + "".join(f"{name:<10} {count}\n" for name, count in counts.items()))


def judge(name, count, expected):
    """What is wrong with the count, or nothing."""
    change = count / expected - 1
    print(f"{name:<10} {count:>8}  expected {expected:>8}  {change:+.1%}", flush=True)
    if abs(change) <= TOLERANCE:
        return None
    return (f"{name}: {count} instructions a request, {expected} expected: {abs(change):.1%} {'more' if change > 0 else 'fewer'}, and "
            f"{TOLERANCE:.0%} are tolerated. If that is meant, write expected.txt anew (tests/instructions/count.py --write) in the same commit, "
            f"and say why in its message.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("CLEAT_BUILD", HERE.parents[1] / "build/release")))
    parser.add_argument("--write", action="store_true", help="write expected.txt")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder that is not there yet, for callgrind's files")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    build = arguments.build.resolve()
    try:
        check(build)
    except Refused as reason:
        print(f"SKIPPED [1] tests/instructions/count.py: {reason}")  # as pytest says it, for the summary of tests/run
        return SKIPPED
    expected, wrong = read_expected(), []
    with tempfile.TemporaryDirectory(prefix="cleat-instructions-") as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        if arguments.keep:
            folder.mkdir(parents=True)
        for name in arguments.cases or CASES:
            count = count_case(build, name, CASES[name], folder)
            if arguments.write:
                print(f"{name:<10} {count:>8}", flush=True)
                expected[name] = count
            elif name not in expected:
                wrong.append(f"{name}: {count} instructions a request, and expected.txt does not have it")
            elif text := judge(name, count, expected[name]):
                wrong.append(text)
    if arguments.write:
        write_expected({name: expected[name] for name in CASES if name in expected})
    for text in wrong:
        print(f"FAILED: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
