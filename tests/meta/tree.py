"""The tree as these tests see it: the tracked files (or, outside of git, all but build/), read once each."""

import functools
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CLEAT_BUILD", SOURCE / "build/dev")).resolve()


@functools.cache
def files():
    """Paths relative to the root: what git tracks or would track, so that a new file is held to the rules before its commit."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE, capture_output=True)
    if listed.returncode == 0 and listed.stdout:
        found = {pathlib.PurePosixPath(name) for name in listed.stdout.decode().split("\0") if name}
    else:  # an unpacked archive
        found = {path.relative_to(SOURCE) for path in SOURCE.rglob("*") if path.is_file()}
        found = {path for path in found if path.parts[0] not in ("build", ".git") and "__pycache__" not in path.parts}
    return sorted(path for path in found if (SOURCE / path).is_file())


@functools.cache
def text(path):
    """A file's text, or None where it is not text."""
    data = (SOURCE / path).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def below(folder, *endings):
    return [path for path in files() if path.parts[: len(pathlib.PurePosixPath(folder).parts)] == pathlib.PurePosixPath(folder).parts
            and (not endings or path.name.endswith(endings))]


def lines(path):
    return (text(path) or "").splitlines()
