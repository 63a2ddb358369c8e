"""Peers that are written in Go: from the PATH, or built with Go, once for a build folder; where there is neither the test is skipped and says so."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from proxy import BUILD


def go_tool(name, module, built_as=None):
    folder = BUILD / "tools"
    found = shutil.which(name) or shutil.which(folder / name)
    if found:
        return str(found)
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        pytest.skip(f"SKIPPED: no {name} on this machine, and no Go to build it with")
    folder.mkdir(exist_ok=True)
    into = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}.", dir=folder))  # another test may be building it too
    done = subprocess.run(["nice", "-n", "19", go, "install", module], capture_output=True, text=True, timeout=500, env={**os.environ, "GOBIN": str(into), "GO111MODULE": "on"})
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: {name} could not be built: {done.stderr[-500:]}")
    (into / (built_as or name)).rename(folder / name)
    shutil.rmtree(into)
    return str(folder / name)
