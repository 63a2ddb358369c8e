"""h2spec over cleartext: every case of RFC 7540 and 7541 that it has. Where it is not installed it is built with Go, once for a build folder."""
# ctest: timeout 600

import os
import re
import shutil
import subprocess

import pytest
from proxy import BUILD, to_origin

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"


def config(origin):
    return to_origin(origin, {"protocols": ["http2"]})


@pytest.fixture(scope="module")
def h2spec():
    folder = BUILD / "tools"
    found = shutil.which("h2spec") or shutil.which(folder / "h2spec")
    if found:
        return found
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        pytest.skip("SKIPPED: no h2spec on this machine, and no Go to build it with")
    done = subprocess.run([go, "install", MODULE], capture_output=True, text=True, timeout=500, env={**os.environ, "GOBIN": str(folder), "GO111MODULE": "on"})
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: h2spec could not be built: {done.stderr[-500:]}")
    return folder / "h2spec"


def test_h2spec_over_cleartext(proxy, origin, h2spec):
    done = subprocess.run([str(h2spec), "-h", "127.0.0.1", "-p", str(proxy.port), "-o", "5"], capture_output=True, text=True, timeout=300)
    counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    print(counts and counts[0])
    assert counts and int(counts[1]) >= 140 and int(counts[3]) <= 1 and counts[4] == "0", done.stdout[done.stdout.find("Failures:"):]
