"""h2spec, in the clear and over TLS: every case of RFC 7540 and 7541 that it has."""
# ctest: timeout 600

import re
import subprocess

import pytest
from certificates import Authority
from go_tools import go_tool
from origin import reply
from proxy import to_origin


@pytest.fixture(scope="module")
def h2spec():
    return go_tool("h2spec", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible")


@pytest.mark.parametrize("wire", ["clear", "tls"])
def test_h2spec(start, origin, h2spec, wire, tmp_path):
    async def handler(connection, _):
        connection.send(reply(b"x" * 1000))  # what changes windows in the middle of a body needs one

    origin.handler = handler
    options = {"protocols": ["http2"]} if wire == "clear" else {"tls": Authority(tmp_path).leaf("DNS:localhost", "IP:127.0.0.1").pair()}
    proxy = start(to_origin(origin, options))
    done = subprocess.run([h2spec, "-h", "127.0.0.1", "-p", str(proxy.port), "-o", "5", *(["-t", "-k"] if wire == "tls" else [])],
                          capture_output=True, text=True, timeout=300)
    counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    print(counts and counts[0])
    assert counts and int(counts[2]) == int(counts[1]) >= 145, done.stdout[done.stdout.find("Failures:"):]
