"""The Go package: formatted, vetted, its own tests passed, and every exported name documented. Its calls go through the headers that it is
compiled with, so its layout is theirs."""
# ctest: timeout 300

import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CLEAT_BUILD", SOURCE / "build/dev")).resolve()
PACKAGES = [SOURCE / "plugin_api/go", SOURCE / "examples/tutorial_go", SOURCE / "tests/e2e/sdk_plugins/go",
            SOURCE / "tests/e2e/sdk_extensions/go"]
pytestmark = pytest.mark.skipif(not shutil.which("go"), reason="SKIPPED: no go on this machine (tests/install installs it)")


def go(*command, cwd):
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOCACHE": str(BUILD / "go-cache")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_passes_its_own_tests():
    assert "ok" in go("go", "test", ".", cwd=PACKAGES[0])


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_go_vet_finds_nothing_and_the_format_is_gofmt_s(folder):
    go("go", "vet", ".", cwd=folder)
    gofmt = shutil.which("gofmt") or pathlib.Path(go("go", "env", "GOROOT", cwd=folder).strip()) / "bin/gofmt"
    assert go(gofmt, "-l", ".", cwd=folder) == ""
