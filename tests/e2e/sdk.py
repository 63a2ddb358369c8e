"""Plugins built as a stranger would, from the installed SDK alone, in each of its languages."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest
from proxy import BUILD, SOURCE

LANGUAGES = ("c", "cpp", "rust", "go")
TOOLS = {"c": ("cmake", "cc"), "cpp": ("cmake", "c++"), "rust": ("cargo", "rustc"), "go": ("go", "cc")}
BUILT = {"c": "build/plugins/{}.so", "cpp": "build/plugins/{}.so", "rust": "target/release/lib{}.so", "go": "{}.so"}


installed = None  # the prefix in use


def need(language):
    for name in TOOLS[language]:
        if not shutil.which(name):
            pytest.skip(f"SKIPPED: no {name} on this machine (tests/install installs it)")


def environment():
    """No network, and what compilers keep stays in the build folder."""
    return {**os.environ, "CARGO_NET_OFFLINE": "true", "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local",
            "GOCACHE": str(BUILD / "go-cache")}


def run(*command, cwd=None, seconds=280):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=seconds, env=environment())
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@contextlib.contextmanager
def prefix(name):
    """Where the SDK and the program are installed. A test file has its own, always the same: what compilers keep is found again."""
    global installed
    installed = BUILD / "sdk-prefix" / name
    shutil.rmtree(installed, ignore_errors=True)
    for component in ("sdk", "runtime"):
        run("cmake", "--install", BUILD, "--component", component, "--prefix", installed)
    yield installed
    shutil.rmtree(installed)


def build(language, folder, name):
    """Builds the project in the folder as its README says; the plugin's file."""
    if language in ("c", "cpp"):
        run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={installed}")
        run("cmake", "--build", folder / "build")
    elif language == "rust":
        run("cargo", "build", "--release", cwd=folder)
    else:
        run("go", "build", "-buildmode=c-shared", "-o", f"{name}.so", ".", cwd=folder)
    file = pathlib.Path(folder) / BUILT[language].format(name)
    run(SOURCE / "tests/abi/exports.sh", "--undefined", alone(file))
    return file


def build_copy(source, language, folder, name):
    """The same of a copy of a Rust or Go project of this tree, against what is installed."""
    need(language)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("target", "Cargo.lock", "*.so"))
    for file in (one for one in (folder / "Cargo.toml", folder / "go.mod") if one.exists()):
        file.write_text(file.read_text().replace("../../../../plugin_api", str(installed / "share/cleat")))
    return build(language, folder, name)


def alone(file):
    """A folder that holds this plugin and nothing else."""
    folder = file.parent / "alone"
    folder.mkdir(exist_ok=True)
    shutil.copy(file, folder)
    return folder
