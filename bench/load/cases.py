"""The cases: what is asked of a proxy, by which load generator, and what must come back."""

import json
import os
import re
import subprocess

CONNECTIONS, PER_SECOND, RATE_CONNECTIONS = 64, 2_000, 16
LOAD_S_MAX = 300
SMALL = bytes(ord("a") + at % 26 for at in range(128))
LARGE = bytes(ord("a") + at % 26 for at in range(65_536))
POSTED = 16 * 1024
TYPICAL = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "de-CH,de;q=0.8,en;q=0.5",
    "accept-encoding": "gzip, deflate, br",
    "referer": "https://shop.example.org/catalogue/boats?page=3&sort=price",
    "cookie": "session=4f7a1d0c93b84be2a6f5; theme=dark; consent=2026-11-01; basket=17,23,42,108",
    "authorization": "Bearer " + "b0a7c1ea7" * 8,
    "x-trace": "00-5d1e8f0a7b3c4d2e9f6a1b0c8d7e4f3a-1a2b3c4d5e6f7081-01",
}
# Case: the listener it goes to, and what it is.
CASES = {
    "get": ("h1", "GET, 128-byte answer, kept alive, 64 connections"),
    "typical": ("h1", "as get, with eight more request fields: a head of some 600 bytes"),
    "large": ("h1", "GET, 64 KiB answer"),
    "post": ("h1", "POST of 16 KiB, echoed"),
    "close": ("h1", "as get, one connection of the client for each request"),
    "h2c": ("h2c", "HTTP/2 without TLS, 4 connections of 16 streams, to the same HTTP/1.1 origin"),
    "tls": ("tls", "as get, over TLS 1.3, AES-128-GCM, P-256 certificate"),
    "rate": ("h1", f"as get, {PER_SECOND:,} requests/s in an open loop on {RATE_CONNECTIONS} connections; latency from when each was due"),
}


class WrongAnswer(Exception):
    pass


def fields(headers):
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


def curl(port, path, *options, scheme="http", sent=None):
    """(status, HTTP version, head and body)."""
    done = subprocess.run(["curl", "-sS", "-i", "--noproxy", "*", "--max-time", "10", "-w", "%{stderr}%{http_code} %{http_version}", *options,
                           f"{scheme}://127.0.0.1:{port}{path}"], input=sent, capture_output=True)
    if done.returncode != 0:
        raise WrongAnswer(f"curl: {done.stderr.decode(errors='replace').strip()}")
    status, version = done.stderr.decode().split()
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return int(status), version, head.decode(errors="replace").lower(), body


def expect(what, good):
    if not good:
        raise WrongAnswer(what)


def check(case, port, adds=False):
    """Raises WrongAnswer unless a proxy there does what the case is about. `adds`: it must have added a field each way."""
    scheme, path, options, sent, body, version = "http", "/", [], None, SMALL, "1.1"
    if case == "h2c":
        options, version = ["--http2-prior-knowledge"], "2"
    elif case == "tls":
        scheme, options = "https", ["-k", "--http1.1"]
        shown = subprocess.run(["openssl", "s_client", "-brief", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-connect", f"127.0.0.1:{port}"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10).stderr
        expect(f"not TLS 1.3 with AES-128-GCM: {shown}", "TLSv1.3" in shown and "TLS_AES_128_GCM_SHA256" in shown)
    if adds:
        _, _, head, seen = curl(port, "/head", *options, scheme=scheme)
        expect("x-bench-response is missing in the response", "\r\nx-bench-response: 1" in head)
        expect("x-bench-request is missing in the request", b"\r\nx-bench-request: 1\r\n" in seen.lower())
    if case == "typical":
        _, _, _, seen = curl(port, "/head", *fields(TYPICAL))
        lost = [name for name, value in TYPICAL.items() if f"\r\n{name}: {value}\r\n".lower() not in seen.decode().lower()]
        expect(f"the origin did not see {', '.join(lost)}", not lost)
        options = fields(TYPICAL)
    elif case == "large":
        path, body = "/64k", LARGE
    elif case == "post":
        sent = body = os.urandom(POSTED)
        options = ["--data-binary", "@-", "-H", "Content-Type: application/octet-stream"]
    elif case == "close":
        options = ["-H", "Connection: close"]
    status, spoken, _, got = curl(port, path, *options, scheme=scheme, sent=sent)
    expect(f"status {status} over HTTP/{spoken}, wanted 200 over HTTP/{version}", status == 200 and spoken == version)
    expect(f"a body of {len(got)} bytes that is not the {len(body)} bytes it should be", got == body)


class Load:
    """The load generators, on their own cores. `folder`: for their scripts; `tools`: where `rate` is."""

    def __init__(self, folder, tools, cores):
        self.folder, self.tools, self.cores = folder, tools, cores
        (folder / "post.lua").write_text(f'wrk.method = "POST"\nwrk.body = string.rep("0123456789abcdef", {POSTED // 16})\n')
        # The one cipher that all peers are then measured with.
        (folder / "openssl.cnf").write_text("openssl_conf = first\n[first]\nssl_conf = second\n[second]\nsystem_default = third\n"
                                            "[third]\nMinProtocol = TLSv1.3\nCiphersuites = TLS_AES_128_GCM_SHA256\n")

    def run(self, *command):
        try:
            done = subprocess.run(["taskset", "-c", self.cores, *map(str, command)], capture_output=True, text=True, timeout=LOAD_S_MAX,
                                  env={**os.environ, "OPENSSL_CONF": str(self.folder / "openssl.cnf")})
        except subprocess.TimeoutExpired:
            raise WrongAnswer(f"{command[0]} did not end within {LOAD_S_MAX} s") from None
        if done.returncode != 0:
            raise WrongAnswer(f"{command[0]}: {(done.stderr + done.stdout)[-500:]}")
        return done.stdout

    def wrk(self, url, seconds, *options, threads=1):
        text = self.run("wrk", f"-t{threads}", f"-c{CONNECTIONS}", f"-d{seconds}s", *options, url)
        requests, took, unit = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text).groups()
        bad = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
        bad += sum(int(each) for line in re.findall(r"Socket errors: (.*)", text) for each in re.findall(r"\d+", line))
        return {"requests": int(requests), "seconds": float(took) * {"ms": 0.001, "s": 1, "m": 60}[unit], "bad": bad}

    def drive(self, case, port, seconds):
        """The case for so long; raises WrongAnswer if a request failed."""
        url = f"http://127.0.0.1:{port}/"
        if case == "h2c":
            text = self.run("h2load", "-t1", "-c4", "-m16", "-D", seconds, url)
            row = {"requests": int(re.search(r"status codes: (\d+) 2xx", text)[1]), "seconds": float(seconds), "bad": int(re.search(r"(\d+) failed", text)[1])}
        elif case == "rate":
            found = json.loads(self.run(self.tools / "rate", port, PER_SECOND, max(seconds, 2), RATE_CONNECTIONS))
            row = {**found, "seconds": float(max(seconds, 2)), "bad": found["bad"] + found["unanswered"]}
        elif case == "tls":
            row = self.wrk(f"https://127.0.0.1:{port}/", seconds)
        else:
            options = {"post": ["-s", self.folder / "post.lua"], "close": ["-H", "Connection: close"], "typical": fields(TYPICAL)}.get(case, [])
            row = self.wrk(url + ("64k" if case == "large" else ""), seconds, *options)
        expect("no request was answered", row["requests"] > 0)
        expect(f"{row['bad']} of {row['requests']} requests failed", row["bad"] == 0)
        return row
